"""Two implementations that know nothing of each other: the simulator says a value, the driver reads the same one."""

import pytest

from drivers.catalog import Catalog, with_registers
from drivers.factory import LearntHoles, Metering, create_driver, open_link, points_of
from drivers.profile import ModbusProfile, Profile
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.device import SimulatedDevice
from gateway.sim.encode import Value, decode
from gateway.sim.image import Layout, lay_out
from gateway.sim.life import Life
from gateway.sim.plan import plan_for
from gateway.sim.server import serve_tcp
from gateway.sim.values import FixedValues
from tests.fakes import FakeClock
from tests.sim.workbench import device_of, every_type, workbench

CATALOG = Catalog(load_vocabulary())
INSTANT_MS = 1_795_352_401_234


def patient(profile: Profile) -> Profile:
    """Return the profile without the pauses that a real device needs."""
    if not isinstance(profile, ModbusProfile):
        return profile
    return profile.model_copy(update={"modbus": profile.modbus.model_copy(update={"pause": 0.0})})


async def read_by_driver(device: SimulatedDevice, profile: Profile, settings: DeviceSettings, framing: str) -> Readout:
    """Serve the device on a socket, and read all its points as the gateway does."""
    clock = SystemClock(trusted=True)
    async with serve_tcp([device], framing="rtu" if framing == "rtu" else "tcp") as where:
        link = open_link(LinkSettings.model_validate({"id": "line", "tcp": where, "framing": framing}), clock=clock)
        driver = create_driver(
            settings, patient(profile), link, metering=Metering(clock, load_vocabulary()), holes=LearntHoles()
        )
        try:
            return await driver.read(points_of(profile, settings))
        finally:
            await link.close()


def said(device: SimulatedDevice, layout: Layout, instance: int) -> dict[str, Value]:
    """Return what the device's registers say, by the simulator's own inverse."""
    return {
        placed.name: decode(
            placed, {slot: tuple(device.read(slot.table, slot.address, slot.words)) for slot in placed.touched}
        )
        for placed in layout.points[instance]
    }


def settings_of(profile: Profile, **more: object) -> DeviceSettings:
    fields = {"id": "device", "profile": profile.profile, "link": "line", "unit_id": 1}
    return DeviceSettings.model_validate(fields | more)


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
@pytest.mark.parametrize("profile_id", [file.id for file in CATALOG if file.profile.protocol in ("modbus", "sunspec")])
async def test_bundled_profiles(profile_id: str, framing: str) -> None:
    """The driver reads every point of every bundled profile as the number that the simulator's registers say."""
    profile = with_registers(CATALOG.find(profile_id))
    layout = lay_out(profile, load_vocabulary())
    names = [placed.name for placed in layout.points[1]]
    life = Life(names, load_vocabulary(), plan=plan_for(profile.kind, 4), seed=4)
    device = device_of(layout, life, clock=FakeClock(utc_ms=INSTANT_MS))
    readout = await read_by_driver(device, profile, settings_of(profile), framing)
    assert readout.status is Status.OK
    assert dict(zip(readout.points, readout.values, strict=True)) == pytest.approx(said(device, layout, 1), rel=1e-12)


async def test_every_type() -> None:
    """The driver reads every type, order, sum, exponent, bit and text as the number that was to be said."""
    values: dict[str, Value] = {
        "elec_voltage_l1": 230.5, "elec_voltage_l2": 230.1, "elec_voltage_l3": 229.875, "elec_current_l1": 4.66,
        "elec_current_l2": -1.23, "elec_energy_import": 1234.567, "elec_energy_export": 0.001,
        "elec_energy_reactive_import": 1234.5, "elec_energy_reactive_export": 123.456, "heat_energy": 12_345_678,
        "heat_volume": 1234.56, "elec_frequency": 49.98, "elec_power_reactive": -12.345, "water_volume": 12.345,
        "elec_power_active": -12_340, "elec_power_apparent": 13_000, "hp_elec_energy": 12_345, "hp_operating_mode": 2,
        "hp_alarm": 1, "ev_state": 4, "ev_error": 1, "weather_temp": 20, "indoor_rh": 45.25, "heat_info_code": 70_000,
        "indoor_co2": 640, "dev_link_up": 1, "indoor_occupancy": 1, "gas_volume": 100, "water_hot_volume": 9.99,
    }  # fmt: skip
    profile, layout = workbench("every-type"), every_type()
    device = device_of(layout, FixedValues(values))
    readout = await read_by_driver(device, profile, settings_of(profile, pulse_weight=0.5), "tcp")
    assert set(values) == {placed.name for placed in layout.points[1]}
    assert dict(zip(readout.points, readout.values, strict=True)) == pytest.approx(values, rel=1e-12)


async def test_instances() -> None:
    """The driver reads the second instance where the simulator has it."""
    profile = with_registers(CATALOG.find("phoenix-contact/charx-sec"))
    layout = lay_out(profile, load_vocabulary())
    sources = {number: FixedValues({"ev_power": 1000.0 * number, "ev_state": 2}) for number in layout.points}
    device = SimulatedDevice("box", layout.image, sources=sources, unit_id=1, clock=FakeClock())
    settings = settings_of(profile, instance=2, points=["ev_power", "ev_state"])
    readout = await read_by_driver(device, profile, settings, "tcp")
    assert dict(zip(readout.points, readout.values, strict=True)) == {"ev_power": 2000.0, "ev_state": 2}


async def test_no_value_is_no_value() -> None:
    """The driver reads the codes for 'no value' that the simulator serves as none."""
    profile = workbench("every-type")
    device = device_of(every_type(), FixedValues({"elec_voltage_l2": None, "elec_power_active": None}))
    wanted = ["elec_voltage_l2", "elec_current_l1", "elec_current_l2", "elec_energy_export", "hp_elec_energy"]
    readout = await read_by_driver(device, profile, settings_of(profile, points=wanted, pulse_weight=0.5), "tcp")
    assert readout.values == (None,) * 5
