"""Every kind of record that can be written is read back as it was meant: encoded here and by the simulator."""

import struct
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mbus.records import read_block
from drivers.mbus.vif import PRIMARY, Kind, Vif
from drivers.mbus.vif_extended import FB, FD
from drivers.profile_records import QuantityPoint
from drivers.records.telegram import Function, Record
from gateway.sim.mbus_records import QUANTITIES, block, clock_octets, counts, field_for, information
from tests.drivers.mbus.bus import VOCABULARY

ENERGY_WH = b"\x03"
INTS = {1: 0x01, 2: 0x02, 3: 0x03, 4: 0x04, 6: 0x06, 8: 0x07}
BCDS = {1: 0x09, 2: 0x0A, 3: 0x0B, 4: 0x0C, 6: 0x0E}
DATES = st.dates(date(2000, 1, 1), date(2080, 12, 31))
DATETIMES = st.datetimes(datetime(2000, 1, 1), datetime(2080, 12, 31))  # noqa: DTZ001 - a meter's clock has no zone
EVERY_SIZE = pytest.mark.parametrize("size", INTS)


def one(octets: bytes) -> Record:
    (record,) = read_block(octets).records
    assert record.raw == octets
    return record


@EVERY_SIZE
@given(data=st.data())
def test_binary_numbers(size: int, data: st.DataObject) -> None:
    """A binary number of any size is the number, and the smallest one is none."""
    low = -(1 << 8 * size - 1)
    number = data.draw(st.integers(low, -low - 1))
    record = one(bytes([INTS[size]]) + ENERGY_WH + number.to_bytes(size, "little", signed=True))
    assert record.value == (None if number == low else Decimal(number))


@pytest.mark.parametrize("size", BCDS)
@given(data=st.data())
def test_decimal_digits(size: int, data: st.DataObject) -> None:
    """Decimal digits are the number; a leading F makes it negative."""
    digits = 2 * size
    number = data.draw(st.integers(0, 10 ** (digits - 1) - 1))
    is_negative = data.draw(st.booleans())
    text = "F" + f"{number:0{digits - 1}d}" if is_negative else f"{number:0{digits}d}"
    record = one(bytes([BCDS[size]]) + ENERGY_WH + bytes.fromhex(text)[::-1])
    assert record.value == (-number if is_negative else number)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_real_numbers(number: float) -> None:
    """A float32 is a decimal of at most nine digits that is the same float32."""
    record = one(b"\x05" + ENERGY_WH + struct.pack("<f", number))
    assert isinstance(record.value, Decimal)
    assert struct.pack("<f", float(record.value)) == struct.pack("<f", number + 0.0 if number else 0.0)
    assert len(record.value.normalize().as_tuple().digits) <= 9


@given(st.text(st.characters(max_codepoint=255, categories=["L", "N", "P", "S", "Zs"]), max_size=191))
def test_text_of_variable_length(text: str) -> None:
    """Text comes out as it was, whatever its length."""
    octets = text.encode("latin-1")[::-1]
    assert one(b"\x0d\xfd\x10" + bytes([len(octets)]) + octets).value == text


@given(st.integers(1, 15), st.data())
def test_numbers_of_variable_length(size: int, data: st.DataObject) -> None:
    """Decimal digits of both signs and binary numbers of variable length are the number."""
    digits = data.draw(st.integers(0, 10 ** (2 * size) - 1))
    packed = bytes.fromhex(f"{digits:0{2 * size}d}")[::-1]
    assert one(b"\x0d" + ENERGY_WH + bytes([0xC0 | size]) + packed).value == digits
    assert one(b"\x0d" + ENERGY_WH + bytes([0xD0 | size]) + packed).value == -digits
    half = 1 << 8 * size - 1
    number = data.draw(st.integers(-half, half - 1))
    signed = number.to_bytes(size, "little", signed=True)
    assert one(b"\x0d" + ENERGY_WH + bytes([0xE0 | size]) + signed).value == number


def packed_date(day: date) -> tuple[int, int]:
    year = day.year % 100
    return day.day | (year & 7) << 5, day.month | year >> 3 << 4


@given(DATES)
def test_dates(day: date) -> None:
    """A date of type G is written as ISO 8601."""
    assert one(b"\x02\x6c" + bytes(packed_date(day))).value == day.isoformat()


@given(DATETIMES, st.booleans(), st.booleans(), st.sampled_from([0, 1]))
def test_dates_with_minutes(now: datetime, is_summer: bool, is_valid: bool, hundreds: int) -> None:  # noqa: FBT001
    """A date and time of type F is the meter's clock with its bits, with and without the bits of the century."""
    octets = bytes(
        [
            now.minute | (not is_valid) << 7,
            now.hour | hundreds << 5 | is_summer << 7,
            *packed_date(now.date()),
        ]
    )
    found = read_block(b"\x04\x6d" + octets)
    assert found.time is not None
    assert found.time.local == now.replace(second=0, microsecond=0)
    assert (found.time.is_summer, found.time.is_valid) == (is_summer, is_valid)
    assert found.records[0].value == (now.strftime("%Y-%m-%dT%H:%M") if is_valid else None)


@given(st.integers(946_684_800, 3_500_000_000))
def test_clock_of_the_simulator(utc_s: int) -> None:
    """The simulator's clock of type I is read to the second."""
    found = read_block(b"\x06\x6d" + clock_octets(utc_s * 1000))
    assert found.time is not None
    assert (found.time.local - datetime(1970, 1, 1)).total_seconds() == utc_s  # noqa: DTZ001 - it shows UTC


@given(st.times())
def test_times_of_day(now: object) -> None:
    """A time of type J is written as ISO 8601."""
    hour, minute, second = (getattr(now, name) for name in ("hour", "minute", "second"))
    assert one(bytes([0x03, 0x6D, second, minute, hour])).value == f"{hour:02}:{minute:02}:{second:02}"


@given(
    st.sampled_from(Function),
    st.integers(0, (1 << 41) - 1),
    st.integers(0, (1 << 20) - 1),
    st.integers(0, (1 << 10) - 1),
)
def test_function_storage_tariff_and_subunit(function: Function, storage: int, tariff: int, subunit: int) -> None:
    """What the simulator writes into DIF and up to ten DIFE comes back."""
    point = QuantityPoint.model_validate(
        {"point": "heat_energy", "quantity": "energy", "function": function, "storage": storage, "tariff": tariff,
         "subunit": subunit}
    )  # fmt: skip
    record = one(block(0x04, point) + ENERGY_WH + b"\x01\x00\x00\x00")
    assert (record.function, record.storage, record.tariff, record.subunit) == (function, storage, tariff, subunit)
    assert record.is_suspect == (function is Function.ERROR)


@pytest.mark.parametrize(("lead", "table"), [(b"", PRIMARY), (b"\xfb", FB), (b"\xfd", FD)], ids=["primary", "fb", "fd"])
def test_every_code_of_the_tables(lead: bytes, table: Mapping[int, Vif]) -> None:
    """Each code gives its quantity, unit and power of ten, alone and in front of a combinable code."""
    for code, vif in table.items():
        plain = one(b"\x04" + lead + bytes([code]) + b"\x07\x00\x00\x00")
        combined = one(b"\x04" + lead + bytes([code | 0x80, 0x3B]) + b"\x07\x00\x00\x00")
        assert (plain.code, plain.unit, plain.qualifiers) == (vif.code, vif.unit, ())
        assert (combined.code, combined.unit, combined.qualifiers) == (vif.code, vif.unit, ("forward",))
        if vif.kind in (Kind.NUMBER, Kind.UNSIGNED):
            assert plain.value == combined.value == Decimal(7).scaleb(vif.exponent)


@given(st.sampled_from(sorted(QUANTITIES)), st.integers(0, 1 << 40))
def test_quantities_of_the_simulator(word: str, number: int) -> None:
    """The simulator's own table of codes and the driver's agree."""
    point = QuantityPoint.model_validate({"point": "heat_info_code", "quantity": word})
    codes, said = information(point)
    field, size = field_for(number, is_signed=said.is_signed)
    record = one(block(field, point) + codes + number.to_bytes(size, "little"))
    assert (record.code, record.unit) == (word, said.unit)
    assert record.value == Decimal(number).scaleb(said.exponent)


@given(st.floats(-5000, 5000))
def test_values_of_the_simulator(value: float) -> None:
    """A value in the vocabulary's unit is said to the nearest count of the meter."""
    point = QuantityPoint.model_validate({"point": "heat_temp_supply", "quantity": "flow_temperature"})
    number = counts(point, value, QUANTITIES["flow_temperature"], VOCABULARY["heat_temp_supply"].unit)
    assert abs(number / 100 - value) <= 0.0050001
