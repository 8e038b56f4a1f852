"""Data lines → records."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec62056.lines import parse_lines
from drivers.iec62056.times import UNKNOWN, joined, stamp
from drivers.iec62056.units import spelled
from drivers.records.telegram import MeterTime, Record

LETTERS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="()*&"), max_size=20)


def one(line: str) -> Record:
    """Return the only record of a line."""
    lines = parse_lines(line)
    assert not lines.wrong
    (record,) = lines.records
    return record


def local(*parts: int) -> datetime:
    """Return what a display shows."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - a display has no zone


@pytest.mark.parametrize(
    ("line", "code", "value", "unit"),
    [
        ("1-0:1.8.1(001234.567*kWh)", "1-0:1.8.1", Decimal("1234.567"), "kWh"),
        ("1-0:1.8.0*255(00001013.0368091*kWh)", "1-0:1.8.0", Decimal("1013.0368091"), "kWh"),
        ("1-0:1.8.0*01(0001200.0*kWh)", "1-0:1.8.0*01", Decimal("1200.0"), "kWh"),
        ("6.8(0012.345*GJ)", "6.8", Decimal("12.345"), "GJ"),
        ("6.26*01(01234.56*m3)", "6.26*01", Decimal("1234.56"), "m3"),
        ("1-0:1.7.255*255(-00247.37*W)", "1-0:1.7.255", Decimal("-247.37"), "W"),
        ("1-0:3.8.0(00000021.988*kVArh)", "1-0:3.8.0", Decimal("21.988"), "kvarh"),
        ("1-0:4.7.0(0000.309*kVAr)", "1-0:4.7.0", Decimal("0.309"), "kvar"),
        ("9.24(1.5*m3ph)", "9.24", Decimal("1.5"), "m3/h"),
        ("0-0:96.14.0(0002)", "0-0:96.14.0", Decimal(2), ""),
        ("0-1:24.1.0(003)", "0-1:24.1.0", Decimal(3), ""),
        ("0-0:96.13.1()", "0-0:96.13.1", None, ""),
        ("6.31(*h)", "6.31", None, "h"),
        ("0-0:96.13.0(48656C6C6F21)", "0-0:96.13.0", "Hello!", ""),
        ("0-0:96.1.1(4530303434303037303532383730333138)", "0-0:96.1.1", "E0044007052870318", ""),
        ("0.0.0(72819301)", "0.0.0", "72819301", ""),
        ("0-0:96.1.4(50217)", "0-0:96.1.4", "50217", ""),
        ("F.F(00000000)", "F.F", "00000000", ""),
        ("1-0:96.5.0*255(001C0104)", "1-0:96.5.0", "001C0104", ""),
        ("1-0:1.8.0(1E5*kWh)", "1-0:1.8.0", "1E5", "kWh"),
        ("1-0:1.8.0(NaN*kWh)", "1-0:1.8.0", "NaN", "kWh"),
        ("1-0:1.8.0(------.-*kWh)", "1-0:1.8.0", "------.-", "kWh"),
    ],
)
def test_line_says_one_value(line: str, code: str, value: Decimal | str | None, unit: str) -> None:
    """Code, value with its decimals as sent, and unit in our spelling; what is no number never becomes one."""
    record = one(line)
    assert (record.code, record.value, record.unit) == (code, value, unit)
    assert str(record.value) == str(value)
    assert record.raw == line.encode()


def test_reading_of_a_sub_meter_has_its_own_time() -> None:
    """Two parentheses are the instant of a reading and the reading, with or without the season's letter."""
    record = one("0-1:24.2.1(101209112500W)(12785.123*m3)")
    assert (record.value, record.unit) == (Decimal("12785.123"), "m3")
    assert record.time == MeterTime(local(2010, 12, 9, 11, 25), is_summer=False)
    assert one("0-1:24.2.3(230705142500S)(00112.384*m3)").time == MeterTime(local(2023, 7, 5, 14, 25), is_summer=True)
    assert one("0-1:24.2.1(230705142500)(00112.384*m3)").time == MeterTime(local(2023, 7, 5, 14, 25))


def test_maximum_is_followed_by_its_time() -> None:
    """Meters of IEC 62056-21 write the instant of a maximum behind it, without seconds."""
    record = one("1.6.1(00.123*kW)(0304170815)")
    assert (record.value, record.time) == (Decimal("0.123"), MeterTime(local(2003, 4, 17, 8, 15)))


@pytest.mark.parametrize("instant", ["632525252525W", "700101010000W", "231301000000W"])
def test_reading_that_was_never_taken_has_no_value(instant: str) -> None:
    """The zero that stands behind an impossible instant was never measured."""
    record = one(f"0-1:24.2.1({instant})(00000.000*m3)")
    assert record.value is None
    assert record.time is None


def test_hourly_value_stands_on_the_next_line() -> None:
    """The gas line of P1 2.2 and 3.0 names code and unit, and its value follows on a line of its own."""
    record = one("0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00947.680)")
    assert (record.code, record.value, record.unit) == ("0-1:24.2.1", Decimal("947.680"), "m3")
    assert record.time == MeterTime(local(2012, 10, 30, 14))
    assert not record.is_suspect


def test_hourly_values_are_newest_first() -> None:
    """Of several rows the last one is the newest, its instant later by the period."""
    rows = parse_lines("0-1:24.3.0(121030140000)(08)(60)(1)(0-1:24.2.1)(m3)(1.5)(2.5)").records
    assert [(row.value, row.time) for row in rows] == [
        (Decimal("2.5"), MeterTime(local(2012, 10, 30, 15), is_summer=True)),
        (Decimal("1.5"), MeterTime(local(2012, 10, 30, 14), is_summer=True)),
    ]


@pytest.mark.parametrize("status", ["01", "04", "05"])
def test_hourly_value_with_an_error_bit_is_suspect(status: str) -> None:
    """A critical error or 'not valid' in the status makes the value suspect."""
    assert one(f"0-1:24.3.0(121030140000)({status})(60)(1)(0-1:24.2.1)(m3)(1.5)").is_suspect


@pytest.mark.parametrize(
    "rest", ["(00)(60)(2)(0-1:24.2.1)(m3)(1.5)", "(00)(60)(0)(0-1:24.2.1)(m3)(1.5)", "(02)(60)(1)(0-1:24.2.1)(m3)(1.5)"]
)
def test_hourly_table_that_does_not_hold_together_gives_nothing(rest: str) -> None:
    """A table of another width, or by a clock that is not set, gives no value."""
    assert parse_lines(f"0-1:24.3.0(121030140000){rest}").records == ()


def test_log_of_power_failures_is_counted_from_one() -> None:
    """Each event is a record with the code that heads the list, its own time, and its place as storage."""
    line = "1-0:99.97.0(2)(0-0:96.7.19)(101208152415W)(0000000240*s)(101208151004S)(0000000301*s)"
    count, *events = parse_lines(line).records
    assert (count.code, count.value) == ("1-0:99.97.0", Decimal(2))
    assert [(event.code, event.value, event.unit, event.storage, event.time) for event in events] == [
        ("0-0:96.7.19", Decimal(240), "s", 1, MeterTime(local(2010, 12, 8, 15, 24, 15), is_summer=False)),
        ("0-0:96.7.19", Decimal(301), "s", 2, MeterTime(local(2010, 12, 8, 15, 10, 4), is_summer=True)),
    ]


def test_monthly_peaks_have_the_time_of_the_peak() -> None:
    """In a Belgian list of peaks the second instant is that of the peak."""
    line = "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230201000000W)(230117224500W)(04.329*kW)"
    _, peak = parse_lines(line).records
    assert (peak.code, peak.value, peak.unit, peak.storage) == ("1-0:1.6.0", Decimal("4.329"), "kW", 1)
    assert peak.time == MeterTime(local(2023, 1, 17, 22, 45), is_summer=False)


@pytest.mark.parametrize("line", ["1-0:99.97.0()", "1-0:99.97.0(0)(0-0:96.7.19)", "1-0:99.97.0(1)(0-0:96.7.19)(5*s)"])
def test_empty_log_has_no_events(line: str) -> None:
    """A log without events, or with a torn one, says at most how many there are."""
    (count,) = parse_lines(line).records
    assert count.code == "1-0:99.97.0"


def test_line_may_hold_several_data_sets_and_values() -> None:
    """Heat meters write several codes in a line, and several values with & between them."""
    records = parse_lines("6.8(0012.345*GJ)6.26(01234.56*m3)9.21(66153690)\n9.4(087.0*C&067.0*C)").records
    assert [(record.code, record.value, record.unit, record.subunit) for record in records] == [
        ("6.8", Decimal("12.345"), "GJ", 0),
        ("6.26", Decimal("1234.56"), "m3", 0),
        ("9.21", "66153690", "", 0),
        ("9.4", Decimal("87.0"), "Cel", 0),
        ("9.4", Decimal("67.0"), "Cel", 1),
    ]


@pytest.mark.parametrize(
    "line", ["garbage", "1-0:1.8.0", "1-0:1.8.0(1", "1-0:1.8.0(1)x", "1-0:1.8.0((1))", "(1)", "1-0:1.8.0(1)2.8.0"]
)
def test_line_that_is_none_gives_no_value(line: str) -> None:
    """A line that is not wholly made of data sets is named, and nothing is taken from it."""
    lines = parse_lines(line)
    assert lines.records == ()
    assert lines.wrong == (line,)


def test_instants_in_all_forms() -> None:
    """Dates with and without marks, with a season's digit, and impossible ones."""
    assert stamp("101209113020W") == MeterTime(local(2010, 12, 9, 11, 30, 20), is_summer=False)
    assert stamp("2010-12-09") is None
    assert stamp("101309113020W") == UNKNOWN
    assert joined("2023-02-08", "15:16:00") == MeterTime(local(2023, 2, 8, 15, 16))
    assert joined("230208", "1516") == MeterTime(local(2023, 2, 8, 15, 16))
    assert joined("1230714", "175813") == MeterTime(local(2023, 7, 14, 17, 58, 13), is_summer=True)
    assert joined("0230114", "175813") == MeterTime(local(2023, 1, 14, 17, 58, 13), is_summer=False)
    assert joined("today", "175813") is None
    assert joined("230208", "noon") is None


def test_units_that_are_not_known_stay() -> None:
    """A unit that the vocabulary does not know is kept as sent."""
    assert spelled("kVAh") == "kVAh"
    assert spelled("dm3") == "l"


@given(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 95), st.integers(0, 99), st.integers(0, 255)),
    st.decimals(-(10**9), 10**9, places=4),
    st.sampled_from(["kWh", "W", "GJ", "m3", "V", ""]),
)
def test_any_number_comes_back(groups: tuple[int, ...], number: Decimal, unit: str) -> None:
    """A number that is written in a data line is read with all its digits."""
    if groups[2:4] in {(42, 0), (1, 0), (9, 20), (9, 21), (9, 36)}:
        return
    code = "{}-{}:{}.{}.{}".format(*groups)
    record = one(f"{code}({number:f}{'*' if unit else ''}{unit})")
    assert (record.code, record.value, record.unit) == (code, number, unit)


@given(LETTERS)
def test_any_text_comes_back(text: str) -> None:
    """A name in hexadecimal digits is read letter by letter."""
    written = text.encode("ascii").hex().upper()
    assert one(f"0-0:96.1.1({written})").value == (written if 0 < len(text) < 4 else text or None)
