"""A raw number or text ↔ its registers, for every value type, written without the decoder that the drivers use."""

import struct
import sys
from dataclasses import dataclass
from typing import Final

from drivers.profile import RegisterField, Table, ValueType

Raw = int | float | str

_SIGNED: Final = frozenset({ValueType.INT16, ValueType.INT32, ValueType.INT64})
_FLOATS: Final = {ValueType.FLOAT32: ">f", ValueType.FLOAT64: ">d"}
_BCD: Final = frozenset({ValueType.BCD16, ValueType.BCD32, ValueType.BCD64})
_MOD10K: Final = frozenset({ValueType.MOD10K_32, ValueType.MOD10K_48, ValueType.MOD10K_64})
_LARGEST_SINGLE: Final = 3.40282347e38
"""With 9 digits, which are enough to find the pattern again."""
_BITS: Final = frozenset({ValueType.BITS16, ValueType.BITS32})


@dataclass(frozen=True, slots=True)
class Slot:
    """Where and how one value lies in a device."""

    table: Table
    address: int
    type: ValueType
    words: int
    low_word_first: bool = False
    low_byte_first: bool = False

    @property
    def end(self) -> int:
        """The address behind the last register."""
        return self.address + self.words

    @property
    def is_bits(self) -> bool:
        """True where `states` names bit numbers."""
        return self.type in _BITS

    @property
    def is_text(self) -> bool:
        """True where the value is a string."""
        return self.type is ValueType.STRING

    @property
    def is_float(self) -> bool:
        """True where the value has a fraction of its own."""
        return self.type in _FLOATS


def slot_of(field: RegisterField, *, table: Table | None, word_order: str | None, shift: int = 0) -> Slot:
    """Return the place of a profile's field, with what the profile says for all of them.

    Args:
        field: What the profile says.
        table: Used where the field names none.
        word_order: Used where the field names none.
        shift: Added to the address, for the second and later instances.

    Raises:
        ValueError: nobody states the table.
    """
    chosen = field.table or table
    if chosen is None:
        raise ValueError(f"no table is stated for address {field.address}")
    return Slot(
        table=chosen,
        address=field.address + shift,
        type=field.type,
        words=field.words,
        low_word_first=(field.word_order or word_order) == "little" and field.type is not ValueType.STRING,
        low_byte_first=field.byte_order == "little",
    )


def bounds(slot: Slot) -> tuple[float, float]:
    """Return the lowest and the highest raw number that the slot can hold.

    Raises:
        ValueError: the slot holds text.
    """
    kind, bits = slot.type, 16 * slot.words
    if kind in _FLOATS:
        limit = _LARGEST_SINGLE if kind is ValueType.FLOAT32 else sys.float_info.max
        return -limit, limit
    if kind is ValueType.STRING:
        raise ValueError("text has no bounds")
    if kind is ValueType.BIT:
        return 0, 1
    if kind in _SIGNED:
        return -(1 << bits - 1), (1 << bits - 1) - 1
    if kind in _BCD or kind in _MOD10K:
        return 0, 10 ** (4 * slot.words) - 1
    return 0, (1 << bits) - 1


def to_words(slot: Slot, raw: Raw) -> tuple[int, ...]:
    """Return the registers that hold the number or text.

    Raises:
        ValueError: it does not fit; the message says what would.
    """
    if slot.is_text:
        return _ordered(slot, _text_words(str(raw), slot.words))
    if isinstance(raw, str):
        raise ValueError(f"{raw!r} is text, and {slot.type} holds a number")
    low, high = bounds(slot)
    number = raw if slot.is_float else round(raw)
    if not low <= number <= high:
        raise ValueError(f"{raw:g} does not fit {slot.type}, which holds {low:g} to {high:g}")
    return from_code(slot, _code_of(slot, number))


def from_code(slot: Slot, code: int) -> tuple[int, ...]:
    """Return the registers whose bits, highest first, are the code."""
    if slot.type is ValueType.BIT:
        return (code,)
    words = tuple(code >> 16 * index & 0xFFFF for index in reversed(range(slot.words)))
    return _ordered(slot, words)


def code_of(slot: Slot, words: tuple[int, ...]) -> int:
    """Return the bits of the registers as one unsigned number."""
    code = 0
    for word in _ordered(slot, words):
        code = code << 16 | word
    return code


def from_words(slot: Slot, words: tuple[int, ...]) -> Raw | None:
    """Return the number or text in the registers, None where they hold none (NaN, infinity, no decimal digits)."""
    if slot.is_text:
        octets = b"".join(word.to_bytes(2, "big") for word in _ordered(slot, words))
        return octets.decode("latin-1").strip("\x00\xff ")
    code = code_of(slot, words)
    if slot.type in _FLOATS:
        return _real(slot.type, code)
    if slot.type in _SIGNED:
        return code - (1 << 16 * slot.words) if code >> 16 * slot.words - 1 else code
    if slot.type in _BCD:
        digits = f"{code:x}"
        return int(digits) if digits.isdecimal() else None
    if slot.type in _MOD10K:
        return _from_mod10k(code, slot.words)
    return code


def _ordered(slot: Slot, words: tuple[int, ...]) -> tuple[int, ...]:
    """Swap between the order on the wire and the order of significance; twice is nothing."""
    if slot.low_word_first:
        words = words[::-1]
    if slot.low_byte_first:
        words = tuple((word & 0xFF) << 8 | word >> 8 for word in words)
    return words


def _code_of(slot: Slot, number: float) -> int:
    if slot.type in _FLOATS:
        return int.from_bytes(struct.pack(_FLOATS[slot.type], number), "big")
    whole = int(number)
    if slot.type in _BCD:
        return int(str(whole), 16)
    if slot.type in _MOD10K:
        code = 0
        for index in reversed(range(slot.words)):
            code = code << 16 | whole // 10000**index % 10000
        return code
    return whole & (1 << 16 * slot.words) - 1


def _from_mod10k(code: int, words: int) -> int | None:
    number = 0
    for index in reversed(range(words)):
        digits = code >> 16 * index & 0xFFFF
        if digits > 9999:  # noqa: PLR2004 - four decimal digits are what the type is
            return None
        number = number * 10000 + digits
    return number


def _real(kind: ValueType, code: int) -> float | None:
    """Return the shortest decimal number that has this pattern, so that 230.1 stays 230.1 in 32 bits."""
    octets = code.to_bytes(4 if kind is ValueType.FLOAT32 else 8, "big")
    (number,) = struct.unpack(_FLOATS[kind], octets)
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is not itself
        return None
    if kind is ValueType.FLOAT64:
        return float(number)
    for digits in range(7, 9):
        short = float(f"{number:.{digits}g}")
        if abs(short) <= _LARGEST_SINGLE and struct.pack(">f", short) == octets:
            return short
    return float(f"{number:.9g}")


def _text_words(text: str, words: int) -> tuple[int, ...]:
    octets = text.encode("latin-1", "replace")
    if len(octets) > 2 * words:
        raise ValueError(f"{text!r} is longer than {2 * words} characters")
    padded = octets.ljust(2 * words, b"\x00")
    return tuple(int.from_bytes(padded[index : index + 2], "big") for index in range(0, 2 * words, 2))
