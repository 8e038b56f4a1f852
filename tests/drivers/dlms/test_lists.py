"""Each maker's list means what its document says."""

from decimal import Decimal

import pytest

from drivers.records.telegram import Record, Telegram
from gateway.sim.dlms import Secrecy, ciphered, hdlc
from gateway.sim.dlms_list import array, clock, described, notification, octet_string, structure, visible
from tests.drivers.dlms.pushes import LLC, damage, kamstrup, push, record, scaled, telegram

NOON_MS = 1_700_000_000_000
"""2023-11-14 22:13:20 UTC."""


def u32(value: int) -> bytes:
    return b"\x06" + value.to_bytes(4, "big")


def u16(value: int) -> bytes:
    return b"\x12" + value.to_bytes(2, "big")


def said(found: Telegram) -> list[tuple[str, str, str]]:
    return [(each.code, str(each.value), each.unit) for each in found.records]


def one(found: Telegram) -> Record:
    (only,) = found.records
    return only


def test_kamstrup_leaves_units_to_its_document() -> None:
    """Energy is in 10 Wh, current in 0.01 A, voltage in volts, power in watts; the clock is of the header."""
    found = telegram(
        push(
            kamstrup(
                (bytes((1, 1, 0, 0, 5, 255)), visible("5706567274389702")),
                (bytes((1, 1, 96, 1, 1, 255)), visible("6841121BN243101040")),
                (bytes((1, 1, 1, 7, 0, 255)), u32(1468)),
                (bytes((1, 1, 4, 7, 0, 255)), u32(462)),
                (bytes((1, 1, 31, 7, 0, 255)), u32(564)),
                (bytes((1, 1, 32, 7, 0, 255)), u16(232)),
                (bytes((1, 1, 33, 7, 0, 255)), u16(77)),
                (bytes((0, 1, 1, 0, 0, 255)), octet_string(clock(NOON_MS))),
                (bytes((1, 1, 1, 8, 0, 255)), u32(1_152_202)),
                (bytes((1, 1, 61, 8, 0, 255)), u32(148_448)),
                (bytes((1, 1, 4, 8, 0, 255)), u32(611_598)),
            ),
            header_time=b"\x0c" + clock(NOON_MS),
        )
    )
    assert said(found)[2:] == [
        ("1-1:1.7.0", "1468", "W"),
        ("1-1:4.7.0", "462", "var"),
        ("1-1:31.7.0", "5.64", "A"),
        ("1-1:32.7.0", "232", "V"),
        ("1-1:33.7.0", "0.77", "1"),
        ("0-1:1.0.0", "2023-11-14T22:13:20", ""),
        ("1-1:1.8.0", "11522020", "Wh"),
        ("1-1:61.8.0", "1484480", "Wh"),
        ("1-1:4.8.0", "6115980", "varh"),
    ]
    meter = found.meter
    assert (meter.maker, meter.serial_number, meter.model) == ("KAM", "5706567274389702", "6841121BN243101040")
    assert (meter.version, meter.medium) == ("Kamstrup_V0001", "electricity")
    assert found.time is not None
    assert (found.time.local.isoformat(), found.time.utc_offset_s) == ("2023-11-14T22:13:20", 0)


def test_kamstrup_voltage_with_two_decimals_is_known_by_its_size() -> None:
    """Later meters send 22199 for 221.99 V."""
    assert one(telegram(push(kamstrup((bytes((1, 1, 32, 7, 0, 255)), u16(22_199)))))).value == Decimal("221.99")


def test_aidon_says_scaler_and_unit() -> None:
    """Structures of code, value, scaler and unit; strings have no scaler."""
    body = array(
        structure(octet_string(bytes((1, 1, 0, 2, 129, 255))), visible("AIDON_V0001")),
        structure(octet_string(bytes((0, 0, 96, 1, 0, 255))), visible("7359992890941742")),
        structure(octet_string(bytes((0, 0, 96, 1, 7, 255))), visible("6515")),
        structure(octet_string(bytes((0, 0, 1, 0, 0, 255))), octet_string(clock(NOON_MS, deviation_min=-60))),
        scaled(bytes((1, 0, 1, 7, 0, 255)), u32(2021), 0, 27),
        scaled(bytes((1, 0, 31, 7, 0, 255)), b"\x10\xff\xf7", -1, 33),
        scaled(bytes((1, 0, 32, 7, 0, 255)), u16(2275), -1, 35),
        scaled(bytes((1, 0, 1, 8, 0, 255)), u32(1_234), 1, 30),
    )
    found = telegram(push(body))
    assert said(found)[4:] == [
        ("1-0:1.7.0", "2021", "W"),
        ("1-0:31.7.0", "-0.9", "A"),
        ("1-0:32.7.0", "227.5", "V"),
        ("1-0:1.8.0", "12340", "Wh"),
    ]
    assert (found.meter.maker, found.meter.serial_number, found.meter.model) == ("AID", "7359992890941742", "6515")
    assert found.time is not None
    assert (found.time.local.isoformat(), found.time.utc_offset_s) == ("2023-11-14T23:13:20", 3600)


def test_texts_that_are_filled_with_zeros_end_before_them() -> None:
    """Landis+Gyr meters in Norway fill up their number; a text of zeros alone is none."""
    body = array(
        structure(octet_string(bytes((1, 1, 0, 2, 129, 255))), visible("EMBRIQ_V1_1")),
        structure(octet_string(bytes((0, 0, 96, 1, 0, 255))), visible("1000001" + 9 * "\0")),
        structure(octet_string(bytes((0, 0, 96, 1, 7, 255))), visible(4 * "\0")),
    )
    found = telegram(push(body))
    assert (found.meter.maker, found.meter.serial_number, found.meter.model) == ("LGZ", "1000001", "")
    assert record(found, "0-0:96.1.7").value is None


THREE_PHASE = [u32(value) for value in (1320, 0, 5, 0, 97, 428, 1476, 2298, 2302, 2319)]
ENERGY = [octet_string(clock(NOON_MS)), u32(478_133), u32(7), u32(25_660), u32(159_478)]
NAMES = [octet_string(b"KFM_001"), octet_string(b"6970631401753985"), octet_string(b"MA304H3E")]
ONE_PHASE = [u32(value) for value in (1320, 0, 5, 0, 5_700, 2298)]


@pytest.mark.parametrize(
    ("values", "count", "sample"),
    [
        ([u32(1320)], 1, {"1-0:1.7.0": ("1320", "W")}),
        ([*NAMES, *ONE_PHASE], 6, {"1-0:31.7.0": ("5.700", "A"), "1-0:32.7.0": ("229.8", "V")}),
        ([*NAMES, *THREE_PHASE], 10, {"1-0:3.7.0": ("5", "var"), "1-0:72.7.0": ("231.9", "V")}),
        ([*NAMES, *ONE_PHASE, *ENERGY], 11, {"1-0:1.8.0": ("478133", "Wh"), "1-0:4.8.0": ("159478", "varh")}),
        ([*NAMES, *THREE_PHASE, *ENERGY], 15, {"1-0:71.7.0": ("1.476", "A"), "1-0:2.8.0": ("7", "Wh")}),
    ],
)
def test_kaifa_lists_are_told_by_their_length(
    values: list[bytes], count: int, sample: dict[str, tuple[str, str]]
) -> None:
    """Positions mean what the maker's table says, for one phase and three, with and without the hourly part."""
    found = telegram(push(structure(*values), header_time=octet_string(clock(NOON_MS))))
    assert found.meter.maker == "KFM"
    assert found.meter.serial_number == ("6970631401753985" if len(values) > 1 else "")
    assert len(found.records) == count
    for code, (value, unit) in sample.items():
        assert (str(record(found, code).value), record(found, code).unit) == (value, unit)


def test_kaifa_clocks_do_not_say_their_season() -> None:
    """Without a deviation the summer bit, which these meters never set, is not believed."""
    stamp = octet_string(clock(NOON_MS)[:9] + b"\x80\x00\x00")
    found = telegram(push(structure(u32(1)), header_time=stamp))
    assert found.time is not None
    assert (found.time.utc_offset_s, found.time.is_summer) == (None, None)


def test_iskra_lists_are_told_by_their_kinds() -> None:
    """Two lists of the same length differ in what stands at the third place."""
    names = [octet_string(b"ISK1030780000001"), octet_string(b"16820005")]
    fast = [*names, *[u16(v) for v in (2379, 2380, 2296, 103, 125, 597)], *[u32(v) for v in (1393, 0, 0, 738)]]
    slow = [*names, b"\x16\x01", octet_string(b"\x00\x01"), *[u32(v) for v in (52_837, 13_593, 39_244, 7, 3, 4, 5, 6)]]
    phases = [*names, *[u32(v) for v in (1393, 0, 0, 738)], *[u16(v) for v in (2379, 2380, 2296, 103, 125, 597)]]
    now = telegram(push(structure(*fast)))
    assert (record(now, "1-0:32.7.0").value, record(now, "1-0:71.7.0").value) == (Decimal("237.9"), Decimal("5.97"))
    assert record(telegram(push(structure(*slow))), "1-0:1.8.2").value == Decimal(39_244)
    long = telegram(push(structure(*phases, *[u32(v) for v in (16, 51, 1325, 0, 0, 0)])))
    assert record(long, "1-0:61.7.0").value == Decimal(1325)
    assert long.meter.serial_number == "16820005"


def test_a_list_may_bring_its_own_table_of_objects() -> None:
    """Landis+Gyr sends first which object each value is of."""
    codes = [bytes((0, 8, 25, 9, 0, 255)), bytes((0, 0, 96, 1, 1, 255)), bytes((1, 0, 1, 7, 0, 255))]
    body = described(list(zip(codes, [b"", octet_string(b"601109"), u32(40)], strict=True)))
    found = telegram(push(body))
    assert said(found) == [("0-0:96.1.1", "601109", ""), ("1-0:1.7.0", "40", "")]
    assert found.meter.serial_number == "601109"


def test_landis_gyr_lists_without_table_are_told_by_maker_and_kinds() -> None:
    """An encrypted push names its maker in the system title; its fourteen values then have their places."""
    secrecy = Secrecy(bytes(16), None, b"LGZ\x67\x00\x00\x00\x01")
    values = [*[u16(v) for v in (236, 236, 237, 0, 46, 26)], *[u32(v) for v in (125, 0, 27_881_149, 7_619)]]
    body = structure(*values, u16(400), u16(3), u16(288), octet_string(b"30000001"))
    found = telegram(hdlc(LLC + ciphered(notification(b"\x00", body), secrecy, counter=1)), key=bytes(16))
    assert (found.meter.maker, found.meter.serial_number) == ("LGZ", "30000001")
    assert said(found)[4:9] == [
        ("1-0:51.7.0", "0.46", "A"),
        ("1-0:71.7.0", "0.26", "A"),
        ("1-0:1.7.0", "125", "W"),
        ("1-0:2.7.0", "0", "W"),
        ("1-0:1.8.0", "27881149", "Wh"),
    ]


def test_flat_lists_with_scalers_are_read() -> None:
    """Austrian lists put time, code, value and scaler side by side, and the meter's number at the end."""
    scale = structure(b"\x0f\xff", b"\x16\x23")
    body = structure(
        octet_string(clock(NOON_MS)),
        octet_string(bytes((1, 0, 32, 7, 0, 255))), u16(2356), scale,
        octet_string(bytes((1, 0, 13, 7, 0, 255))), b"\x10\x03\xcf", structure(b"\x0f\xfd", b"\x16\xff"),
        octet_string(b"178210015165"),
    )  # fmt: skip
    assert said(telegram(push(body))) == [("1-0:32.7.0", "235.6", "V"), ("1-0:13.7.0", "0.975", "1")]


def test_a_value_that_is_null_is_none() -> None:
    """A code followed by nothing has no value, and its neighbour keeps its own."""
    first, second = bytes((1, 0, 1, 7, 0, 255)), bytes((1, 0, 2, 7, 0, 255))
    found = telegram(push(structure(octet_string(first), b"\x00", octet_string(second), u32(5))))
    assert said(found) == [("1-0:1.7.0", "None", ""), ("1-0:2.7.0", "5", "")]


def test_an_unknown_list_without_codes_gives_no_value() -> None:
    """Numbers that nobody described are refused, not guessed."""
    assert "nobody described" in damage(push(structure(*NAMES, u32(1))))


def test_records_keep_the_octets_they_came_from() -> None:
    """The raw form of a record is its part of the telegram."""
    body = scaled(bytes((1, 0, 1, 7, 0, 255)), u32(2021), 0, 27)
    assert one(telegram(push(body))).raw == body[2:]
