"""Values of KMP registers: digits, exponents, units, dates."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kmp.registers import REGISTERS, UNITS, Form
from drivers.kmp.value import clock_of, parse_values, record_of
from drivers.records.telegram import Function, MeterTime, Record
from gateway.core.units import conversion
from tests.drivers.kmp.frames import register


def record(number: int, unit: int, sign_exponent: int, digits: str) -> Record:
    """Return the record of one register."""
    values = parse_values(register(number, unit, sign_exponent, bytes.fromhex(digits)))
    assert not isinstance(values, str)
    (value,) = values
    return record_of(value)


def test_value_of_the_document() -> None:
    """Kamstrup's example: 0x012AF024 with exponent 17 in kW, this year's maximum of the power."""
    found = record(128, 0x16, 0x11, "012AF024")
    assert (found.code, found.unit, found.value) == ("power", "kW", Decimal(19591204).scaleb(17))
    assert (found.function, found.qualifiers) == (Function.MAXIMUM, ("this_year",))


@pytest.mark.parametrize(
    ("number", "unit", "sign_exponent", "digits", "code", "value", "name"),
    [
        (60, 0x08, 0x42, "0001E240", "energy", "1234.56", "GJ"),
        (60, 0x03, 0x43, "0001E240", "energy", "123.456", "MWh"),
        (63, 0x02, 0x00, "00000000", "cooling_energy", "0", "kWh"),
        (68, 0x28, 0x42, "00012345", "volume", "745.65", "m3"),
        (74, 0x29, 0x00, "000001F4", "volume_flow", "500", "l/h"),
        (86, 0x25, 0x42, "1B67", "flow_temperature", "70.15", "Cel"),
        (87, 0x25, 0xC2, "0064", "return_temperature", "-1.00", "Cel"),
        (89, 0x26, 0x42, "0BB8", "temperature_difference", "30.00", "K"),
        (97, 0x2B, 0x00, "0000C350", "volume_flow_temperature", "50000", "m3.Cel"),
        (1004, 0x2E, 0x00, "00002328", "operating_time", "9000", "h"),
        (99, 0x33, 0x00, "0010", "info_code", "16", ""),
        (68, 0x37, 0x00, "0007", "volume", "7E+1", "m3"),
        (60, 0x39, 0x41, "0007", "energy", "7", "GJ"),
        (4711, 0x21, 0x41, "08FC", "register_4711", "230.0", "V"),
    ],
)
def test_values(  # noqa: PLR0913, PLR0917 - one column each
    number: int, unit: int, sign_exponent: int, digits: str, code: str, value: str, name: str
) -> None:
    """Digits, exponent, sign and unit give the number with its decimals as sent."""
    found = record(number, unit, sign_exponent, digits)
    assert (found.code, found.unit) == (code, name)
    assert str(found.value) == value


@pytest.mark.parametrize(
    ("unit", "digits", "value"),
    [
        (0x30, f"{261122:08X}", "2026-11-22"),
        (0x31, f"{20261122:08X}", "2026-11-22"),
        (0x32, f"{601:04X}", "06-01"),
        (0x32, f"{229:04X}", "02-29"),
        (0x2F, f"{174205:08X}", "17:42:05"),
        (0x30, "00000000", None),
        (0x30, f"{260230:08X}", None),
        (0x2F, f"{246000:08X}", None),
        (0x32, f"{1332:04X}", None),
        (0x30, "FFFFFFFFFFFFFFFF", None),
        (0x36, "4D43343033202000", "MC403"),
        (0x36, "00", ""),
        (0x03, "", None),
    ],
)
def test_dates_times_and_texts(unit: int, digits: str, value: str | None) -> None:
    """A date that no calendar has is no value."""
    assert record(1003, unit, 0, digits).value == value


def test_clock_needs_date_and_time_of_one_answer() -> None:
    """A date alone is no clock; both together are local time without a zone."""
    date, time = register(1003, 0x30, 0, (261122).to_bytes(4, "big")), register(1002, 0x2F, 0, b"\0\x02\xa8\x7d")
    both, alone = parse_values(date + time), parse_values(date)
    assert not isinstance(both, str)
    assert not isinstance(alone, str)
    assert clock_of(both) == MeterTime(datetime.fromisoformat("2026-11-22T17:42:05"))
    assert clock_of(alone) is None
    never = parse_values(register(1003, 0x30, 0, bytes(4)) + time)
    assert not isinstance(never, str)
    assert clock_of(never) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("00 3C 08", "3 bytes behind the last register"),
        ("00 3C 08 04 00 00 01", "register 60 has 4 bytes of digits, and the frame ends"),
        ("00 3C 08 09 00 00 01 02 03 04 05 06 07 08", "register 60 has 9 bytes of digits, a number has at most 8"),
    ],
)
def test_content_that_cannot_be(content: str, reason: str) -> None:
    """One register that does not fit leaves no value of the whole answer."""
    found = parse_values(bytes.fromhex(content))
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_units_that_are_converted() -> None:
    """The units that the points of profiles can have are spelled as the rest of the program spells them."""
    for name in ("Wh", "GJ", "Gcal", "W", "MW", "m3", "l/h", "m3/h", "Cel", "K", "h", "m3.Cel", "bar", "l"):
        assert conversion(name, name).factor == 1.0
        assert any(unit.name == name for unit in UNITS.values())
    assert sorted(UNITS) == list(range(65))


def test_every_register_means_something_else_or_is_the_same_in_another_model() -> None:
    """Only the high-resolution registers have two numbers, one for each generation of meters."""
    meanings = list(REGISTERS.values())
    twice = {each for each in meanings if meanings.count(each) > 1}
    assert {each.qualifiers for each in twice} == {("high_resolution",)}


@given(
    st.integers(0, 0xFFFF),
    st.sampled_from([number for number, unit in UNITS.items() if unit.form is Form.NUMBER and not unit.tens]),
    st.integers(0, 255),
    st.binary(min_size=1, max_size=8),
)
def test_every_number_is_exact(number: int, unit: int, sign_exponent: int, digits: bytes) -> None:
    """Whatever the digits and the exponent, the number is the document's formula, without loss."""
    values = parse_values(register(number, unit, sign_exponent, digits))
    assert not isinstance(values, str)
    (value,) = values
    mantissa, exponent = int.from_bytes(digits, "big"), sign_exponent & 0x3F
    found = record_of(value).value
    assert isinstance(found, Decimal)
    power = Decimal(10) ** (-exponent if sign_exponent & 0x40 else exponent)
    assert found == (-mantissa if sign_exponent & 0x80 else mantissa) * power
