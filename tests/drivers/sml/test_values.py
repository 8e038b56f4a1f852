"""Type-length fields and messages: what each encoding means."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.records.crc import crc_kermit, crc_x25
from drivers.records.telegram import Damaged, MeterTime, Telegram
from drivers.sml.tl import NotSmlError, Number, Reader
from gateway.sim.sml import encoded_list, entry, framed, message, number, octets, server_id
from tests.drivers.sml.frames import ABSENT, IMPORT, POWER, energy, heard, listing, power, record, telegram

HAND_WRITTEN = bytes.fromhex(
    "1B1B1B1B 01010101"
    "76 0500000001 6200 6200 72 630701 77 01 0B0A01454D480000BC614E 01 72 6202 6550C5A3F0"
    "  72 77 070100010800FF 65001C0104 01 621E 52FF 59000000000001E240 01"
    "     77 070100100700FF 01 01 621B 5200 53FF38 01"
    "  01 01 63 2181 00"
    "000000 1B1B1B1B 1A03 412F".replace(" ", "")
)
"""By hand from the standard: server id 1EMH0012345678, 12345.6 Wh, minus 200 W; timestamp 0x50C5A3F0."""


def test_checksums_give_the_catalogued_check_values() -> None:
    """The digits 1 to 9 give the values of the catalogue of CRC algorithms for X-25 and KERMIT."""
    assert (crc_x25(b"123456789"), crc_kermit(b"123456789")) == (0x906E, 0x2189)


def test_a_frame_written_by_hand_says_what_it_means() -> None:
    """Serial number as printed, exact decimals, sign, unit, status and time stand where the standard puts them."""
    found = telegram(HAND_WRITTEN)
    assert (found.protocol, found.meter.maker, found.meter.serial_number) == ("sml", "EMH", "1EMH0012345678")
    assert found.meter.medium == "electricity"
    assert [(each.code, each.value, each.unit) for each in found.records] == [
        ("1-0:1.8.0", Decimal("12345.6"), "Wh"),
        ("1-0:16.7.0", Decimal(-200), "W"),
    ]
    assert found.status == 0x1C0104
    assert found.time == MeterTime(datetime(2012, 12, 10, 8, 57, 20), 0)  # noqa: DTZ001 - a meter's clock
    assert found.raw == HAND_WRITTEN


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("signed", [True, False])
def test_integers_of_every_width_are_read(width: int, *, signed: bool) -> None:
    """One to eight octets, signed or not, give the extreme values exactly."""
    extremes = (-(1 << 8 * width - 1), (1 << 8 * width - 1) - 1) if signed else (0, (1 << 8 * width) - 1)
    for value in extremes:
        assert Reader(number(value, width, signed=signed)).value() == Number(value, width, signed)


@given(
    value=st.integers(-(1 << 63), (1 << 63) - 1),
    scaler=st.integers(-9, 9),
    unit=st.sampled_from([(27, "W"), (30, "Wh"), (35, "V"), (33, "A"), (44, "Hz"), (8, "deg"), (255, "1"), (200, "")]),
)
def test_numbers_keep_every_digit(value: int, scaler: int, unit: tuple[int, str]) -> None:
    """Value times ten to the power of the scaler comes out without rounding."""
    encoded = entry(
        POWER,
        number(value, 8, signed=True),
        unit=number(unit[0], 1),
        scaler=number(scaler, 1, signed=True),
    )
    only = record(telegram(listing([encoded])), "1-0:16.7.0")
    assert (only.value, only.unit) == (Decimal(f"{value}E{scaler}"), unit[1])


@given(content=st.binary(min_size=1, max_size=400))
def test_octet_strings_of_any_length_come_whole(content: bytes) -> None:
    """A length field grows to as many octets as it needs."""
    assert Reader(octets(content)).value() == content


@given(count=st.integers(0, 300))
def test_lists_of_any_length_come_whole(count: int) -> None:
    """A list's length field grows too, and counts entries."""
    value = Reader(encoded_list(*[number(7, 1)] * count)).value()
    assert value == [Number(7, 1, is_signed=False)] * count


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (octets(b"EMH"), "EMH"),
        (octets(server_id("1ISK0070012345")), "1ISK0070012345"),
        (octets(bytes.fromhex("0901495 34B0004B15FC1".replace(" ", ""))), "1ISK0078733249"),
        (octets(bytes.fromhex("06454D4801027157 4E62".replace(" ", ""))), "06454D48010271574E62"),
        (octets(b"\x01\x02\xfe"), "0102FE"),
        (b"\x42\x01", Decimal(1)),
        (ABSENT, None),
    ],
)
def test_other_values_read_as_a_person_would(value: bytes, expected: object) -> None:
    """Text is text, a server id is the number on the front, other octets are digits, nothing is nothing."""
    assert record(telegram(listing([entry(IMPORT, value)])), "1-0:1.8.0").value == expected


def test_a_local_time_says_its_offset_and_season() -> None:
    """The third choice of a time carries minutes to UTC and of summer time."""
    local = encoded_list(number(1_700_000_000, 4), number(60, 2, signed=True), number(60, 2, signed=True))
    found = telegram(listing([energy(1)], time=encoded_list(number(3, 1), local)))
    assert found.time == MeterTime(datetime(2023, 11, 15, 0, 13, 20), 7200, is_summer=True)  # noqa: DTZ001


def test_seconds_since_power_on_are_no_time_of_day() -> None:
    """The first choice of a time counts from when the meter was switched on."""
    assert telegram(listing([energy(1)], time=encoded_list(number(1, 1), number(99, 4)))).time is None


def test_a_value_has_its_own_time() -> None:
    """An entry's own time becomes its record's."""
    stamped = entry(IMPORT, number(5, 1), time=encoded_list(number(2, 1), number(1_700_000_000, 4)))
    only = record(telegram(listing([stamped])), "1-0:1.8.0")
    assert only.time == MeterTime(datetime(2023, 11, 14, 22, 13, 20), 0)  # noqa: DTZ001 - a meter's clock


def test_a_broken_basic_meter_is_suspect() -> None:
    """The fatal error bit of an FNN status word makes the register doubtful, no other status word does."""
    assert record(telegram(listing([energy(1, status=0x1E0104)])), "1-0:1.8.0").is_suspect
    assert not record(telegram(listing([energy(1, status=0x20182)])), "1-0:1.8.0").is_suspect


def test_billing_periods_show_in_the_code() -> None:
    """Group F stands behind a star only where it is not 255."""
    codes = [each.code for each in telegram(listing([power(number(1, 1), name=bytes((1, 0, 96, 50, 1, 1)))])).records]
    assert codes == ["1-0:96.50.1*1"]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x62",
        b"\xf2",
        b"\x80\x80\x80\x80\x01",
        b"\x00",
        b"\x6a" + bytes(9),
        b"\x43\x00\x00",
        b"\x72\x01",
        b"\x71" * 20 + b"\x01",
        b"\xff\x0f\x01",
    ],
)
def test_impossible_fields_are_refused(broken: bytes) -> None:
    """Missing octets, absurd lengths, unknown types and endless nesting are errors of ours."""
    with pytest.raises(NotSmlError):
        Reader(broken).value()


def test_a_message_with_a_wrong_checksum_gives_no_value() -> None:
    """The frame's checksum may fit; a message's own must fit too."""
    body = encoded_list(ABSENT, octets(b"x"), ABSENT, ABSENT, encoded_list(energy(1)), ABSENT, ABSENT)
    good = message(1, 0x0701, body)
    (found,) = heard(framed(good[:-3] + b"\x12\x34\x00"))
    assert isinstance(found, Damaged)
    assert found.reason == "checksum of a message is wrong"


def test_a_frame_without_list_is_a_telegram_without_records() -> None:
    """Opening and closing alone are in order."""
    (found,) = heard(framed(message(1, 0x0201, encoded_list(ABSENT))))
    assert isinstance(found, Telegram)
    assert found.records == ()
