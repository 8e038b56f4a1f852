"""A raw number or text ↔ registers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.profile import WORDS, Table, ValueType
from gateway.sim.words import Raw, Slot, bounds, from_words, to_words

_WHOLE = [kind for kind in WORDS if kind not in (ValueType.FLOAT32, ValueType.FLOAT64)]


def slot(kind: ValueType, words: int | None = None, *, low_word: bool = False, low_byte: bool = False) -> Slot:
    return Slot(Table.HOLDING, 0, kind, words or WORDS[kind], low_word, low_byte)


@pytest.mark.parametrize(
    ("place", "raw", "words"),
    [
        (slot(ValueType.INT16), -2, (0xFFFE,)),
        (slot(ValueType.INT16, low_byte=True), 0x1234, (0x3412,)),
        (slot(ValueType.UINT32), 0x12345678, (0x1234, 0x5678)),
        (slot(ValueType.UINT32, low_word=True), 0x12345678, (0x5678, 0x1234)),
        (slot(ValueType.UINT32, low_word=True, low_byte=True), 0x12345678, (0x7856, 0x3412)),
        (slot(ValueType.INT32), -1000, (0xFFFF, 0xFC18)),
        (slot(ValueType.UINT48), 0x123456789ABC, (0x1234, 0x5678, 0x9ABC)),
        (slot(ValueType.FLOAT32), 10234.56, (0x461F, 0xEA3D)),
        (slot(ValueType.FLOAT64), 1.0, (0x3FF0, 0, 0, 0)),
        (slot(ValueType.BCD32), 12345678, (0x1234, 0x5678)),
        (slot(ValueType.MOD10K_48), 123_4567_8901, (123, 4567, 8901)),
        (slot(ValueType.MOD10K_32, low_word=True), 1_2345, (2345, 1)),
        (slot(ValueType.STRING, 2), "C2", (0x4332, 0)),
        (slot(ValueType.STRING, 1, low_byte=True), "C2", (0x3243,)),
        (slot(ValueType.BIT), 1, (1,)),
    ],
)
def test_known_registers(place: Slot, raw: Raw, words: tuple[int, ...]) -> None:
    """Registers written by hand from the rules of each type are what the simulator makes of the number."""
    assert to_words(place, raw) == words
    assert from_words(place, words) == raw


@given(
    st.sampled_from(_WHOLE),
    st.floats(min_value=0, max_value=1),
    st.booleans(),
    st.booleans(),
)
def test_whole_numbers_come_back(kind: ValueType, part: float, low_word: bool, low_byte: bool) -> None:  # noqa: FBT001
    """Every whole number that fits a type comes back from its registers, in every order of words and bytes."""
    place = slot(kind, low_word=low_word, low_byte=low_byte and kind is not ValueType.BIT)
    low, high = bounds(place)
    raw = min(int(high), int(low) + int(part * (int(high) - int(low))))
    assert from_words(place, to_words(place, raw)) == raw


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_precision_comes_back_as_the_same_pattern(number: float) -> None:
    """The decimal number read from a 32-bit float has the registers it was read from."""
    place = slot(ValueType.FLOAT32)
    words = to_words(place, number)
    back = from_words(place, words)
    assert back is not None
    assert to_words(place, back) == words


def test_single_precision_has_no_noise() -> None:
    """230.1 in 32 bits is read as 230.1, not as 230.10000610351562."""
    assert from_words(slot(ValueType.FLOAT32), (0x4366, 0x199A)) == 230.1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ValueType.FLOAT32, (0x7FBF, 0xFF80)),
        (ValueType.FLOAT32, (0xFF80, 0)),
        (ValueType.FLOAT64, (0x7FF8, 0, 0, 1)),
        (ValueType.BCD16, (0x12AF,)),
        (ValueType.MOD10K_32, (1, 10000)),
    ],
)
def test_what_is_no_number_gives_none(kind: ValueType, words: tuple[int, ...]) -> None:
    """NaN, infinity and impossible digits are no number."""
    assert from_words(slot(kind), words) is None


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (ValueType.UINT16, 65536),
        (ValueType.UINT16, -1),
        (ValueType.INT16, 32768),
        (ValueType.BCD16, 10000),
        (ValueType.BIT, 2),
    ],
)
def test_what_does_not_fit_is_refused(kind: ValueType, raw: int) -> None:
    """A number outside a type's range is refused with the range, never wrapped."""
    with pytest.raises(ValueError, match="does not fit"):
        to_words(slot(kind), raw)


def test_long_text_is_refused() -> None:
    """Text that does not fit its registers is refused."""
    with pytest.raises(ValueError, match="longer than 2 characters"):
        to_words(slot(ValueType.STRING, 1), "ABC")
