"""Asking a meter: addresses, frame count bit, several telegrams, and everything that is no answer of this meter."""

from decimal import Decimal

import pytest

from drivers.mbus.source import MbusSource
from drivers.profile_records import MbusProfile
from drivers.records.telegram import Telegram
from gateway.core.errors import ConfigError, CorruptFrame, NoAnswer, Refused
from gateway.core.site import DeviceSettings, LinkSettings
from tests.drivers.mbus.bus import SERIAL, SOCKET, Bus, meter, profile_of, settings_of
from tests.drivers.mbus.frames import long_frame
from tests.fakes_stream import LoopClock, run_virtual

NOTHING: frozenset[str] = frozenset()
EVERY_LINK = pytest.mark.parametrize("link", [SERIAL, SOCKET], ids=["serial", "socket"])


def fetched(
    bus: Bus,
    *,
    settings: DeviceSettings | None = None,
    profile: MbusProfile | None = None,
    link: LinkSettings = SERIAL,
    times: int = 1,
) -> list[Telegram]:
    """Return what the meter says at each of so many readouts; an error of any but the last one is passed over."""

    async def run() -> list[Telegram]:
        source = MbusSource(settings or settings_of(), profile or profile_of(), bus.link(link), clock=LoopClock())
        found = []
        for number in range(times):
            try:
                found.append(await source.fetch(NOTHING))
            except (NoAnswer, CorruptFrame):
                if number + 1 == times:
                    raise
        return found

    return run_virtual(run())


def values(telegram: Telegram) -> dict[str, object]:
    return {record.code: record.value for record in telegram.records}


@EVERY_LINK
def test_primary_address(link: LinkSettings) -> None:
    """The meter at its primary address gives exactly its values, and only after SND_NKE."""
    bus = Bus([meter("11111111", address=1), meter("22222222", address=2)])
    (said,) = fetched(bus, settings=settings_of(unit_id=2), link=link)
    assert (said.meter.serial_number, said.meter.address) == ("22222222", "2")
    assert values(said) == {
        "energy": Decimal(12345678), "volume": Decimal("321.987"), "volume_flow": Decimal("0.432"),
        "power": Decimal(5678), "flow_temperature": Decimal("71.25"), "return_temperature": Decimal("-3.50"),
    }  # fmt: skip
    assert bus.line.requests == [bytes.fromhex("1040024216"), bytes.fromhex("107B027D16")]


def test_frame_count_bit_toggles() -> None:
    """Each further readout asks with the other frame count bit, so that the meter measures anew."""
    bus = Bus([meter()])
    fetched(bus, times=3)
    assert [request[1] for request in bus.line.requests] == [0x40, 0x7B, 0x5B, 0x7B]


def test_after_a_failure_the_link_layer_is_set_back() -> None:
    """A readout that failed is followed by SND_NKE, since nobody knows which bit the meter saw last."""
    bus = Bus([meter()], tamper={1: b"\x68\x03"})
    assert len(fetched(bus, times=2)) == 1
    assert [request[1] for request in bus.line.requests] == [0x40, 0x7B, 0x40, 0x7B]


@EVERY_LINK
def test_secondary_address(link: LinkSettings) -> None:
    """Of two meters with the same primary address the selected one answers."""
    bus = Bus([meter("11111111"), meter("22222222")])
    (said,) = fetched(bus, settings=settings_of(meter_address="22222222"), link=link)
    assert said.meter.serial_number == "22222222"
    assert [request[5:6] for request in bus.line.requests] == [b"\xfd", b""]


@pytest.mark.parametrize("address", ["2222FFFF", "22222222KVA", "22222222KVA0104", "22222222C12E0104"])
def test_wildcards_and_whole_secondary_addresses(address: str) -> None:
    """F stands for any digit; maker, version and medium may follow as letters, or as the bytes of a selection."""
    bus = Bus([meter("11111111"), meter("22222222")])
    (said,) = fetched(bus, settings=settings_of(meter_address=address))
    assert said.meter.serial_number == "22222222"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_several_telegrams_are_joined(number: int) -> None:
    """A readout of several telegrams is one, at the first time and at the next."""
    profile = profile_of(max_telegrams=number)
    bus = Bus([meter(profile=profile)])
    for said in fetched(bus, profile=profile, times=2):
        assert [record.code for record in said.records if record.code != "manufacturer_block"] == [
            "energy", "volume", "volume_flow", "power", "flow_temperature", "return_temperature",
        ]  # fmt: skip


def test_no_more_telegrams_than_the_profile_says() -> None:
    """Where the profile wants one telegram, the next readout starts with the first one again."""
    bus = Bus([meter(profile=profile_of(max_telegrams=3))])
    first, second = fetched(bus, times=2)
    assert first.records == second.records


def test_silence() -> None:
    """Nobody there is named with address, link and time."""
    with pytest.raises(NoAnswer, match=r"heat_1: no answer from address 9 on mbus_1 within 1\.0 s"):
        fetched(Bus([meter()]), settings=settings_of(unit_id=9))
    with pytest.raises(NoAnswer, match="no answer from meter 99999999 on mbus_1"):
        fetched(Bus([meter()]), settings=settings_of(meter_address="99999999"))


def test_meter_that_acknowledges_no_reset_is_read_all_the_same() -> None:
    """SND_NKE without answer does not yet mean that nobody is there."""
    assert len(fetched(Bus([meter()], tamper={0: b""}))) == 1


@EVERY_LINK
def test_two_meters_on_one_address(link: LinkSettings) -> None:
    """Meters that answer at once give no value, and the reason speaks of several meters or a wrong sum."""
    other = meter("87654321", values={"heat_energy": 1.0})
    with pytest.raises(CorruptFrame, match="heat_1: address 1 on mbus_1: "):
        fetched(Bus([meter(), other]), link=link)


def test_answer_of_another_address() -> None:
    """A frame of another primary address is not taken."""
    frame = long_frame(bytes.fromhex("72 22222222 C12E 01 04 00 00 0000 01 5B 2A"), address=7)
    with pytest.raises(CorruptFrame, match="address 7 answered instead"):
        fetched(Bus([meter()], tamper={1: frame}))
    with pytest.raises(CorruptFrame, match="meter 22222222 answered instead"):
        fetched(Bus([meter()], tamper={1: frame}), settings=settings_of(meter_address="12345678"))


@pytest.mark.parametrize(
    ("traits", "reason"),
    [
        ({"maker": "KAM"}, "maker is KVA, the profile is for KAM"),
        ({"medium": ["water", "warm_water"]}, "medium is heat, the profile is for water or warm_water"),
        ({"version": [3]}, "version is 1, the profile is for 3"),
    ],
)
def test_another_model(traits: dict[str, object], reason: str) -> None:
    """A meter of another maker, medium or version than the profile's gives no value, and both are named."""
    with pytest.raises(CorruptFrame, match=reason):
        fetched(Bus([meter()]), profile=profile_of(**traits))


def test_busy_meter_refuses() -> None:
    """An application error is a refusal with the standard's code."""
    busy = meter()
    busy.is_busy = True
    with pytest.raises(Refused, match="too busy") as caught:
        fetched(Bus([busy]))
    assert caught.value.code == 8


def test_echo_of_a_converter() -> None:
    """A converter that sends the request back does not disturb."""
    assert len(fetched(Bus([meter()], echo=True), times=2)) == 2


@pytest.mark.parametrize("late_s", [1.1, 1.2])
def test_late_answer_is_not_taken_for_the_next_one(late_s: float) -> None:
    """An answer behind its time is discarded: the next readout has what the meter says then."""
    stale = long_frame(bytes.fromhex("72 12345678 C12E 01 04 00 00 0000 01 5B 2A"), address=1)
    (said,) = fetched(Bus([meter()], tamper={1: stale}, late_s={1: late_s}), times=2)
    assert said.meter.serial_number == "12345678"


def test_high_byte_first_is_tried_where_a_meter_never_answered() -> None:
    """The second selection of a silent meter comes in the other order of bytes, and stays so once it is answered."""
    bus = Bus([meter()], tamper={0: b""})
    assert len(fetched(bus, settings=settings_of(meter_address="12345678"), times=3)) == 2
    assert [request[6] for request in bus.line.requests if len(request) > 5] == [0x52, 0x56, 0x56]


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"unit_id": 252}, "252 is no primary address"), ({"meter_address": "1234"}, "'1234' is no secondary address")],
)
def test_impossible_addresses(more: dict[str, object], reason: str) -> None:
    """An address that cannot be is an error of the site file."""
    with pytest.raises(ConfigError, match=reason):
        fetched(Bus([]), settings=settings_of(**more))
