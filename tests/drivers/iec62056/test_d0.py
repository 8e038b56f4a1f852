"""Data blocks of IEC 62056-21 and telegrams of mode D in streams."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec62056.d0 import D0Stream, refusal_of
from drivers.records.telegram import Damaged, MeterTime, Telegram
from tests.drivers.iec62056.telegrams import (
    HEAT,
    OPTICAL,
    PUSHED,
    bad,
    block,
    good,
    unchecked,
    values,
    with_parity,
)

TELEGRAMS = [OPTICAL, HEAT, PUSHED]


def found(*chunks: bytes, is_finished: bool = False) -> list[Telegram | Damaged]:
    """Return what a new stream finds in the chunks."""
    stream = D0Stream()
    findings = [finding for chunk in chunks for finding in stream.feed(chunk)]
    return [*findings, *stream.finish()] if is_finished else findings


def only(findings: list[Telegram | Damaged]) -> Telegram:
    """Return the one telegram; nothing else may be there."""
    (telegram,) = findings
    assert isinstance(telegram, Telegram)
    return telegram


def test_readout_of_mode_c() -> None:
    """Meter, clock with its season's digit, counters, and the value of the month before apart from the one of now."""
    telegram = only(found(OPTICAL))
    meter = telegram.meter
    assert (telegram.protocol, meter.maker, meter.model) == ("d0", "ISK", "MT174-0001")
    assert (meter.serial_number, meter.medium) == ("72819301", "electricity")
    assert telegram.time == MeterTime(datetime(2023, 7, 14, 17, 58, 13), is_summer=True)  # noqa: DTZ001 - display
    said = values(telegram)
    assert said["1-0:1.8.0"] == "1234.567 kWh"
    assert said["1-0:1.8.0*01"] == "1200.000 kWh"
    assert said["F.F"] == "00000000"
    assert {record.qualifiers for record in telegram.records} == {()}


def test_readout_of_a_heat_meter() -> None:
    """Codes without medium, several in a line; clock and number of the meter from its own codes."""
    telegram = only(found(HEAT))
    meter = telegram.meter
    assert (meter.maker, meter.model, meter.serial_number, meter.medium) == ("LUG", "UH50", "66153690", "heat")
    assert telegram.time == MeterTime(datetime(2023, 2, 8, 15, 16))  # noqa: DTZ001 - display
    said = values(telegram)
    assert (said["6.8"], said["6.26"], said["6.8*01"]) == ("12.345 GJ", "1234.56 m3", "11.000 GJ")


def test_telegram_of_mode_d_is_unchecked() -> None:
    """What a meter sends by itself has no block check, and its records say so."""
    telegram = only(found(PUSHED))
    assert telegram.meter.serial_number == "1ESY1160327685"
    assert values(telegram)["1-0:1.7.255"] == "-247.37 W"
    assert {record.qualifiers for record in telegram.records} == {("unchecked",)}


@pytest.mark.parametrize("telegram", TELEGRAMS)
def test_parity_and_portions(telegram: bytes) -> None:
    """Parity in bit 7 and bytes one by one change nothing."""
    whole = values(only(found(telegram)))
    assert values(only(found(with_parity(telegram)))) == whole
    assert [values(each) for each in good(found(*(bytes([octet]) for octet in telegram * 2)))] == [whole, whole]


@pytest.mark.parametrize("telegram", TELEGRAMS)
@pytest.mark.parametrize("cut", [10, 25, 60, -20, -3])
def test_good_telegram_behind_a_cut_one(telegram: bytes, cut: int) -> None:
    """A telegram that breaks off never takes the next one with it, and never lends it a value."""
    findings = found(telegram + telegram[:cut] + telegram)
    assert [values(each) for each in good(findings)] == [values(only(found(telegram)))] * 2


@pytest.mark.parametrize("telegram", TELEGRAMS)
def test_dump_without_carriage_returns(telegram: bytes) -> None:
    """A dump that lost its CR is still checked by the meter's block check."""
    assert values(only(found(telegram.replace(b"\r", b"")))) == values(only(found(telegram)))


def test_dialogue_that_was_overheard() -> None:
    """Sign-on and acknowledgement of another client, or an echo, stand between without harm."""
    line, data = OPTICAL.split(b"\r\n", 1)
    overheard = b"\0\0/?!\r\n" + line + b"\r\n\x06050\r\n" + data
    assert values(only(found(overheard))) == values(only(found(OPTICAL)))


def test_block_alone() -> None:
    """A block without an identification line is whole by its block check; its meter is known by its number."""
    telegram = only(found(OPTICAL[OPTICAL.index(b"\x02") :]))
    assert (telegram.meter.maker, telegram.meter.serial_number) == ("", "72819301")


@pytest.mark.parametrize("place", [20, 40, 100, -1])
def test_wrong_block_check_is_damage(place: int) -> None:
    """One changed bit in the block gives no value."""
    broken = bytearray(OPTICAL)
    broken[place] ^= 0x04
    findings = found(bytes(broken) + OPTICAL)
    assert len(good(findings)) == 1
    assert bad(findings)


def test_noise_before_a_telegram_of_mode_d() -> None:
    """A start of text in the noise does not make a stream wait for an end of text that never comes."""
    assert len(good(found(b"\x02\x7f\x02noise" + PUSHED + PUSHED))) == 2


@pytest.mark.parametrize("message", ["(ER01)", "ER02", "(ERROR)"])
def test_error_message_is_a_refusal(message: str) -> None:
    """A block that holds an error message instead of data is named by it."""
    checked = message.encode() + b"\x03"
    check = 0
    for octet in checked:
        check ^= octet
    (finding,) = found(b"/ISk5MT174-0001\r\n\x02" + checked + bytes([check]))
    assert isinstance(finding, Damaged)
    assert refusal_of(finding.raw) == message.strip("()")
    assert refusal_of(OPTICAL) is None


def test_empty_block_and_torn_lines() -> None:
    """A block without data, a telegram of mode D with a torn line, and the end of a file are reported."""
    assert bad(found(b"/ISk5MT174-0001\r\n" + block("-"))) == ["a data block without data"]
    assert len(bad(found(unchecked("/KVR5TEST\n\n1-0:1.8.0(12")))) == 1
    assert bad(found(OPTICAL[:-1], is_finished=True)) == ["the telegram has no end"]
    assert len(good(found(PUSHED.rstrip(), is_finished=True))) == 1


@given(st.lists(st.one_of(st.sampled_from(TELEGRAMS), st.binary(max_size=60)), max_size=6), st.integers(1, 200))
def test_any_bytes_in_any_portions(pieces: list[bytes], size: int) -> None:
    """No bytes raise, and every telegram between separate noise is found in any portions."""
    stream = b"".join(pieces)
    whole = found(stream, is_finished=True)
    portions = found(*(stream[at : at + size] for at in range(0, len(stream), size)), is_finished=True)
    assert [values(each) for each in good(portions)] == [values(each) for each in good(whole)]
