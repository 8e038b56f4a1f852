"""The simulated DLMS meter: what it pushes is what the driver reads."""

import asyncio
from typing import Literal

import pytest

from drivers.catalog import Catalog
from drivers.dlms.stream import DlmsStream
from drivers.profile_records import ObisProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Damaged, Telegram
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings
from gateway.sim.dlms import Secrecy, SimulatedDlmsMeter
from gateway.sim.talker import talk_tcp
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock, settle

VOCABULARY = load_vocabulary()
KEY, AUTHENTICATION = bytes(range(16)), bytes(range(0xD0, 0xE0))
VALUES = {
    "elec_energy_import": 12345.67,
    "elec_energy_export": 98.7,
    "elec_power_active": -1234.0,
    "elec_power_reactive": 56.0,
    "elec_voltage_l1": 231.0,
    "elec_voltage_l2": 230.0,
    "elec_voltage_l3": 229.0,
    "elec_current_l1": 5.2,
    "elec_current_l2": 4.1,
    "elec_current_l3": 0.7,
}
MODELS = ("kamstrup/omnipower-han", "aidon/6525-han", "kaifa/ma304-han")


def profile(model: str) -> ObisProfile:
    """Return a bundled profile."""
    found = Catalog(VOCABULARY).find(model).profile
    assert isinstance(found, ObisProfile)
    return found


class Mouth:
    """Keeps what a meter says."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("secrecy", [None, Secrecy(KEY), Secrecy(KEY, AUTHENTICATION)])
@pytest.mark.parametrize("framing", ["hdlc", "mbus"])
def test_what_it_pushes_is_what_the_driver_reads(
    model: str, secrecy: Secrecy | None, framing: Literal["hdlc", "mbus"]
) -> None:
    """Every maker's list comes back in the vocabulary's unit, encrypted or not, in either framing."""
    clock = FakeClock()
    meter = SimulatedDlmsMeter(
        profile(model), FixedValues(VALUES), clock=clock, vocabulary=VOCABULARY, secrecy=secrecy, framing=framing
    )
    stream = DlmsStream(secrecy.key, secrecy.authentication_key) if secrecy is not None else DlmsStream()
    (found,) = stream.feed(meter.telegram())
    assert isinstance(found, Telegram), found
    assert found.meter.serial_number == "5706567000012345"
    settings = DeviceSettings.model_validate({"id": "meter", "profile": model, "link": "han"})
    decoder = RecordDecoder(profile(model), settings, VOCABULARY)
    arrival = Arrival(0.0, clock.utc_ms() // 1000 * 1000)
    readout = decoder.readout(found, [*VALUES, "dev_clock_offset"], arrival=arrival)
    assert dict(zip(readout.points, readout.values, strict=True)) == {**VALUES, "dev_clock_offset": 0.0}


async def test_it_speaks_at_its_period() -> None:
    """Each period has one telegram, at the instants that the clock gives."""
    clock = FakeClock()
    mouth = Mouth()
    meter = SimulatedDlmsMeter(
        profile(MODELS[0]), FixedValues(VALUES), clock=clock, vocabulary=VOCABULARY, period_s=10.0
    )
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(meter.speak(mouth), name="simulated meter")
        await settle()
        assert len(DlmsStream().feed(mouth.said)) == 1
        await clock.advance(25.0)
        assert len(DlmsStream().feed(mouth.said)) == 3
        speaking.cancel()


def test_it_ignores_what_it_hears() -> None:
    """A meter that pushes answers nobody."""
    mouth = Mouth()
    meter = SimulatedDlmsMeter(profile(MODELS[0]), FixedValues({}), clock=FakeClock(), vocabulary=VOCABULARY)
    meter.heard(b"\x7e\xa0", mouth)
    assert mouth.said == b""


async def test_it_is_heard_over_a_socket() -> None:
    """Served on a socket, the telegram arrives whole."""
    meter = SimulatedDlmsMeter(profile(MODELS[0]), FixedValues(VALUES), clock=FakeClock(), vocabulary=VOCABULARY)
    async with talk_tcp(meter) as address:
        host, port = address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        stream = DlmsStream()
        found: list[Telegram | Damaged] = []
        async with asyncio.timeout(5):
            while not found:
                found += stream.feed(await reader.read(100))
        writer.close()
        await writer.wait_closed()
    assert isinstance(found[0], Telegram)
