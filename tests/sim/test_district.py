"""The simulated district: real ports, a valid site file, energy that adds up."""

import asyncio
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient

from drivers.profile import Table
from gateway.core.quantity import load_vocabulary
from gateway.core.site import LinkSettings, Site
from gateway.document.tree import parse_document
from gateway.document.validation import validate
from gateway.sim.district import District, RunningDistrict
from gateway.sim.encode import Value
from gateway.sim.truth import points_served, read_log
from tests.fakes import FakeClock

NOON_MS = 1_795_348_800_000
"""2026-11-22 12:00 UTC."""


PROFILES = {
    "abb/b23",
    "carlo-gavazzi/em340",
    "eastron/sdm120",
    "eastron/sdm630",
    "keba/p30",
    "nibe/s-series",
    "phoenix-contact/charx-sec",
    "schneider/iem3155",
    "stiebel-eltron/isg-wpm",
    "sunspec/inverter",
}


def ports_of(site: Site) -> list[str]:
    """Return the serial lines whose port is there."""
    return [link.id for link in site.links if link.serial and Path(link.serial).exists()]


def site_of(running: RunningDistrict) -> Site:
    return validate(parse_document(running.site_file(), name="site.yaml"), Site)


def client_of(link: LinkSettings) -> ModbusBaseClient:
    if link.serial is not None:
        return AsyncModbusSerialClient(link.serial, framer=FramerType.RTU, timeout=10, retries=0)
    host, port = link.port.split(":")
    framer = FramerType.RTU if link.framing == "rtu" else FramerType.SOCKET
    return AsyncModbusTcpClient(host, port=int(port), framer=framer, timeout=10, retries=0)


async def values_of(folder: Path, *, wanted: dict[str, tuple[str, ...]], at_ms: int = NOON_MS) -> dict[str, Value]:
    """Read some points of some devices with an independent client, and return what the log says was served."""
    clock = FakeClock(utc_ms=at_ms)
    async with District(load_vocabulary(), clock=clock).serve(folder) as running:
        site = site_of(running)
        links = {link.id: link for link in site.links}
        served = {device.id: device for device in running.devices}
        for device in site.devices:
            client = client_of(links[device.link])
            assert await client.connect()
            for placed in served[device.id].points:
                if placed.name in wanted.get(device.id, ()):
                    first = min(slot.address for slot in placed.touched)
                    count = max(slot.end for slot in placed.touched) - first
                    holding = placed.slots[0].table is Table.HOLDING
                    read = client.read_holding_registers if holding else client.read_input_registers
                    assert (await read(first, count=count, device_id=device.unit_id or 0)).registers
            client.close()
            await asyncio.sleep(0)
    answers = list(read_log(running.log))
    return {
        f"{device.id}.{name}": value
        for device in running.devices
        for _, values in points_served(answers, device.points, device=device.logged_as)
        for name, value in values.items()
        if name in wanted.get(device.id, ())
    }


async def test_the_site_file_reads_every_device(tmp_path: Path) -> None:
    """The district's site file is valid, and has 13 devices of 10 profiles on 8 links with roles and points."""
    async with District(load_vocabulary(), clock=FakeClock()).serve(tmp_path) as running:
        site = site_of(running)
        assert len(site.devices) == 13
        assert len(site.links) == 8
        assert {device.role for device in site.devices} == {"grid", "pv", "heat_pump", "charger", "sub"}
        assert {device.profile for device in site.devices} == PROFILES
        assert [device.id for device in running.devices] == [device.id for device in site.devices]
        assert all(1 <= (device.interval or 0) <= 5 for device in site.devices)
        assert site.clock == "trusted"
        assert ports_of(site) == ["rs485_1", "rs485_2"]
    assert ports_of(site) == []


async def test_the_site_file_takes_a_folder_and_a_broker(tmp_path: Path) -> None:
    """Data folder and broker are in the site file where they are given."""
    async with District(load_vocabulary(), clock=FakeClock()).serve(tmp_path) as running:
        text = running.site_file(data=tmp_path / "a 'folder'", broker="mqtt://127.0.0.1:1883")
        site = validate(parse_document(text, name="site.yaml"), Site)
    assert site.data == str(tmp_path / "a 'folder'")
    assert site.broker is not None
    assert site.broker.url == "mqtt://127.0.0.1:1883"


async def test_energy_adds_up(tmp_path: Path) -> None:
    """At noon the sum of all heat pumps is on the meter that feeds them, likewise chargers and the roof."""
    said = await values_of(
        tmp_path,
        wanted={
            "main_meter": ("elec_power_active",),
            "heating_meter": ("elec_power_active",),
            "heat_pump_2": ("hp_elec_power",),
            "charging_meter": ("elec_power_active",),
            "charger_1": ("ev_power",),
            "charger_2": ("ev_power",),
            "charger_3": ("ev_power",),
            "roof_meter": ("elec_power_active",),
            "inverter": ("pv_power_ac",),
            "kitchen": ("elec_power_active",),
            "workshop": ("elec_power_active",),
            "stairwell": ("elec_power_active",),
        },
    )
    power = {name: float(value) for name, value in said.items() if value is not None}
    assert len(power) == 12
    chargers = sum(power[f"charger_{number}.ev_power"] for number in (1, 2, 3))
    assert power["charging_meter.elec_power_active"] == pytest.approx(chargers, abs=1)
    assert power["roof_meter.elec_power_active"] == pytest.approx(-power["inverter.pv_power_ac"], abs=10)
    assert power["inverter.pv_power_ac"] > 1000
    assert power["heating_meter.elec_power_active"] >= power["heat_pump_2.hp_elec_power"] - 10
    known = sum(
        power[f"{name}.elec_power_active"]
        for name in ("heating_meter", "charging_meter", "roof_meter", "kitchen", "workshop", "stairwell")
    )
    # What the main meter has beyond that goes to the flats, which have no meter.
    assert 500 < power["main_meter.elec_power_active"] - known < 6000


async def test_the_same_seed_is_the_same_district(tmp_path: Path) -> None:
    """At the same instant a district of the same seed serves the same values, and counts on when it starts again."""
    wanted = {"main_meter": ("elec_energy_import", "elec_voltage_l1"), "charger_2": ("ev_energy",)}
    first = await values_of(tmp_path, wanted=wanted)
    (tmp_path / "truth.jsonl").unlink()
    assert await values_of(tmp_path, wanted=wanted) == first
    (tmp_path / "truth.jsonl").unlink()
    later = await values_of(tmp_path, wanted=wanted, at_ms=NOON_MS + 7_200_000)
    for name in ("main_meter.elec_energy_import", "charger_2.ev_energy"):
        assert (later[name] or 0) > (first[name] or 0)
