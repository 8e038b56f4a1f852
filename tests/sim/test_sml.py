"""The simulated SML meter: what it sends is what the driver reads."""

import asyncio

import pytest

from drivers.profile_records import ObisPoint, ObisProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Damaged, Telegram
from drivers.sml.stream import SmlStream
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings
from gateway.sim.sml import SimulatedSmlMeter
from gateway.sim.sml_registers import octets_of, unit_of
from gateway.sim.talker import talk_tcp
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock, settle

VOCABULARY = load_vocabulary()
VALUES = {
    "elec_energy_import": 1234.5678,
    "elec_energy_export": 98.7,
    "elec_power_active": -1234.56,
    "elec_voltage_l1": 231.4,
    "elec_current_l1": 5.25,
    "elec_frequency": 49.98,
}


def profile() -> ObisProfile:
    """A meter with one point of each kind."""
    codes = {
        "elec_energy_import": ("1-0:1.8.0",),
        "elec_energy_export": (("1-0:2.8.1", "1-0:2.8.2"),),
        "elec_power_active": ("1-0:16.7.0",),
        "elec_voltage_l1": ("1-0:32.7.0",),
        "elec_current_l1": ("1-0:31.7.0",),
        "elec_frequency": ("1-0:14.7.0",),
    }
    points = [{"point": name, "obis": obis} for name, obis in codes.items()]
    points.append({"point": "dev_clock_offset", "clock": "offset"})
    return ObisProfile.model_validate(
        {
            "profile": "test/sml",
            "maker": "Test",
            "model": "SML",
            "kind": "electricity_meter",
            "source": [{"document": "test", "version": "1"}],
            "interval": "1s",
            "protocol": "sml",
            "points": points,
            "tests": [{"telegram": "00", "expect": {"elec_frequency": None}}],
        }
    )


class Mouth:
    """Keeps what a meter says."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data


def test_what_it_sends_is_what_the_driver_reads() -> None:
    """Every kind of register comes back in the vocabulary's unit, with the meter's clock and number."""
    clock = FakeClock()
    meter = SimulatedSmlMeter(profile(), FixedValues(VALUES), clock=clock, vocabulary=VOCABULARY)
    (found,) = SmlStream().feed(meter.frame())
    assert isinstance(found, Telegram)
    assert found.meter.serial_number == "1KVA0012345678"
    settings = DeviceSettings.model_validate({"id": "meter", "profile": "test/sml", "link": "head"})
    decoder = RecordDecoder(profile(), settings, VOCABULARY)
    arrival = Arrival(0.0, clock.utc_ms() // 1000 * 1000)
    readout = decoder.readout(found, decoder.points, arrival=arrival)
    said = dict(zip(readout.points, readout.values, strict=True))
    assert said == {**VALUES, "elec_energy_import": 1234.5678, "dev_clock_offset": 0.0}


async def test_it_speaks_at_its_period() -> None:
    """Each period has one frame, at the instants that the clock gives."""
    clock = FakeClock()
    mouth = Mouth()
    meter = SimulatedSmlMeter(profile(), FixedValues(VALUES), clock=clock, vocabulary=VOCABULARY, period_s=1.0)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(meter.speak(mouth), name="simulated meter")
        await settle()
        assert len(SmlStream().feed(mouth.said)) == 1
        await clock.advance(2.5)
        assert len(SmlStream().feed(mouth.said)) == 3
        speaking.cancel()


def test_it_ignores_what_it_hears() -> None:
    """A meter that pushes answers nobody."""
    mouth = Mouth()
    meter = SimulatedSmlMeter(profile(), FixedValues({}), clock=FakeClock(), vocabulary=VOCABULARY)
    meter.heard(b"/?!\r\n", mouth)
    assert mouth.said == b""


@pytest.mark.parametrize(
    ("code", "octets", "unit"),
    [
        ("1-0:1.8.0", "0100010800FF", "Wh"),
        ("1.7.0", "0100010700FF", "W"),
        ("1-1:61.8.0", "01013D0800FF", "Wh"),
        ("0-n:96.1.0", "0000600100FF", "1"),
        ("1-0:52.7.0*1", "010034070001", "V"),
        ("C.1", "0100600100FF", "1"),
        ("1-0:33.7.0", "0100210700FF", "1"),
    ],
)
def test_codes_become_octets_and_units(code: str, octets: str, unit: str) -> None:
    """Groups that a profile leaves out are those of an electricity meter."""
    assert octets_of(code).hex().upper() == octets
    assert unit_of(octets_of(code)) == unit


def test_a_split_power_is_split() -> None:
    """A point with a negative code is said as two registers, one of them zero."""
    split = profile()
    point = ObisPoint.model_validate({"point": "elec_power_active", "obis": ["1-0:1.7.0"], "negate": "1-0:2.7.0"})
    split = split.model_copy(update={"points": (point,)})
    meter = SimulatedSmlMeter(split, FixedValues(VALUES), clock=FakeClock(), vocabulary=VOCABULARY)
    (found,) = SmlStream().feed(meter.frame())
    assert isinstance(found, Telegram)
    values = {record.code: str(record.value) for record in found.records}
    assert (values["1-0:1.7.0"], values["1-0:2.7.0"]) == ("0.00", "1234.56")


async def test_it_is_heard_over_a_socket() -> None:
    """Served on a socket, the telegram arrives whole."""
    meter = SimulatedSmlMeter(profile(), FixedValues(VALUES), clock=FakeClock(), vocabulary=VOCABULARY)
    async with talk_tcp(meter) as address:
        host, port = address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        stream = SmlStream()
        found: list[Telegram | Damaged] = []
        async with asyncio.timeout(5):
            while not found:
                found += stream.feed(await reader.read(100))
        writer.close()
        await writer.wait_closed()
    assert isinstance(found[0], Telegram)
