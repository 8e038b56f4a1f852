"""A-XDR values and the clock."""

import struct
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlms.axdr import Enumerated, Items, NotDlmsError, Reader, Text, Value
from drivers.dlms.clock import time_of
from drivers.records.telegram import MeterTime
from gateway.sim.dlms_list import array, length, octet_string, structure, visible

INTEGERS = {0x05: (4, True), 0x06: (4, False), 0x0F: (1, True), 0x10: (2, True), 0x11: (1, False), 0x12: (2, False),
            0x14: (8, True), 0x15: (8, False)}  # fmt: skip


def read(octets: bytes) -> Value:
    """Return the only value in the octets."""
    reader = Reader(octets)
    value = reader.value()
    assert reader.at == len(octets)
    return value


def shown(*parts: int) -> datetime:
    """Return what a meter's display shows."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def of(items: Value) -> list[Value]:
    """Return the values of a structure or array."""
    assert isinstance(items, Items)
    return list(items.values)


@pytest.mark.parametrize("tag", INTEGERS)
@given(fraction=st.floats(0, 1))
def test_integers_come_back(tag: int, fraction: float) -> None:
    """Each integer type gives what was encoded, over its whole range."""
    octets, signed = INTEGERS[tag]
    low, high = (-(1 << 8 * octets - 1), (1 << 8 * octets - 1) - 1) if signed else (0, (1 << 8 * octets) - 1)
    value = min(high, max(low, low + int((high - low) * fraction)))
    assert read(bytes((tag,)) + value.to_bytes(octets, "big", signed=signed)) == value


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_short_floats_keep_seven_digits(value: float) -> None:
    """A float of 32 bits comes as the shortest decimal that it stands for, in seven digits."""
    found = read(b"\x17" + struct.pack(">f", value))
    assert isinstance(found, Decimal)
    assert float(found) == pytest.approx(value, rel=1e-6, abs=1e-44)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_long_floats_come_back(value: float) -> None:
    """A float of 64 bits comes back exactly."""
    assert read(b"\x18" + struct.pack(">d", value)) == Decimal(repr(value))


@given(content=st.binary(max_size=300))
def test_octet_strings_come_back(content: bytes) -> None:
    """Any octets of any length come whole, also behind a length of several octets."""
    assert read(octet_string(content)) == content


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x00", None),
        (b"\xff", None),
        (b"\x03\x00", False),
        (b"\x03\x01", True),
        (b"\x04\x09\xaa\x80", b"\xaa\x80"),
        (visible("AIDON_V0001"), Text("AIDON_V0001")),
        (b"\x0c\x02\xc3\xb8", Text("ø")),
        (b"\x0d\x42", 42),
        (b"\x16\x1b", Enumerated(27)),
        (b"\x17\x3d\xcc\xcc\xcd", Decimal("0.1")),
        (b"\x17\x7f\xc0\x00\x00", None),
        (b"\x18\x7f\xf0\x00\x00\x00\x00\x00\x00", None),
        (b"\x19" + bytes(range(12)), bytes(range(12))),
        (b"\x1a" + bytes(5), bytes(5)),
        (b"\x1b" + bytes(4), bytes(4)),
    ],
)
def test_other_types_mean_what_the_standard_says(octets: bytes, expected: Value) -> None:
    """Nothing, booleans, bits, texts, BCD, codes, floats that are none, times."""
    assert read(octets) == expected


def test_structures_and_arrays_nest() -> None:
    """A structure in an array in a structure keeps its order."""
    inner = structure(b"\x11\x01", b"\x11\x02")
    (first, second) = of(read(structure(array(inner, inner), b"\x11\x03")))
    assert [of(each) for each in of(first)] == [[1, 2], [1, 2]]
    assert second == 3


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x13\x12\x04\x00\x01\x00\x02", [1, 2]),
        (b"\x13\x02\x02\x11\x12\x06\x01\x00\x02\x03\x00\x04", [[1, 2], [3, 4]]),
        (b"\x13\x01\x00\x02\x11\x04\x01\x02\x03\x04", [[1, 2], [3, 4]]),
    ],
)
def test_compact_arrays_carry_their_type_once(octets: bytes, expected: list[Value]) -> None:
    """Plain values, structures and arrays stand without their tags."""
    assert [of(each) if isinstance(each, Items) else each for each in of(read(octets))] == expected


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x08",
        b"\x06\x00\x00",
        b"\x09\x05abc",
        b"\x02\x7f\x00",
        b"\x02\x84\xff\xff\xff\xff\x00",
        b"\x01\x01" * 20 + b"\x00",
        b"\x0d\x4a",
        b"\x13\x00\x01\x00",
        b"\x13\x02\x00\x00",
        b"\x13\x13\x00",
        b"\x13\x12\x03\x00\x01\x00",
        b"\x13\x12\x7f\x00",
        b"\x13\x01\xff\xff\x01\xff\xff\x01\xff\xff\x00\x01\x00",
        b"\x13" + b"\x02\x01" * 20 + b"\x00",
        b"\x02\x82\x20\x00" + b"\x00" * 0x2000,
    ],
)
def test_impossible_values_are_refused(broken: bytes) -> None:
    """Missing octets, absurd lengths, unknown types, endless nesting and too many values are errors of ours."""
    with pytest.raises(NotDlmsError):
        Reader(broken).value()


@pytest.mark.parametrize("count", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths_take_as_many_octets_as_they_need(count: int) -> None:
    """A length of up to 127 is one octet, a longer one says how many follow."""
    assert Reader(length(count)).length() == count


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # Green Book notation: year, month, day, weekday, hour, minute, second, hundredths, deviation, status.
        ("07E5 0C 1B 01 0E 00 2D 00 FFC4 02", MeterTime(shown(2021, 12, 27, 14, 0, 45), 3600, is_summer=False)),
        (
            "07E6 07 05 02 0C 1E 0F 32 FF88 80",
            MeterTime(shown(2022, 7, 5, 12, 30, 15, 500000), 7200, is_summer=True),
        ),
        ("07E1 0A 14 05 03 2B 1E FF 8000 00", MeterTime(shown(2017, 10, 20, 3, 43, 30), None, is_summer=False)),
        ("07E5 0C 0A 05 10 39 00 FF 8000 FF", MeterTime(shown(2021, 12, 10, 16, 57), None, None)),
        (
            "07E5 0C 0A 05 10 39 FF FF 0000 09",
            MeterTime(shown(2021, 12, 10, 16, 57), 0, is_summer=False, is_valid=False),
        ),
        ("FFFF FF FF FF FF FF FF FF 8000 FF", None),
        ("07E5 0C 0A 05 FF FF FF FF 8000 FF", None),
        ("07E5 0C 0A", None),
    ],
)
def test_the_clock_says_offset_season_and_doubt(octets: str, expected: MeterTime | None) -> None:
    """Deviation counts from local time to UTC, 0x8000 and 0xFF mean that nobody knows, bits 0 and 3 doubt it."""
    assert time_of(bytes.fromhex(octets.replace(" ", ""))) == expected
