"""Commissioning against simulated devices on real sockets, and what is kept of it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from drivers.catalog import Catalog, with_registers
from gateway.app.clock import SystemClock
from gateway.app.commissioning import begin_inspection, check_display, read_all, read_device, sealed
from gateway.app.commissioning_records import find_record, keep_record, list_records
from gateway.core.commissioning import CommissionedDevice, canonical, decode_sealed, encode_sealed, seal
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.sim.device import SimulatedDevice
from gateway.sim.image import lay_out
from gateway.sim.server import serve_tcp
from gateway.sim.values import FixedValues

VALUES = {
    "elec_voltage_l1": 230.0,
    "elec_voltage_l2": 231.0,
    "elec_voltage_l3": 229.0,
    "elec_current_l1": 5.0,
    "elec_current_l2": 5.0,
    "elec_current_l3": 5.0,
    "elec_power_active_l1": 1100.0,
    "elec_power_active_l2": 1100.0,
    "elec_power_active_l3": 1100.0,
    "elec_power_active": 3300.0,
    "elec_energy_import": 10234.5,
    "elec_frequency": 50.0,
    "elec_power_factor": 0.95,
}


@asynccontextmanager
async def simulated(profile: str, values: dict[str, float]) -> AsyncIterator[str]:
    """Serve a device with fixed values and yield its address."""
    vocabulary = load_vocabulary()
    registers = with_registers(Catalog(vocabulary).find(profile))
    layout = lay_out(registers, vocabulary, name=profile)
    given = {placed.name: values.get(placed.name, 0.0) for placed in layout.points[1]}
    device = SimulatedDevice(
        profile,
        layout.image,
        sources={1: FixedValues(given)},
        unit_id=1,
        clock=SystemClock(trusted=True),
    )
    async with serve_tcp([device]) as where:
        yield where


def site_of(folder: Path, address: str) -> Path:
    """Write a site with one meter at that address and one that is not there."""
    path = folder / "site.yaml"
    path.write_text(
        f"site: test-site\nname: Kløvermarken 12\ndata: {folder / 'data'}\nlinks:\n"
        f"  - {{id: cabinet, tcp: '{address}'}}\n  - {{id: empty, tcp: '127.0.0.1:1'}}\n"
        "devices:\n"
        "  - {id: main_meter, profile: eastron/sdm630, link: cabinet, unit_id: 1, label: Main meter, role: grid}\n"
        "  - {id: charger, profile: keba/p30, link: empty, unit_id: 1}\n",
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def looked_at(folder: Path) -> AsyncIterator[tuple[CommissionedDevice, ...]]:
    """Yield the devices of the site, read once."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(simulated("eastron/sdm630", VALUES))
        inspection = begin_inspection(site_of(folder, address), {})
        yield tuple(await read_all(inspection, lambda _: None))


async def test_every_device_is_read_and_judged(tmp_path: Path) -> None:
    """A device that answers has values, registers and relations; one that is away says why, and nothing passes."""
    async with looked_at(tmp_path) as (meter, charger):
        assert (meter.status, meter.title, meter.answers) == ("ok", "Main meter", True)
        points = {point.name: point for point in meter.points}
        assert points["elec_energy_import"].value == 10234.5
        assert len(points["elec_energy_import"].raw) == 2
        assert any("cos φ" in check.text and check.agrees for check in meter.plausibility)
        assert (charger.status, charger.passes) == ("link_down", False)
        assert "127.0.0.1:1" in charger.trouble


async def test_a_display_is_compared_in_its_own_unit(tmp_path: Path) -> None:
    """The value typed in is judged against the readout, and a second one replaces the first."""
    async with simulated("eastron/sdm630", VALUES) as address:
        inspection = begin_inspection(site_of(tmp_path, address), {})
        meter = await read_device(inspection, "main_meter")
        wrong = check_display(inspection, meter, "elec_energy_import", "1023.4")
        right = check_display(inspection, meter, "elec_energy_import", "10.2345 MWh")
    assert (wrong.agrees, right.agrees) == (False, True)
    checked = meter.with_display(wrong).with_display(right)
    assert [check.display for check in checked.display] == [pytest.approx(10234.5)]
    assert checked.passes
    assert not meter.with_display(wrong).passes


async def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    """A point that is not there, a device that is away and a text that is no number each have their own words."""
    async with simulated("eastron/sdm630", VALUES) as address:
        inspection = begin_inspection(site_of(tmp_path, address), {})
        meter = await read_device(inspection, "main_meter")
        charger = await read_device(inspection, "charger")
    with pytest.raises(ConfigError, match="elec_energy_import"):
        check_display(inspection, meter, "elec_energy_imports", "1")
    with pytest.raises(ConfigError, match="not a number"):
        check_display(inspection, meter, "elec_energy_import", "ten")
    with pytest.raises(ConfigError, match="charger"):
        check_display(inspection, charger, "ev_power", "1")
    with pytest.raises(ConfigError, match="main_meter"):
        await read_device(inspection, "main_metre")


async def test_the_seal_tells_of_every_change(tmp_path: Path) -> None:
    """A record reads back as it was sealed, and one digit changed in its file is an error."""
    async with simulated("eastron/sdm630", VALUES) as address:
        inspection = begin_inspection(site_of(tmp_path, address), {})
        record = sealed(inspection, await read_all(inspection, lambda _: None), by="A. Fitter")
    content = encode_sealed(record)
    assert decode_sealed(content) == record
    assert json.loads(content)["sha256"] == seal(record)
    assert canonical(decode_sealed(content)) == canonical(record)
    with pytest.raises(ConfigError, match="changed"):
        decode_sealed(content.replace(b"10234.5", b"10235.5"))
    with pytest.raises(ConfigError, match="not a commissioning record"):
        decode_sealed(b"{}")


async def test_records_are_kept_and_listed(tmp_path: Path) -> None:
    """Records are found by name, the newest first; a forged one is left out, and a path is no name."""
    async with simulated("eastron/sdm630", VALUES) as address:
        inspection = begin_inspection(site_of(tmp_path, address), {})
        devices = await read_all(inspection, lambda _: None)
    first = sealed(inspection, devices, by="A. Fitter")
    second = first.model_copy(update={"time_ms": first.time_ms + 60_000, "by": "Somebody else"})
    kept = [keep_record(tmp_path, each) for each in (first, second)]
    assert [each.record.by for each in list_records(tmp_path)] == ["Somebody else", "A. Fitter"]
    assert find_record(tmp_path, kept[0].name) == kept[0]
    assert find_record(tmp_path, "../site") is None
    forged = tmp_path / "commissioning" / f"{kept[1].name}.json"
    forged.write_bytes(forged.read_bytes().replace(b"Somebody else", b"Somebody new"))
    assert [each.record.by for each in list_records(tmp_path)] == ["A. Fitter"]
