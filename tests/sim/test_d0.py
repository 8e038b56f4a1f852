"""The simulated meter of IEC 62056-21, asked and heard by the driver that was written without it."""

import asyncio
from pathlib import Path

import pytest

from drivers.catalog import Catalog
from drivers.iec62056.d0 import D0Stream
from drivers.iec62056.source import D0Source
from drivers.link import Link
from drivers.link_serial import open_serial
from drivers.profile_records import ObisProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Telegram
from gateway.app.clock import SystemClock
from gateway.core.errors import NoAnswer
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.d0 import SimulatedD0Meter
from gateway.sim.talker import talk_pty
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock, settle
from tests.fakes_stream import Answers, FakePort, LoopClock, run_virtual

VOCABULARY = load_vocabulary()
CATALOG = Catalog(VOCABULARY)
LINE = LinkSettings(id="head", serial="/dev/ttyUSB0", baudrate=300, parity="even", data_bits=7)
ASKED = {
    "iskra/mt174": {"elec_energy_import": 1234.567, "elec_energy_export": 98.7, "elec_voltage_l1": 231.6},
    "landis-gyr/uh50-d0": {"heat_energy": 500.0, "heat_volume": 1234.56, "heat_operating_hours": 30710.0},
}
PUSHED = {
    "easymeter/q3d": {"elec_energy_import": 1013.036, "elec_power_active": -259.0, "elec_power_active_l1": 46.0},
    "ebz/dd3": {"elec_energy_import": 125.257, "elec_power_active": -259.0, "elec_voltage_l1": 232.4},
}


class Mouth:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said = bytearray()

    def write(self, data: bytes) -> None:
        self.said += data


def profile_of(name: str) -> ObisProfile:
    """Return a bundled profile."""
    profile = CATALOG.find(name).profile
    assert isinstance(profile, ObisProfile)
    return profile


def simulated(name: str, *, address: str = "") -> SimulatedD0Meter:
    """Return the meter of a profile with the values of this test."""
    source = FixedValues({**ASKED, **PUSHED}[name])
    return SimulatedD0Meter(
        profile_of(name), source, clock=FakeClock(), vocabulary=VOCABULARY, address=address
    )  # fmt: skip


def port_of(meter: SimulatedD0Meter) -> FakePort:
    """Return a port with the meter behind it."""

    def answer(message: bytes) -> Answers:
        mouth = Mouth()
        meter.heard(message, mouth)
        return [(0.3, bytes(mouth.said))] if mouth.said else []

    return FakePort(answer)


def asked(meter: SimulatedD0Meter, name: str, *, address: str | None = None) -> Telegram | NoAnswer:
    """Return one readout of the meter, or that it stayed silent."""

    async def fetch() -> Telegram | NoAnswer:
        clock = LoopClock()
        settings = DeviceSettings(id="meter", profile=name, link="head", meter_address=address)
        link = Link(LINE, open_stream=port_of(meter).open, clock=clock)
        try:
            return await D0Source(settings, profile_of(name), link, clock=clock).fetch(frozenset())
        except NoAnswer as exc:
            return exc

    return run_virtual(fetch())


def said_by(name: str, telegram: Telegram) -> dict[str, object]:
    """Return point → value that the decoder of the profile makes of a telegram."""
    decoder = RecordDecoder(profile_of(name), DeviceSettings(id="meter", profile=name, link="head"), VOCABULARY)
    readout = decoder.readout(telegram, decoder.points, arrival=Arrival(0.0, FakeClock().utc_ms()))
    return dict(zip(readout.points, readout.values, strict=True))


@pytest.mark.parametrize("name", ["iskra/mt174"])
def test_meter_of_mode_c_is_read(name: str) -> None:
    """After sign-on and acknowledgement the values come back, at the speed that both went to."""
    meter = simulated(name)
    telegram = asked(meter, name)
    assert isinstance(telegram, Telegram)
    said = said_by(name, telegram)
    assert {point: said[point] for point in ASKED[name]} == pytest.approx(ASKED[name])
    assert said["dev_clock_offset"] == 0
    assert meter.baudrates == [9600, 300]
    assert telegram.meter.serial_number == "10000001"


def test_sleeping_meter_of_mode_b_is_woken_and_read() -> None:
    """A battery meter answers after the zeros of its profile, and sends its data without acknowledgement."""
    name = "landis-gyr/uh50-d0"
    meter = simulated(name)
    telegram = asked(meter, name)
    assert isinstance(telegram, Telegram)
    said = said_by(name, telegram)
    assert {point: said[point] for point in ASKED[name]} == pytest.approx(ASKED[name], abs=0.2)
    assert meter.baudrates == [2400, 300]


def test_sleeping_meter_stays_silent() -> None:
    """Without the zeros a meter that sleeps hears nothing."""
    mouth = Mouth()
    simulated("landis-gyr/uh50-d0").heard(b"/?!\r\n", mouth)
    assert mouth.said == b""


def test_only_the_one_that_is_meant_answers() -> None:
    """A meter answers to its own address and to the empty one."""
    assert isinstance(asked(simulated("iskra/mt174", address="42"), "iskra/mt174", address="42"), Telegram)
    assert isinstance(asked(simulated("iskra/mt174", address="42"), "iskra/mt174"), Telegram)
    assert isinstance(asked(simulated("iskra/mt174", address="42"), "iskra/mt174", address="43"), NoAnswer)


def test_acknowledgement_out_of_turn() -> None:
    """Data come only behind a sign-on, and only at a speed that the meter proposed."""
    meter, mouth = simulated("iskra/mt174"), Mouth()
    meter.heard(b"\x06050\r\n", mouth)
    assert mouth.said == b""
    meter.heard(b"/?!\r\n", mouth)
    meter.heard(b"\x06060\r\n", mouth)
    assert mouth.said == b"/ISk5MT17\r\n\x15"  # 19200 baud was not proposed


@pytest.mark.parametrize("name", PUSHED)
async def test_meter_of_mode_d_sends_by_itself(name: str) -> None:
    """A telegram at each interval of the profile, which the stream finds and the profile reads; nothing is asked."""
    clock, mouth = FakeClock(), Mouth()
    meter = SimulatedD0Meter(profile_of(name), FixedValues(PUSHED[name]), clock=clock, vocabulary=VOCABULARY)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(meter.speak(mouth), name="simulated telegrams")
        await settle()
        meter.heard(b"/?!\r\n", mouth)
        await clock.advance(2 * profile_of(name).interval)
        speaking.cancel()
    telegrams = D0Stream().feed(bytes(mouth.said))
    assert len(telegrams) == 3
    for telegram in telegrams:
        assert isinstance(telegram, Telegram)
        said = said_by(name, telegram)
        assert {point: said[point] for point in PUSHED[name]} == pytest.approx(PUSHED[name])


async def test_meter_is_read_through_a_pseudo_terminal(tmp_path: Path) -> None:
    """On a real serial port, speeds are changed and changed back, and the readout is whole."""
    clock = SystemClock()
    async with talk_pty(simulated("iskra/mt174"), tmp_path / "head") as path, asyncio.timeout(10):
        link = Link(LINE.model_copy(update={"serial": str(path)}), open_stream=open_serial, clock=clock)
        settings = DeviceSettings(id="meter", profile="iskra/mt174", link="head")
        source = D0Source(settings, profile_of("iskra/mt174"), link, clock=clock)
        try:
            for _ in range(2):
                telegram = await source.fetch(frozenset())
                assert said_by("iskra/mt174", telegram)["elec_energy_import"] == 1234.567
        finally:
            await link.close()
