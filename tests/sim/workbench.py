"""Profiles that use every trait, and devices made of them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from drivers.catalog import Catalog
from drivers.profile import ModbusProfile, Table
from gateway.core.errors import Refused
from gateway.core.quantity import load_vocabulary
from gateway.sim.device import Log, SimulatedDevice, ValueSource
from gateway.sim.image import Layout, lay_out
from gateway.sim.manners import Answering
from gateway.sim.place import PlacedPoint
from tests.fakes import FakeClock

PROFILES = Path(__file__).parent / "profiles"
PULSES = {"pulse_weight": 0.5}


@cache
def workbench(name: str) -> ModbusProfile:
    """Return a profile of the tests."""
    profile = Catalog(load_vocabulary(), [PROFILES]).find(f"workbench/{name}").profile
    assert isinstance(profile, ModbusProfile)
    return profile


def every_type() -> Layout:
    """Return the device with every type."""
    return lay_out(workbench("every-type"), load_vocabulary(), settings={"pulse_weight": 0.5}, name="bench")


def points_by_name(layout: Layout) -> Mapping[str, PlacedPoint]:
    """Return the points of the first instance."""
    return {placed.name: placed for placed in layout.points[1]}


def device_of(
    layout: Layout, source: ValueSource, *, unit_id: int = 1, clock: FakeClock | None = None, log: Log | None = None
) -> SimulatedDevice:
    """Return a device whose instances all have the same values."""
    return SimulatedDevice(
        f"device_{unit_id}",
        layout.image,
        sources=dict.fromkeys(layout.points, source),
        unit_id=unit_id,
        clock=clock or FakeClock(),
        log=log,
    )


def code_of_refusal(device: Answering, table: Table, address: int, count: int) -> int | None:
    """Return the exception code that the device answers, None when it answers with registers."""
    try:
        device.read(table, address, count)
    except Refused as refusal:
        return refusal.code
    return None
