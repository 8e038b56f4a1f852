"""Records: what the standard's own examples and every data type, code and extension mean."""

from decimal import Decimal

import pytest

from drivers.mbus.frame import long_frame as parts_of
from drivers.mbus.records import BadTelegram, read_block
from drivers.mbus.telegram import ApplicationError, join, read_telegram
from drivers.records.telegram import Function, Record, Telegram
from tests.drivers.mbus.frames import EXAMPLE, long_frame, telegram_of


def one(records: str, *, high_first: bool = False) -> Record:
    """Return the only record."""
    (record,) = read_block(bytes.fromhex(records), high_first=high_first).records
    return record


def telegram(raw: bytes) -> Telegram:
    return read_telegram(parts_of(raw))[0]


def test_example_of_the_documentation() -> None:
    """The worked example gives 12 565 l, a maximum of 113 l/h at storage 5, and 218.37 kWh of tariff 2, unit 1."""
    said = telegram(bytes.fromhex(EXAMPLE))
    assert (said.meter.maker, said.meter.serial_number, said.meter.medium, said.meter.version) == (
        "PAD", "12345678", "water", "1",
    )  # fmt: skip
    assert said.meter.address == "2"
    assert said.status == 0
    volume, flow, energy = said.records
    assert (volume.code, volume.value, volume.unit, volume.storage) == ("volume", Decimal("12.565"), "m3", 0)
    assert (flow.code, flow.value, flow.unit) == ("volume_flow", Decimal("0.113"), "m3/h")
    assert (flow.function, flow.storage) == (Function.MAXIMUM, 5)
    assert (energy.code, energy.value, energy.unit) == ("energy", Decimal(218370), "Wh")
    assert (energy.tariff, energy.subunit, energy.raw) == (2, 1, bytes.fromhex("8B6004371802"))


@pytest.mark.parametrize(
    ("records", "code", "value", "unit"),
    [
        ("01 5B 2A", "flow_temperature", "42", "Cel"),
        ("02 5A A4 01", "flow_temperature", "42.0", "Cel"),
        ("02 5E 9C FF", "return_temperature", "-10.0", "Cel"),
        ("03 06 40 E2 01", "energy", "123456000", "Wh"),
        ("04 0F 01 00 00 00", "energy", "10000000", "J"),
        ("04 08 01 00 00 00", "energy", "1", "J"),
        ("05 5B 00 00 AC 41", "flow_temperature", "21.5", "Cel"),
        ("05 5B CD CC CC 3D", "flow_temperature", "0.1", "Cel"),
        ("06 13 FF FF FF FF FF 7F", "volume", "140737488355.327", "m3"),
        ("07 10 FF FF FF FF FF FF FF 7F", "volume", "9223372036854.775807", "m3"),
        ("09 74 15", "actuality_duration", "15", "s"),
        ("0A 5A 12 06", "flow_temperature", "61.2", "Cel"),
        ("0A 5A 12 F6", "flow_temperature", "-61.2", "Cel"),
        ("0B 3B 01 00 F0", "volume_flow", "-0.001", "m3/h"),
        ("0C 06 12 34 56 78", "energy", "78563412000", "Wh"),
        ("0E 84 00 01 02 03 04 05 06", "energy", "605040302010", "Wh"),
        ("0D 13 C2 34 12", "volume", "1.234", "m3"),
        ("0D 13 D2 34 12", "volume", "-1.234", "m3"),
        ("0D 13 E2 FF FF", "volume", "-0.001", "m3"),
        ("02 22 10 00", "on_time", "16", "h"),
        ("02 27 10 00", "operating_time", "16", "d"),
        ("04 2B 10 00 00 00", "power", "16", "W"),
        ("04 30 10 00 00 00", "power", "16", "J/h"),
        ("04 40 10 00 00 00", "volume_flow", "0.0016", "l/min"),
        ("04 48 10 00 00 00", "volume_flow", "1.6E-8", "m3/s"),
        ("04 53 10 00 00 00", "mass_flow", "16", "kg/h"),
        ("02 61 10 00", "temperature_difference", "0.16", "K"),
        ("02 65 10 00", "external_temperature", "0.16", "Cel"),
        ("02 69 10 00", "pressure", "0.16", "bar"),
        ("0C 78 78 56 34 12", "fabrication_number", "12345678", ""),
        ("04 78 00 00 00 80", "fabrication_number", "2147483648", ""),
        ("04 FB 00 10 00 00 00", "energy", "1.6", "MWh"),
        ("04 FB 01 10 00 00 00", "energy", "16", "MWh"),
        ("04 FB 09 10 00 00 00", "energy", "16", "GJ"),
        ("04 FB 0D 10 00 00 00", "energy", "16", "Mcal"),
        ("02 FB 2E 87 13", "frequency", "499.9", "Hz"),
        ("02 FB 1A C8 01", "relative_humidity", "45.6", "%"),
        ("02 FD 48 FC 08", "voltage", "230.0", "V"),
        ("02 FD 59 D2 04", "current", "1.234", "A"),
        ("04 FD 17 01 00 00 80", "error_flags", "2147483649", ""),
        ("02 FD FD 02 0C 00", "battery_remaining", "12", "mo"),
        ("02 FC 03 48 52 25 74 D2 04", "plain_text", "12.34", "%RH"),
        ("02 7C 03 48 52 25 D2 04", "plain_text", "1234", "%RH"),
        ("02 7F D2 04", "manufacturer", "1234", ""),
        ("02 93 7D 05 00", "volume", "5", "m3"),
        ("02 93 77 05 00", "volume", "0.05", "m3"),
        ("02 93 70 05 00", "volume", "5E-9", "m3"),
        ("02 93 7B 05 00", "volume", "1.005", "m3"),
        ("02 6F 01 00", "vif_6f", "1", ""),
    ],
)
def test_value_and_unit(records: str, code: str, value: str, unit: str) -> None:
    """Each data type and each kind of code gives the quantity, the exact number and the unit."""
    record = one(records)
    assert (record.code, record.unit) == (code, unit)
    assert record.value == Decimal(value)
    assert record.raw == bytes.fromhex(records)


@pytest.mark.parametrize(
    "records",
    [
        "01 5B 80", "02 5A 00 80", "03 13 00 00 80", "04 06 00 00 00 80", "07 06 00 00 00 00 00 00 00 80",
        "0A 5A EE EE", "0C 06 FF FF FF FF", "05 5B 00 00 C0 7F", "05 5B 00 00 80 7F", "00 06", "08 06",
        "0D 13 C0", "04 6D 00 00 00 00", "02 6C FF FF", "0D 6D 03 01 02 03",
    ],
)  # fmt: skip
def test_no_value(records: str) -> None:
    """The standard's codes for 'not available', and dates that are none, give no value."""
    assert one(records).value is None


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ("02 6C 9F 2C", "2020-12-31"),
        ("02 6C A1 A1", "1985-01-01"),
        ("04 6D 2D 0B D3 2C", "2022-12-19T11:45"),
        ("04 6D 2D 2B D3 2C", "2022-12-19T11:45"),
        ("03 6D 1E 2D 0B", "11:45:30"),
        ("06 6D 1E 2D 0B D3 2C 33", "2022-12-19T11:45:30"),
        ("0D FD 10 03 43 42 41", "ABC"),
        ("02 EC 6A D3 2C", "2022-12-19"),
    ],
)
def test_text_and_dates(records: str, text: str) -> None:
    """Dates of the types F, G, I and J are written as ISO 8601, and text is turned round."""
    assert one(records).value == text


@pytest.mark.parametrize(
    ("records", "qualifiers"),
    [
        ("04 83 3B 01 00 00 00", ("forward",)),
        ("04 83 3C 01 00 00 00", ("backward",)),
        ("04 AB FC 01 01 00 00 00", ("l1",)),
        ("02 FD C8 FC 05 01 00", ("l12",)),
        ("04 83 BC FC 82 15 01 00 00 00", ("backward", "l2", "no_data")),
        ("02 BB 48 01 00", ("upper_limit",)),
        ("02 BB 41 01 00", ("exceeds_of_lower_limit",)),
        ("02 BB 5E 01 00", ("duration_of_last_upper_limit_exceed",)),
        ("02 EC 4F D3 2C", ("end_of_last_upper_limit_exceed",)),
        ("02 AB 12 01 00", ("average",)),
        ("02 FD C8 FF 81 00 01 00", ("maker_01", "maker_00")),
        ("02 FF A1 02 01 00", ("maker_21", "maker_02")),
        ("02 7C 03 48 52 25 D2 04", ("rh",)),
    ],
)
def test_qualifiers(records: str, qualifiers: tuple[str, ...]) -> None:
    """Combinable codes set a record apart from the plain one, in the order in which they stand."""
    assert one(records).qualifiers == qualifiers


def test_duration_about_a_quantity_has_its_own_unit() -> None:
    """How long a flow was above its limit is hours, and not thousandths of cubic metres."""
    record = one("02 BB 5E 10 00")
    assert (record.value, record.unit) == (Decimal(16), "h")


@pytest.mark.parametrize("code", [*range(0x01, 0x08), *range(0x0B, 0x10), 0x15, 0x16, 0x17, 0x18, 0x1C])
def test_record_error_gives_no_value(code: int) -> None:
    """A record in which the meter reports an error has no value and is suspect."""
    record = one(f"04 86 {code:02X} 01 00 00 00")
    assert record.value is None
    assert record.is_suspect


def test_error_code_zero_is_none() -> None:
    """A record that says 'no error' is as good as one that says nothing."""
    record = one("04 86 00 01 00 00 00")
    assert (record.value, record.qualifiers, record.is_suspect) == (Decimal(1000), (), False)


def test_value_during_error_state_is_suspect() -> None:
    """The function 'value during error state' is kept and marked."""
    record = one("32 5A A4 01")
    assert (record.function, record.is_suspect) == (Function.ERROR, True)


def test_extensions_build_storage_tariff_and_subunit() -> None:
    """Each DIFE adds four bits of storage, two of tariff, one of subunit."""
    record = one("C4 F5 42 06 01 00 00 00")
    assert (record.storage, record.tariff, record.subunit) == (1 | 5 << 1 | 2 << 5, 3, 3)


def test_special_functions() -> None:
    """Filler and global readout are skipped; the maker's block is kept, and 1F says that more follows."""
    block = read_block(bytes.fromhex("2F 2F 01 5B 2A 7F 2F 1F AB CD"))
    assert [record.code for record in block.records] == ["flow_temperature", "manufacturer_block"]
    assert block.records[1].value == "ABCD"
    assert block.more_follow
    assert not read_block(bytes.fromhex("01 5B 2A 0F AB")).more_follow
    assert len(read_block(bytes.fromhex("01 5B 2A 0F")).records) == 1


@pytest.mark.parametrize("records", ["04 06 01 00 00", "04", "84", "04 86", "0D 13", "0D 13 05 41", "02 7C 09 41",
                                     "3F 00", "0D 13 F8 00", "84" + "80" * 11 + "00 06 01 00 00 00"])  # fmt: skip
def test_what_is_no_record_is_refused(records: str) -> None:
    """A telegram with a record that ends behind it, or of a form without meaning, gives nothing."""
    with pytest.raises(BadTelegram):
        read_block(bytes.fromhex(records))


def test_high_byte_first() -> None:
    """Behind CI 76 every number comes with its high byte first, the header's too."""
    header = bytes.fromhex("12345678 4024 01 07 55 00 0000")
    said = telegram(telegram_of("03 13 00 31 15 02 6C 2C 9F", header=header, information=0x76))
    assert (said.meter.serial_number, said.meter.maker) == ("12345678", "PAD")
    assert [record.value for record in said.records] == [Decimal("12.565"), "2020-12-31"]


def test_short_header_and_none() -> None:
    """CI 7A has four bytes of header, CI 78 none."""
    short = telegram(long_frame(b"\x7a\x55\x04\x00\x00\x01\x5b\x2a"))
    assert (short.status, short.meter.serial_number, short.records[0].value) == (4, "", Decimal(42))
    bare = telegram(long_frame(b"\x78\x01\x5b\x2a"))
    assert (bare.status, bare.records[0].value) == (None, Decimal(42))


def test_fixed_structure_of_the_documentation() -> None:
    """The documentation's example: actual 1 l, and 135 l stored on a fixed date, from meter 12345678."""
    raw = bytes.fromhex("68 13 13 68 08 05 73 78 56 34 12 0A 00 E9 7E 01 00 00 00 35 01 00 00 3C 16")
    said = telegram(raw)
    assert (said.meter.serial_number, said.meter.medium) == ("12345678", "water")
    actual, stored = said.records
    assert (actual.code, actual.value, actual.unit, actual.storage) == ("volume", Decimal(1), "l", 0)
    assert (stored.code, stored.value, stored.unit, stored.storage) == ("volume", Decimal(135), "l", 1)


@pytest.mark.parametrize(("status", "is_suspect"), [(0x00, False), (0x04, False), (0x10, False), (0x02, True),
                                                    (0x08, True)])  # fmt: skip
def test_status_of_the_header(status: int, is_suspect: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """An application error or a permanent one puts the whole telegram in doubt; a weak battery does not."""
    header = bytes.fromhex(f"78563412 2440 01 07 55 {status:02X} 0000")
    said = telegram(telegram_of("01 5B 2A", header=header))
    assert (said.status, said.is_suspect) == (status, is_suspect)


def test_application_error() -> None:
    """A meter that answers with an error has a code and a reason."""
    with pytest.raises(ApplicationError, match="too busy") as caught:
        telegram(long_frame(b"\x70\x08"))
    assert caught.value.code == 8


def test_encrypted_telegram_is_named() -> None:
    """Encrypted records are never taken for values."""
    header = bytes.fromhex("78563412 2440 01 07 55 00 1005")
    with pytest.raises(BadTelegram, match="mode 5"):
        telegram(telegram_of("01 5B 2A", header=header))


def test_clock_of_the_meter() -> None:
    """Date and time at storage 0 is the meter's clock, with its summer time bit and its own doubt."""
    said = telegram(telegram_of("44 6D 01 01 01 01 04 6D 2D 8B D3 2C"))
    assert said.time is not None
    assert said.time.local.isoformat() == "2022-12-19T11:45:00"
    assert (said.time.is_summer, said.time.is_valid) == (True, True)
    doubtful = telegram(telegram_of("04 6D AD 0B D3 2C"))
    assert doubtful.time is not None
    assert not doubtful.time.is_valid
    assert doubtful.records[0].value is None


def test_telegrams_of_one_readout_are_joined() -> None:
    """Records of all telegrams stand in one; telegrams of two meters are never joined."""
    first, second = telegram(telegram_of("01 5B 2A 1F")), telegram(telegram_of("01 5F 14"))
    assert [record.code for record in join([first, second]).records] == ["flow_temperature", "return_temperature"]
    other = telegram(telegram_of("01 5F 14", header=bytes.fromhex("79563412 2440 01 07 55 00 0000")))
    with pytest.raises(BadTelegram, match="two meters"):
        join([first, other])
