"""P1 telegrams in streams."""

from collections.abc import Iterable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec62056.p1 import P1Stream
from drivers.records.telegram import Damaged, MeterTime, Telegram
from tests.drivers.iec62056.telegrams import (
    BELGIAN,
    DUTCH_2,
    DUTCH_5,
    SWEDISH,
    bad,
    good,
    p1,
    unchecked,
    values,
    with_parity,
)

TELEGRAMS = [DUTCH_5, DUTCH_2, BELGIAN, SWEDISH]


def found(*chunks: bytes, is_finished: bool = False) -> list[Telegram | Damaged]:
    """Return what a new stream finds in the chunks."""
    stream = P1Stream()
    findings = [finding for chunk in chunks for finding in stream.feed(chunk)]
    return [*findings, *stream.finish()] if is_finished else findings


def only(findings: Iterable[Telegram | Damaged]) -> Telegram:
    """Return the one telegram; nothing else may be there."""
    (telegram,) = findings
    assert isinstance(telegram, Telegram)
    return telegram


def test_dutch_telegram() -> None:
    """DSMR 5: meter, clock, tariffs, sub-meter, all with their units."""
    telegram = only(found(DUTCH_5))
    assert telegram.protocol == "p1"
    assert (telegram.meter.maker, telegram.meter.model) == ("ISK", "M550T-1012")
    assert (telegram.meter.serial_number, telegram.meter.medium) == ("E0044007052870318", "electricity")
    assert telegram.time == MeterTime(datetime(2023, 11, 14, 13, 45, 1), is_summer=False)  # noqa: DTZ001 - display
    said = values(telegram)
    assert said["1-0:1.8.1"] == "4512.250 kWh"
    assert said["1-0:2.7.0"] == "1.250 kW"
    assert said["0-0:96.14.0"] == "2"
    assert said["0-1:24.1.0"] == "3"
    assert said["0-1:96.1.0"] == "G0032564867893117"
    assert said["0-1:24.2.1"] == "1785.123 m3"
    assert telegram.raw + b"\r\n" == DUTCH_5


def test_old_telegram_has_no_crc_and_says_so() -> None:
    """P1 2.2: every record is marked as unchecked, and the gas value comes from the line behind its head."""
    telegram = only(found(DUTCH_2))
    assert telegram.time is None
    assert telegram.meter.serial_number == "ZBEV005098765432"
    assert values(telegram)["0-1:24.2.1"] == "947.680 m3"
    assert {record.qualifiers for record in telegram.records} == {("unchecked",)}


def test_belgian_telegram() -> None:
    """e-MUCS: gas without correction, and water that was never read has no value."""
    telegram = only(found(BELGIAN))
    said = values(telegram)
    assert said["0-1:24.2.3"] == "112.384 m3"
    assert said["1-0:1.6.0"] == "5.902 kW"
    assert said["0-2:24.2.1"] == "None"
    assert telegram.meter.serial_number == "1SAG1100031234"
    assert telegram.time is not None
    assert telegram.time.is_summer


def test_swedish_telegram() -> None:
    """Totals instead of tariffs, and reactive energy in our spelling."""
    said = values(only(found(SWEDISH)))
    assert said["1-0:1.8.0"] == "6678.394 kWh"
    assert said["1-0:3.8.0"] == "21.988 kvarh"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends(end: str) -> None:
    """Lines may end with LF alone, as some converters send them."""
    assert values(only(found(p1("/KVR5TEST\n\n1-0:1.8.0(1.5*kWh)", end=end)))) == {"1-0:1.8.0": "1.5 kWh"}


@pytest.mark.parametrize("telegram", TELEGRAMS)
def test_dump_without_carriage_returns(telegram: bytes) -> None:
    """A dump that lost its CR is still checked by the meter's CRC, which was computed with them."""
    dump = telegram.replace(b"\r", b"")
    assert values(only(found(dump))) == values(only(found(telegram)))
    if telegram != DUTCH_2:
        assert bad(found(dump.replace(b"kWh", b"MWh")))


@pytest.mark.parametrize("telegram", TELEGRAMS)
def test_parity_bit_is_no_damage(telegram: bytes) -> None:
    """7E1 that was received as 8N1 still has its parity in bit 7."""
    assert values(only(found(with_parity(telegram)))) == values(only(found(telegram)))


@pytest.mark.parametrize("telegram", TELEGRAMS)
def test_bytes_one_by_one(telegram: bytes) -> None:
    """A stream that comes byte by byte gives the same telegrams, each once, right at its end."""
    pieces = [bytes([octet]) for octet in telegram * 2]
    assert [values(each) for each in good(found(*pieces))] == [values(only(found(telegram)))] * 2


@pytest.mark.parametrize("telegram", TELEGRAMS)
@pytest.mark.parametrize("start", [1, 20, 100, -20, -4])
def test_stream_may_begin_inside(telegram: bytes, start: int) -> None:
    """The rest of a telegram that began before us is no error and costs nothing."""
    assert values(only(found(telegram[start:] + telegram))) == values(only(found(telegram)))


@pytest.mark.parametrize("telegram", TELEGRAMS)
@pytest.mark.parametrize("cut", [30, 60, 150, -30, -8])
def test_good_telegram_behind_a_cut_one(telegram: bytes, cut: int) -> None:
    """A telegram that breaks off is reported, and the next one, glued to it, is whole."""
    findings = found(telegram + telegram[:cut] + telegram)
    assert [values(each) for each in good(findings)] == [values(only(found(telegram)))] * 2
    assert len(bad(findings)) == 1


def test_wrong_crc_is_damage() -> None:
    """A changed digit gives no value; the telegrams around it count."""
    findings = found(DUTCH_5 + DUTCH_5.replace(b"004512", b"004513") + SWEDISH)
    assert [each.meter.maker for each in good(findings)] == ["ISK", "ELL"]
    (reason,) = bad(findings)
    assert "CRC" in reason


def test_lost_beginning_is_reported_once_a_telegram_was_seen() -> None:
    """A telegram whose first byte is wrong is not simply missing."""
    findings = found(DUTCH_5 + b"?" + DUTCH_5[1:] + DUTCH_5)
    assert len(good(findings)) == 2
    assert bad(findings) == ["its beginning is lost"]


@pytest.mark.parametrize("crc", [b"", b"12", b"XYZW", b"00000"])
def test_new_telegram_needs_its_whole_crc(crc: bytes) -> None:
    """A telegram with version and clock is never taken without the CRC that belongs to it."""
    body = DUTCH_5[: DUTCH_5.rindex(b"!") + 1]
    findings = found(body + crc + b"\r\n" + SWEDISH)
    assert [each.meter.maker for each in good(findings)] == ["ELL"]
    assert len(bad(findings)) == 1


def test_halves_of_two_old_telegrams_are_none() -> None:
    """Without a CRC, a line that is torn or a code that comes twice is damage."""
    lines = "/KVR5OLD\n\n1-0:1.8.1(00001.000*kWh)\n1-0:1.8.2(00002.000*kWh)\n1-0:1.7.0(0001.00*kW)"
    whole = unchecked(lines)
    assert len(good(found(whole))) == 1
    for broken in (
        whole.replace(b"00002.000*kWh)", b"00002.0"),
        whole.replace(b"1-0:1.7.0(", b"1-0:1.8.1("),
        whole.replace(b"kWh", b"k\xd7h"),
        unchecked("/KVR5OLD"),
    ):
        findings = found(broken + b"\r\n" + whole)
        assert len(good(findings)) == 1
        assert len(bad(findings)) == 1


def test_stream_that_ends_with_the_mark() -> None:
    """At the end of a file, `!` alone ends an old telegram; anything shorter is reported."""
    assert len(good(found(DUTCH_2.rstrip(), is_finished=True))) == 1
    assert bad(found(DUTCH_5[:-9], is_finished=True)) == ["the telegram has no end"]
    assert found(b"noise", is_finished=True) == []


def test_long_telegram_and_endless_one() -> None:
    """A telegram of 60 KB is read; one without an end is given up, and the next one is found."""
    lines = "".join(f"1-0:1.8.{number % 9 + 1}*{number // 9 % 99}(000001.000*kWh)\n" for number in range(1800))
    long = p1("/KVR5LONG\n\n" + lines)
    assert 50_000 < len(long) < 65_536
    assert len(only(found(long)).records) == 1800
    endless = b"/KVR5LONG\r\n\r\n" + b"1-0:1.8.0(1*kWh)\r\n" * 10_000
    findings = found(endless + SWEDISH)
    assert len(good(findings)) == 1
    assert bad(findings)


@given(st.lists(st.one_of(st.sampled_from(TELEGRAMS), st.binary(max_size=60)), max_size=6), st.integers(1, 200))
def test_any_bytes_in_any_portions(pieces: list[bytes], size: int) -> None:
    """How a stream is cut into portions changes nothing; no bytes raise."""
    stream = b"".join(pieces)
    whole = found(stream, is_finished=True)
    portions = found(*(stream[at : at + size] for at in range(0, len(stream), size)), is_finished=True)
    assert [values(each) for each in good(portions)] == [values(each) for each in good(whole)]
