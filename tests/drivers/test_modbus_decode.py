"""Registers to values: every type, order and code, against struct and decimal arithmetic."""

import struct
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.link_line import Line
from drivers.modbus.decode import Decoder, decode_slot
from drivers.modbus.digits import from_bcd, from_mod10k, number_in, shortest32, text_of
from drivers.modbus.plan import Limits, plan_reads
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.spec import PointSpec, Slot, Straight, exact, straight
from drivers.modbus.timing import BusTiming
from drivers.modbus.unpack import compile_unpack
from drivers.modbus.value import measure
from drivers.profile import WORDS, Table, ValueType

BUS = BusTiming(RtuFraming(), Line(0.001, 0.004, 0.03).character_s, 0.02)
ONE = Straight(1, 0, 1)
WIDE = (-1e300, 1e300)


def spec(type_: ValueType, *, words: int | None = None, address: int = 0, **more: Any) -> PointSpec:  # noqa: ANN401 - fields of PointSpec
    """Return a point in the holding registers from address 0."""
    orders = {key: more.pop(key) for key in ("low_word_first", "low_byte_first") if key in more}
    table = more.pop("table", Table.HOLDING)
    slot = Slot(table, address, words or WORDS[type_], type_, **orders)
    return PointSpec(**{"name": "point", "slots": (slot,), "straight": ONE, "limits": WIDE, **more})


def value_of(point: PointSpec, registers: Sequence[int]) -> float | int | None:
    """Return the point's value when the registers from address 0 are these."""
    blocks = plan_reads([point], limits=Limits(), bus=BUS).blocks
    payloads = [
        struct.pack(f">{block.count}H", *registers[block.address : block.address + block.count]) for block in blocks
    ]
    (value,) = Decoder(["point"], {"point": point}, blocks).decode(payloads).values
    return value


def words(fmt: str, number: float) -> list[int]:
    """Return big-endian registers of a number."""
    octets = struct.pack(">" + fmt, number)
    return [int.from_bytes(octets[index : index + 2], "big") for index in range(0, len(octets), 2)]


NUMBERS = [
    (ValueType.UINT16, "H", 65534),
    (ValueType.INT16, "h", -12345),
    (ValueType.UINT32, "I", 4294967294),
    (ValueType.INT32, "i", -1234567890),
    (ValueType.UINT64, "Q", 123456789012345),
    (ValueType.INT64, "q", -123456789012345),
    (ValueType.FLOAT32, "f", 1234.5),
    (ValueType.FLOAT64, "d", -9876543.21),
]


@pytest.mark.parametrize(("kind", "fmt", "number"), NUMBERS)
@pytest.mark.parametrize("low_word_first", [False, True])
@pytest.mark.parametrize("low_byte_first", [False, True])
def test_numbers_in_every_order(
    kind: ValueType, fmt: str, number: float, *, low_word_first: bool, low_byte_first: bool
) -> None:
    """A number is the same in whichever order its words and bytes come."""
    registers = words(fmt, number)
    if low_word_first:
        registers.reverse()
    if low_byte_first:
        registers = [(word & 0xFF) << 8 | word >> 8 for word in registers]
    assert value_of(spec(kind, low_word_first=low_word_first, low_byte_first=low_byte_first), registers) == number


@pytest.mark.parametrize(
    ("kind", "registers", "number"),
    [
        (ValueType.UINT48, [0x0001, 0x0000, 0x0002], 4294967298),
        (ValueType.BCD16, [0x1234], 1234),
        (ValueType.BCD32, [0x1234, 0x5678], 12345678),
        (ValueType.BCD64, [0x0000, 0x1234, 0x5678, 0x9012], 123456789012),
        (ValueType.MOD10K_32, [1234, 5678], 12345678),
        (ValueType.MOD10K_48, [1, 2345, 6789], 123456789),
        (ValueType.MOD10K_64, [0, 9999, 9999, 9999], 999999999999),
        (ValueType.BCD16, [0x12A4], None),
        (ValueType.MOD10K_32, [1, 10000], None),
        (ValueType.MOD10K_48, [0xFFFF, 0xFFFF, 0xFFFF], None),
    ],
)
@pytest.mark.parametrize("low_word_first", [False, True])
def test_decimal_and_odd_numbers(
    kind: ValueType, registers: list[int], number: int | None, *, low_word_first: bool
) -> None:
    """Decimal digits and three-register numbers are read in both word orders; what is no digit is no value."""
    held = registers[::-1] if low_word_first else registers
    assert value_of(spec(kind, low_word_first=low_word_first), held) == number


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"ABB B23\0\0\0\0\0\0\0\0\0", "ABB B23"),
        (b"ABB B23         ", "ABB B23"),
        (b"ABB B23\xff\xff\xff\xff\xff\xff\xff\xff\xff", "ABB B23"),
        (b"ABB\0leftovers   ", "ABB"),
        (b"  ABB           ", "ABB"),
        (b"\0" * 16, ""),
    ],
)
def test_text_without_its_padding(octets: bytes, text: str) -> None:
    """NUL, space and 0xFF behind a text do not belong to it, nor does what stands behind a NUL."""
    assert text_of(octets) == text
    swapped = b"".join(octets[index + 1 : index + 2] + octets[index : index + 1] for index in range(0, 16, 2))
    plain = Slot(Table.HOLDING, 0, 8, ValueType.STRING)
    assert decode_slot(plain, octets) == (text or None)
    assert decode_slot(Slot(Table.HOLDING, 0, 8, ValueType.STRING, low_byte_first=True), swapped) == (text or None)


@pytest.mark.parametrize(
    ("text", "number"), [("  230.1 ", 230.1), ("-7", -7.0), ("12,5", 12.5), ("C2", None), ("", None)]
)
def test_numbers_in_characters(text: str, number: float | None) -> None:
    """A device may spell its numbers; what is not a number is no value."""
    octets = text.encode().ljust(8, b"\0")
    registers = [int.from_bytes(octets[index : index + 2], "big") for index in range(0, 8, 2)]
    assert value_of(spec(ValueType.STRING, words=4), registers) == number
    digits = number_in(text)
    assert (None if digits is None else digits[0] / 10 ** digits[1]) == number


@pytest.mark.parametrize(
    ("kind", "absent", "registers"),
    [
        (ValueType.UINT16, 0xFFFF, [0xFFFF]),
        (ValueType.INT16, 0x8000, [0x8000]),
        (ValueType.INT16, 0xFD7A, words("h", -646)),
        (ValueType.UINT32, 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        (ValueType.INT32, 0x7FFFFFFF, [0x7FFF, 0xFFFF]),
        (ValueType.INT32, 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        (ValueType.UINT48, 0xFFFFFFFFFFFF, [0xFFFF] * 3),
        (ValueType.UINT64, 0xFFFFFFFFFFFFFFFF, [0xFFFF] * 4),
        (ValueType.INT64, 0x8000000000000000, [0x8000, 0, 0, 0]),
        (ValueType.FLOAT32, 0xC61C3C00, words("f", -9999.0)),
        (ValueType.FLOAT64, 0xC0C3878000000000, words("d", -9999.0)),
        (ValueType.BCD16, 0x9999, [0x9999]),
        (ValueType.BITS16, 0xFFFF, [0xFFFF]),
    ],
)
def test_codes_for_no_value(kind: ValueType, absent: int, registers: list[int]) -> None:
    """A code that the profile names is no value, as an unsigned number whatever the type."""
    assert value_of(spec(kind, absent=frozenset({absent})), registers) is None
    assert value_of(spec(kind, absent=frozenset({absent ^ 1, 1 << 70})), registers) is not None


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7FBFFF80, 0xFFFFFFFF, 0x7F800000, 0xFF800000])
def test_floats_that_are_no_numbers(bits: int) -> None:
    """NaN of any payload, and infinity, are no value."""
    registers = [bits >> 16, bits & 0xFFFF]
    assert value_of(spec(ValueType.FLOAT32), registers) is None
    assert value_of(spec(ValueType.FLOAT64), words("d", float("nan"))) is None
    assert value_of(spec(ValueType.FLOAT64), words("d", float("-inf"))) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (230.1, "230.1"), (0.1, "0.1"), (10234.56, "10234.56"), (16777216.0, "16777216"), (1e-7, "1e-07"),
        (3.4028234663852886e38, "3.4028235e+38"), (1.401298464324817e-45, "1.401298e-45"), (-49.98, "-49.98"),
        (8388609.0, "8388609"), (0.0, "0.0"), (1 / 3, "0.33333334"), (123456789.0, "123456790.0"),
    ],
)  # fmt: skip
def test_float32_noise_stops_here(number: float, text: str) -> None:
    """A float32 is published as the shortest decimal that it stands for."""
    assert value_of(spec(ValueType.FLOAT32), words("f", number)) == float(text)


@given(st.floats(width=32))
def test_shortest_decimal_of_every_float32(number: float) -> None:
    """The decimal has at most 9 digits, gives the same float32 back, and none of 7 digits or more is shorter."""
    digits = shortest32(number)
    assume(digits is not None)
    assert digits is not None
    decimal = Decimal(digits[0]).scaleb(-digits[1])
    assert struct.pack(">f", float(decimal)) == struct.pack(">f", number + 0.0 if number else 0.0)
    used = len(str(abs(digits[0])).rstrip("0"))
    assert used <= 9
    for fewer in range(7, used):
        shorter = Decimal(f"{number:.{fewer}g}")
        try:
            assert struct.pack(">f", float(shorter)) != struct.pack(">f", number)
        except OverflowError:
            continue


@given(
    st.sampled_from([ValueType.UINT16, ValueType.INT32, ValueType.UINT32, ValueType.INT64, ValueType.UINT64]),
    st.integers(0, (1 << 64) - 1),
    st.sampled_from(["1", "0.1", "0.01", "0.001", "1000", "-0.1", "0.0002777777777777778", "2.5", "1e-7"]),
    st.sampled_from(["0", "-273.15", "0.5", "-17.77777777777778"]),
)
def test_values_are_exact_to_15_digits(kind: ValueType, code: int, scale: str, offset: str) -> None:
    """Raw * scale + offset is computed as decimals are by hand, and rounded once to 15 significant digits."""
    bits = 16 * WORDS[kind]
    code &= (1 << bits) - 1
    raw = code - (1 << bits) if kind.startswith("int") and code >> bits - 1 else code
    registers = [code >> 16 * index & 0xFFFF for index in reversed(range(bits // 16))]
    line = straight(exact(float(scale)), exact(float(offset)))
    value = value_of(spec(kind, straight=line), registers)
    by_hand = Fraction(raw) * Fraction(repr(float(scale))) + Fraction(repr(float(offset)))
    assert isinstance(value, float)
    assert value == float(f"{value:.15g}")
    assert abs(Fraction(value) - by_hand) <= abs(by_hand) * Fraction(52, 10**16)


@pytest.mark.parametrize(
    ("kind", "registers", "scale", "value"),
    [
        (ValueType.UINT16, [2301], "0.1", 230.1),
        (ValueType.UINT64, words("Q", 123456789012345), "0.001", 123456789012.345),
        (ValueType.UINT64, words("Q", 18446744073709551614), "0.001", 1.84467440737096e16),
        (ValueType.UINT32, words("I", 1234567891), "0.0001", 123456.7891),
        (ValueType.FLOAT32, words("f", 1.2345), "1000", 1234.5),
        (ValueType.FLOAT32, words("f", 12345678.0), "0.001", 12345.678),
        (ValueType.FLOAT64, words("d", 0.1 + 0.2), "1", 0.3),
        (ValueType.FLOAT64, words("d", 123456.789), "0.001", 123.456789),
    ],
)
def test_values_as_a_person_writes_them(kind: ValueType, registers: list[int], scale: str, value: float) -> None:
    """No noise of binary arithmetic is left in a value."""
    assert value_of(spec(kind, straight=straight(exact(float(scale)), Fraction(0))), registers) == value


def test_parts_and_power_of_ten() -> None:
    """Parts are added each with its own scale, and a power of ten from a register moves the point."""
    slots = (Slot(Table.HOLDING, 0, 1, ValueType.UINT16), Slot(Table.HOLDING, 1, 1, ValueType.UINT16))
    total = PointSpec("point", slots, ONE, WIDE, weights=(Fraction(1), Fraction(1000)))
    assert value_of(total, [512, 7]) == 7512.0
    exponent = Slot(Table.HOLDING, 1, 1, ValueType.INT16)
    scaled = spec(ValueType.INT16, exponent=exponent, exponent_absent=frozenset({0x8000}))
    assert value_of(scaled, [4567, 0xFFFE]) == 45.67
    assert value_of(scaled, [4567, 2]) == 456700.0
    assert value_of(scaled, [4567, 0x8000]) is None
    assert value_of(scaled, [4567, 100]) is None
    double = spec(ValueType.FLOAT64, exponent=Slot(Table.HOLDING, 4, 1, ValueType.INT16))
    assert value_of(double, [*words("d", 1.5), 1]) == 15.0
    assert value_of(double, [*words("d", 1e250), 1]) is None


def test_states() -> None:
    """A state is the vocabulary's code of the device's code; a code that nobody listed is no value."""
    states = {1: 10, -2: 20}
    number = spec(ValueType.INT16, states=states, is_integer=True)
    assert [value_of(number, [word]) for word in (1, 0xFFFE, 5)] == [10, 20, None]
    real = spec(ValueType.FLOAT32, states={3: 1}, is_integer=True)
    assert [value_of(real, words("f", number)) for number in (3.0, 3.5)] == [1, None]
    text = spec(ValueType.STRING, words=1, states={"C2": 2, "A1": 0}, is_integer=True)
    assert [value_of(text, [word]) for word in (0x4332, 0x4131, 0x4633)] == [2, 0, None]
    bits = spec(ValueType.BITS16, states={3: 1, 0: 2}, otherwise=0, is_integer=True)
    assert [value_of(bits, [word]) for word in (0b1001, 0b0001, 0b1000, 0b0110)] == [1, 2, 1, 0]
    assert value_of(spec(ValueType.BITS32, states={16: 1}, is_integer=True), [1, 0]) == 1
    assert value_of(spec(ValueType.BITS32, states={16: 1}, is_integer=True), [0, 1]) is None


def test_integers_stay_integers() -> None:
    """A code without a map travels as the whole number it is."""
    value = value_of(spec(ValueType.UINT32, is_integer=True), [0x0001, 0x0002])
    assert (value, type(value)) == (65538, int)
    assert value_of(spec(ValueType.UINT16, is_integer=True, straight=Straight(1, 0, 10)), [26]) == 3


def test_bits_of_a_table_of_bits() -> None:
    """Coils and discrete inputs are packed with the first one lowest."""
    table = Table.COIL
    points = {name: spec(ValueType.BIT, address=address, table=table, name=name) for name, address in
              (("a", 20), ("b", 27), ("c", 38))}  # fmt: skip
    (block,) = plan_reads(points.values(), limits=Limits(), bus=BUS).blocks
    decoder = Decoder(["c", "b", "a"], points, [block])
    # Modbus Application Protocol V1.1b3, section 6.1: outputs 20 to 38.
    assert decoder.decode([bytes.fromhex("CD 6B 05")]).values == (1.0, 1.0, 1.0)
    assert decoder.decode([bytes.fromhex("CC 6B 01")]).values == (0.0, 1.0, 0.0)
    assert decoder.registers([bytes.fromhex("CC 6B 01")]) == ((0,), (1,), (0,))


def test_registers_behind_the_values() -> None:
    """Raw registers come as they were on the wire, parts first and the power of ten last."""
    exponent = Slot(Table.HOLDING, 5, 1, ValueType.INT16)
    point = spec(ValueType.UINT32, address=2, low_word_first=True, exponent=exponent)
    (block,) = plan_reads([point], limits=Limits(), bus=BUS).blocks
    decoder = Decoder(["other", "point"], {"point": point}, [block])
    payload = struct.pack(">4H", 0x1111, 0x2222, 0x3333, 0x4444)
    assert decoder.registers([payload]) == ((), (0x1111, 0x2222, 0x4444))
    assert decoder.registers([None]) == ((), ())


def test_values_beyond_the_plausible_are_kept_and_marked() -> None:
    """A value outside its range stays a value, with a mark."""
    point = spec(ValueType.INT16, limits=(0.0, 100.0))
    (block,) = plan_reads([point], limits=Limits(), bus=BUS).blocks
    decoder = Decoder(["point"], {"point": point}, [block])
    marks = [decoder.decode([struct.pack(">h", raw)]).suspect for raw in (-1, 0, 100, 101)]
    assert marks == [frozenset({"point"}), frozenset(), frozenset(), frozenset({"point"})]


def test_slots_that_overlap() -> None:
    """One register may be part of several values."""
    slots = [
        Slot(Table.HOLDING, 0, 2, ValueType.UINT32),
        Slot(Table.HOLDING, 1, 1, ValueType.UINT16),
        Slot(Table.HOLDING, 1, 2, ValueType.UINT32, low_word_first=True),
    ]
    unpack, order = compile_unpack(slots, 0)
    found = dict(zip(order, unpack(bytes.fromhex("0001 0002 0003")), strict=True))
    assert [found[slot] for slot in slots] == [0x10002, 2, 0x30002]


@given(st.integers(0, 10**12 - 1))
def test_decimal_codes_of_every_number(number: int) -> None:
    """BCD and base 10000 give back the number that was written."""
    assert from_bcd(int(str(number), 16)) == number
    code = sum(number // 10000**index % 10000 << 16 * index for index in range(3))
    assert from_mod10k(code) == number


@given(st.integers(-(10**9), 10**9), st.integers(-30, 40))
def test_exact_numbers_of_every_size(number: int, decimals: int) -> None:
    """A number with its decimals is divided once, and its value has 15 digits at most."""
    value = measure(ONE)((number, decimals))
    assert value == float(f"{float(Fraction(number) / Fraction(10) ** decimals):.15g}")
