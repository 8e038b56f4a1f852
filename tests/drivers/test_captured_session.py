"""Sessions that were captured on a line, read again through the driver."""

from pathlib import Path

from drivers.catalog import Catalog
from drivers.factory import LearntHoles, Metering, create_driver, open_link, points_of
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.capture import CaptureTalker, load_capture
from gateway.sim.talker import talk_pty

CAPTURES = Path(__file__).parents[1] / "captures"


async def test_a_captured_meter_is_read_as_on_the_day(tmp_path: Path) -> None:
    """The capture of a meter with most registers empty gives the three values that it had, refusals learnt from."""
    vocabulary, clock = load_vocabulary(), SystemClock(trusted=True)
    profile = Catalog(vocabulary).find("carlo-gavazzi/em340").profile
    device = DeviceSettings(id="meter", profile=profile.profile, link="bus", unit_id=7)
    talker = CaptureTalker(load_capture(CAPTURES / "em340.jsonl"))
    async with talk_pty(talker, tmp_path / "ttyBUS") as port:
        settings = LinkSettings(id="bus", serial=str(port), baudrate=9600, parity="none", stop_bits=1)
        link = open_link(settings, clock=clock)
        driver = create_driver(device, profile, link, metering=Metering(clock, vocabulary), holes=LearntHoles())
        readout = await driver.read(points_of(profile, device))
        await link.close()
    had = {point: value for point, value in zip(readout.points, readout.values, strict=True) if value is not None}
    assert had == {"elec_voltage_l1": 230.1, "elec_power_active": 1234.5, "elec_energy_import": 10234.5}
