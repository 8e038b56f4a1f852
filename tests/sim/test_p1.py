"""The simulated P1 port, read by the driver that was written without it."""

import asyncio
import re

import pytest

from drivers.catalog import Catalog
from drivers.iec62056.p1 import P1Stream
from drivers.profile_records import ObisProfile
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Telegram
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import DeviceSettings
from gateway.sim.p1 import P1Port, SimulatedP1Meter, SubMeter
from gateway.sim.talker import talk_tcp
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock, settle

VOCABULARY = load_vocabulary()
CATALOG = Catalog(VOCABULARY)
HOUSE = {
    "elec_energy_import": 7612.375,
    "elec_energy_export": 12.5,
    "elec_energy_reactive_import": 21.988,
    "elec_power_active": -1250.0,
    "elec_power_active_l1": 410.0,
    "elec_power_active_l2": -1660.0,
    "elec_voltage_l1": 231.4,
    "elec_current_l1": 1.85,
    "elec_frequency": 49.98,
    "elec_power_factor": 0.958,
    "elec_tariff": 2,
}
SUB_METERS = {
    "dsmr/p1-gas": ("gas_volume", 1785.123),
    "dsmr/p1-water": ("water_volume", 872.234),
    "dsmr/p1-hot-water": ("water_hot_volume", 31.007),
    "dsmr/p1-heat": ("heat_energy", 500.0),
    "dsmr/p1-cooling": ("heat_energy_cooling", 250.0),
}


def profile_of(name: str) -> ObisProfile:
    """Return a bundled profile."""
    profile = CATALOG.find(name).profile
    assert isinstance(profile, ObisProfile)
    return profile


def house(clock: FakeClock, *, zone: str = "UTC", interval_s: float = 1.0) -> SimulatedP1Meter:
    """Return an electricity meter with a sub-meter of each kind behind it."""
    behind = tuple(
        SubMeter(profile_of(name), FixedValues(dict([value])), f"S{number:016d}")
        for number, (name, value) in enumerate(SUB_METERS.items())
    )
    port = P1Port(interval_s=interval_s, zone=zone, sub_meters=behind)
    return SimulatedP1Meter(
        profile_of("dsmr/p1"), FixedValues(HOUSE), clock=clock, vocabulary=VOCABULARY, port=port
    )  # fmt: skip


def heard(octets: bytes) -> Telegram:
    """Return the one telegram in the bytes."""
    (telegram,) = P1Stream().feed(octets)
    assert isinstance(telegram, Telegram)
    return telegram


def read(name: str, telegram: Telegram, *, clock: FakeClock, zone: str = "UTC") -> Readout:
    """Return what the decoder of a profile makes of a telegram."""
    settings = DeviceSettings(id="device", profile=name, link="port")
    decoder = RecordDecoder(profile_of(name), settings, VOCABULARY, zone=zone)
    assert decoder.concerns(telegram)
    return decoder.readout(telegram, decoder.points, arrival=Arrival(0.0, clock.utc_ms()))


def test_electricity_comes_back() -> None:
    """Two tariffs, signed power, phases and the tariff come back; a point without a value stays away."""
    clock = FakeClock()
    readout = read("dsmr/p1", heard(house(clock).telegram()), clock=clock)
    said = dict(zip(readout.points, readout.values, strict=True))
    assert {name: said[name] for name in HOUSE} == HOUSE
    assert said["elec_voltage_l2"] is None
    assert readout.status is Status.OK
    assert not readout.suspect


@pytest.mark.parametrize("name", SUB_METERS)
def test_sub_meters_come_back(name: str) -> None:
    """Each sub-meter is found in its channel by its kind, with a reading of at most five minutes ago."""
    clock = FakeClock()
    readout = read(name, heard(house(clock).telegram()), clock=clock)
    said = dict(zip(readout.points, readout.values, strict=True))
    point, value = SUB_METERS[name]
    assert said[point] == pytest.approx(value)
    read_s = said["dev_clock_time"]
    assert read_s is not None
    assert read_s % 300 == 0
    assert 0 <= clock.utc_ms() / 1000 - read_s < 300


@pytest.mark.parametrize("name", SUB_METERS)
def test_profile_of_a_sub_meter_alone(name: str) -> None:
    """A meter that is made of a sub-meter's profile says that one in channel 1."""
    clock = FakeClock()
    point, value = SUB_METERS[name]
    meter = SimulatedP1Meter(
        profile_of(name), FixedValues({point: value}), clock=clock, vocabulary=VOCABULARY
    )  # fmt: skip
    readout = read(name, heard(meter.telegram()), clock=clock)
    assert readout.values[0] == pytest.approx(value)


def test_its_clock_shows_local_time() -> None:
    """In summer the clock is two hours ahead of UTC and says S; the decoder knows the instant again."""
    clock = FakeClock(utc_ms=1_751_370_300_000)
    telegram = heard(house(clock, zone="Europe/Amsterdam").telegram())
    assert telegram.time is not None
    assert (telegram.time.local.hour, telegram.time.is_summer) == (13, True)
    readout = read("dsmr/p1", telegram, clock=clock, zone="Europe/Amsterdam")
    assert dict(zip(readout.points, readout.values, strict=True))["dev_clock_offset"] == 0


def test_value_that_is_none_leaves_an_empty_parenthesis() -> None:
    """A point that has no value is said as such."""
    source = FixedValues({**HOUSE, "elec_voltage_l1": None})
    meter = SimulatedP1Meter(profile_of("dsmr/p1"), source, clock=FakeClock(), vocabulary=VOCABULARY)
    assert b"1-0:32.7.0()\r\n" in meter.telegram()


def test_telegram_is_dsmr_5() -> None:
    """Version, clock and number of the meter head the telegram, in the widths of the standard."""
    text = house(FakeClock()).telegram().decode("ascii")
    assert re.match(
        r"/KVR5\S+\r\n\r\n1-3:0\.2\.8\(50\)\r\n0-0:1\.0\.0\(\d{12}W\)\r\n0-0:96\.1\.1\([0-9A-F]+\)\r\n", text
    )
    assert "\r\n1-0:1.8.1(003806.188*kWh)\r\n1-0:1.8.2(003806.187*kWh)\r\n" in text
    assert "\r\n1-0:1.7.0(00.000*kW)\r\n" in text
    assert "\r\n1-0:2.7.0(01.250*kW)\r\n" in text
    assert "\r\n0-1:24.1.0(003)\r\n" in text


async def test_it_pushes_at_its_interval() -> None:
    """A telegram at once and then one each interval, without drift."""
    clock = FakeClock()
    meter = house(clock, interval_s=10.0)
    sent: list[bytes] = []

    class Mouth:
        def write(self, data: bytes) -> None:
            sent.append(data)

    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(meter.speak(Mouth()), name="simulated telegrams")
        await settle()
        assert len(sent) == 1
        await clock.advance(35.0)
        assert len(sent) == 4
        meter.heard(b"/?!\r\n", Mouth())
        speaking.cancel()
    assert [heard(each).time for each in sent] == sorted(
        (heard(each).time for each in sent), key=lambda time: time.local if time else 0
    )  # fmt: skip


async def test_it_is_heard_over_a_socket() -> None:
    """Served on a socket, the telegram arrives whole."""
    async with talk_tcp(house(FakeClock())) as address:
        host, port = address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            octets = await reader.readuntil(b"\r\n!")
            octets += await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert heard(octets).meter.maker == "KVR"
