"""Simulated M-Bus meters: what they answer, and what several of them on one line sound like."""

import asyncio

import pytest

from drivers.link import Link
from drivers.link_socket import open_tcp
from drivers.mbus.search import search_secondary
from drivers.mbus.source import MbusSource
from drivers.profile_records import MbusProfile
from gateway.app.clock import SystemClock
from gateway.core.errors import ConfigError
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.mbus import ACK, MbusLine, SimulatedMbusMeter
from gateway.sim.talker import talk_tcp
from gateway.sim.values import FixedValues
from tests.drivers.mbus.bus import VALUES, VOCABULARY, Mouth, profile_of

NKE_1 = bytes.fromhex("10 40 01 41 16")
ASK_1 = bytes.fromhex("10 7B 01 7C 16")
ASK_1_NEXT = bytes.fromhex("10 5B 01 5C 16")
ALARMS_1 = bytes.fromhex("10 5A 01 5B 16")


def simulated(serial_number: str = "12345678", *, address: int = 1, profile: MbusProfile | None = None,
              missing: bool = False) -> SimulatedMbusMeter:  # fmt: skip
    values = dict(VALUES) | {"heat_power": None} if missing else dict(VALUES)
    return SimulatedMbusMeter(
        profile or profile_of(),
        FixedValues(values),
        clock=SystemClock(),
        vocabulary=VOCABULARY,
        serial_number=serial_number,
        address=address,
    )


def said(talker: SimulatedMbusMeter | MbusLine, *requests: bytes) -> bytes:
    """Return what is heard after the requests, the last one in two pieces."""
    mouth = Mouth()
    for request in requests[:-1]:
        talker.heard(request, mouth)
    mouth.said.clear()
    talker.heard(requests[-1][:2], mouth)
    talker.heard(requests[-1][2:], mouth)
    return b"".join(mouth.said)


def test_reset_is_acknowledged_by_the_meter_that_is_meant() -> None:
    """SND_NKE is answered at the meter's address and at 254, not at another one, and not at the broadcast."""
    meter = simulated()
    assert said(meter, NKE_1) == ACK
    assert said(meter, bytes.fromhex("10 40 FE 3E 16")) == ACK
    assert said(meter, bytes.fromhex("10 40 02 42 16")) == b""
    assert said(meter, bytes.fromhex("10 40 FF 3F 16")) == b""
    assert said(meter, ALARMS_1) == ACK


def test_telegram_of_the_meter() -> None:
    """The answer is a long frame of the meter with header and records; energy is said in watt-hours."""
    frame = said(simulated(), NKE_1, ASK_1)
    assert frame[:1] == frame[3:4] == b"\x68"
    assert frame[1] == frame[2] == len(frame) - 6
    assert frame[4:7] == b"\x08\x01\x72"
    assert frame[7:11] == bytes.fromhex("78563412")
    assert b"\x04\x03" + (12345678).to_bytes(4, "little") in frame
    assert frame[-2] == sum(frame[4:-2]) % 256


def test_same_frame_count_bit_repeats_the_telegram() -> None:
    """Of several telegrams the next one comes only after the other frame count bit."""
    meter = simulated(profile=profile_of(max_telegrams=3))
    first = said(meter, NKE_1, ASK_1)
    again = said(meter, ASK_1)
    second = said(meter, ASK_1_NEXT)
    assert first[19:-2] == again[19:-2] != second[19:-2]
    assert first[-3] == second[-3] == 0x1F


def test_no_value_is_said_as_the_standard_says_it() -> None:
    """A point that the source calls missing is the smallest binary number."""
    assert bytes.fromhex("04 2B 00 00 00 80") in said(simulated(missing=True), NKE_1, ASK_1)


def test_damaged_requests_are_not_answered() -> None:
    """A request with a wrong sum is silence, and the next good one is answered."""
    meter = simulated()
    assert said(meter, bytes.fromhex("10 40 01 42 16")) == b""
    assert said(meter, b"\x00\xff", NKE_1) == ACK


def test_several_answers_disturb_each_other() -> None:
    """Acknowledgements fall on one another; telegrams of two meters are no telegram."""
    line = MbusLine([simulated("11111111"), simulated("22222222")])
    assert said(line, NKE_1) == ACK
    garbled = said(line, ASK_1)
    assert garbled
    assert garbled[-3] != sum(garbled[4:-3]) % 256


def test_impossible_meters() -> None:
    """A number of another length, or a quantity that the simulator cannot say, is refused when it is made."""
    with pytest.raises(ConfigError, match="not 8 digits"):
        simulated("1234")
    strange = profile_of()
    odd = strange.points[0].model_copy(update={"quantity": "credit"})
    with pytest.raises(ConfigError, match="cannot say the quantity 'credit'"):
        simulated(profile=strange.model_copy(update={"points": (odd,)}))


async def test_over_a_real_socket() -> None:
    """A line of three meters behind a converter is searched and read, from bytes on a socket to values."""
    line = MbusLine([simulated("11110000"), simulated("11112222", address=2), simulated("90000000", address=2)])
    async with asyncio.timeout(30), talk_tcp(line) as endpoint:
        settings = LinkSettings(id="mbus_1", tcp=endpoint)
        link = Link(settings, open_stream=open_tcp, clock=SystemClock())
        device = {"id": "heat_1", "profile": "test/heat", "link": "mbus_1", "meter_address": "11112222"}
        source = MbusSource(DeviceSettings.model_validate(device), profile_of(), link, clock=SystemClock())
        telegram = await source.fetch(frozenset())
        assert telegram.meter.serial_number == "11112222"
        assert str(telegram.records[0].value) == "12345678"
        shares: list[float] = []
        found = search_secondary(link, clock=SystemClock(), progress=lambda share, _: shares.append(share))
        assert await anext(found)
        await found.aclose()  # type: ignore[attr-defined]
        await link.close()
    assert len(shares) > 1
