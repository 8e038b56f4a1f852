"""Known defects of meters, each mended and named."""

from decimal import Decimal

import pytest

from drivers.records.telegram import Record
from drivers.sml.quirks import QUIRKS
from gateway.sim.sml import encoded_list, entry, number, octets, server_id
from tests.drivers.sml.frames import EXPORT, IMPORT, POWER, energy, listing, power, record, telegram

HUNDREDTHS = b"\x52\xfe"
MAGNITUDE = bytes((1, 0, 15, 7, 0, 255))


def dzg(serial_number: str, value: bytes, *, two_way: bool = True, name: bytes = POWER) -> Record:
    """Return the power that a DZG meter sends."""
    entries = [energy(1), *([energy(2, name=EXPORT)] if two_way else []), power(value, name=name, scaler=HUNDREDTHS)]
    found = telegram(listing(entries, own=server_id(serial_number)))
    return found.records[-1]


def test_every_quirk_has_a_name_a_reason_and_a_source() -> None:
    """The table tells a reader why each correction stands in the code."""
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)
    assert all(quirk.meters and quirk.reason and quirk.source for quirk in QUIRKS)


@pytest.mark.parametrize("serial_number", ["1DZG0042000000", "1DZG0048999999", "1DZG0055000000", "1DZG0058999999"])
def test_the_dzg_dvs74_marks_unsigned_power_as_signed(serial_number: str) -> None:
    """0x8B28 from an affected meter is 356.24 W, and the record says why."""
    only = dzg(serial_number, b"\x53\x8b\x28")
    assert (only.value, only.qualifiers) == (Decimal("356.24"), ("dzg_unsigned_power",))


@pytest.mark.parametrize("serial_number", ["1DZG0041999999", "1DZG0049000000", "1DZG0059000000", "1DZG0060000000"])
def test_later_dzg_meters_mean_the_sign(serial_number: str) -> None:
    """0xD6CA from a meter outside the affected numbers is minus 105.50 W."""
    only = dzg(serial_number, b"\x53\xd6\xca")
    assert (only.value, only.qualifiers) == (Decimal("-105.50"), ())


def test_three_octets_from_an_affected_dzg_are_signed() -> None:
    """The defect is of one and two octets only."""
    assert dzg("1DZG0042000000", b"\x54\xfe\x9a\x84").value == Decimal("-915.16")


def test_a_dzg_meter_without_export_shows_no_negative_power() -> None:
    """Whatever its number, a one-way meter's 0xC60C on a phase is 507 W."""
    only = dzg("1DZG0050000001", b"\x53\xc6\x0c", two_way=False, name=bytes((1, 0, 36, 7, 0, 255)))
    assert (only.value, only.qualifiers) == (Decimal("507.00"), ("dzg_one_way_power",))


def test_other_makers_mean_the_sign() -> None:
    """The correction concerns no other maker with the same number."""
    found = telegram(listing([power(b"\x53\x8b\x28", scaler=HUNDREDTHS)], own=server_id("1ISK0042000000")))
    assert record(found, "1-0:16.7.0").value == Decimal("-299.12")


def test_holley_checksums_are_accepted() -> None:
    """KERMIT checksums of frame and messages are as good as those of X-25."""
    found = telegram(listing([energy(12_345)], own=server_id("1HLY0200088507"), kermit=True))
    assert found.meter.serial_number == "1HLY0200088507"
    assert record(found, "1-0:1.8.0").value == Decimal("1234.5")


def test_a_bare_number_as_time_is_read_over() -> None:
    """Holley's time without choice is no time of day, and the values behind it are read."""
    bare = entry(IMPORT, number(77, 8, signed=True), time=number(18_538_167, 4), unit=number(30, 1), scaler=b"\x52\xff")
    only = record(telegram(listing([bare], own=server_id("1HLY0200088507"))), "1-0:1.8.0")
    assert (only.value, only.time) == (Decimal("7.7"), None)


@pytest.mark.parametrize(("status", "watts"), [(0x182, 750), (0x1A2, -750), (0x101A2, -750)])
def test_the_emh_status_word_gives_power_its_direction(status: int, watts: int) -> None:
    """The magnitude stays, and the signed power is added from bit 5 of the status word."""
    own = bytes.fromhex("06454D48010271574E62")
    entries = [energy(1, status=status), power(number(750, 2), name=MAGNITUDE)]
    found = telegram(listing(entries, own=own))
    assert found.meter.maker == "EMH"
    assert record(found, "1-0:15.7.0").value == Decimal(750)
    added = record(found, "1-0:16.7.0")
    assert (added.value, added.qualifiers) == (Decimal(watts), ("direction_from_status",))


@pytest.mark.parametrize(
    ("serial_number", "value", "watts"),
    [
        ("1HLY0200088507", number(296, 2), -296),
        ("1HLY0200088507", number(296, 2, signed=True), 296),
        ("1ISK0070012345", number(296, 2), 296),
    ],
)
def test_unsigned_power_of_holley_takes_its_sign_from_the_status(serial_number: str, value: bytes, watts: int) -> None:
    """Bit 11 of a basic meter's status counts only where the maker is known for it and the number has no sign."""
    found = telegram(listing([energy(1, status=0x1D4904), power(value)], own=server_id(serial_number)))
    assert record(found, "1-0:16.7.0").value == Decimal(watts)


def test_a_scaler_left_out_is_one() -> None:
    """An entry with a unit and no scaler is in the unit itself."""
    bare = entry(POWER, number(42, 1), unit=number(27, 1))
    assert record(telegram(listing([bare])), "1-0:16.7.0").value == Decimal(42)


def test_a_meter_without_server_id_is_known_by_its_record() -> None:
    """Where the header's id is all zeros, the register with the id counts."""
    named = entry(bytes((1, 0, 96, 1, 0, 255)), octets(server_id("1EBZ0100012345")))
    maker = entry(bytes((129, 129, 199, 130, 3, 255)), octets(b"EBZ"))
    meter = telegram(listing([named, maker], own=bytes(10))).meter
    assert (meter.maker, meter.serial_number) == ("EBZ", "1EBZ0100012345")


def test_a_list_as_value_is_a_time() -> None:
    """A meter that puts a time in a value says it as text."""
    stamped = entry(IMPORT, encoded_list(number(1, 1), encoded_list(number(2, 1), number(1_700_000_000, 4))))
    assert record(telegram(listing([stamped])), "1-0:1.8.0").value == "2023-11-14T22:13:20"
