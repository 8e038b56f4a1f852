"""Every bundled profile of a meter that describes itself: simulated, read over a socket, and found to be the same."""

import pytest

from drivers.catalog import Catalog
from drivers.factory import LearntHoles, Metering, create_driver, create_listener, is_pushed, open_link, points_of
from drivers.profile import ModbusProfile, SunspecProfile
from drivers.profile_records import RecordProfile
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.life import Life
from gateway.sim.meters import simulated_meter
from gateway.sim.plan import plan_for
from gateway.sim.talker import talk_tcp
from tests.fakes import FakeClock

INSTANT_MS = 1_795_320_000_000
PATIENCE_S = 20.0
VOCABULARY = load_vocabulary()
PROFILES = {
    file.id: file.profile
    for file in Catalog(VOCABULARY)
    if not isinstance(file.profile, ModbusProfile | SunspecProfile)
}


async def read(profile: RecordProfile, where: str) -> Readout:
    """Read all points of the meter at an address as the gateway does."""
    clock = SystemClock(trusted=True)
    settings = DeviceSettings(id="meter", profile=profile.profile, link="port")
    link = open_link(LinkSettings(id="port", tcp=where), clock=clock)
    metering = Metering(clock, VOCABULARY)
    try:
        if not is_pushed(profile):
            driver = create_driver(settings, profile, link, metering=metering, holes=LearntHoles())
            return await driver.read(points_of(profile, settings), keep_raw=True)
        listener = create_listener(link, [(settings, profile)], metering=metering, keep_raw=True)
        end_s = clock.monotonic() + PATIENCE_S
        while clock.monotonic() < end_s:
            for readout in await listener.listen(deadline_s=end_s):
                if readout.status is Status.OK:
                    return readout
        raise AssertionError("no telegram that holds every point")
    finally:
        await link.close()


@pytest.mark.parametrize("profile_id", PROFILES)
async def test_what_is_said_is_read(profile_id: str) -> None:
    """Each point is read as the number that the simulated meter had to say, as fine as such a meter says it."""
    profile = PROFILES[profile_id]
    names = [point.point for point in profile.points if point.clock is None]
    life = Life(names, VOCABULARY, plan=plan_for(profile.kind, 3), seed=3)
    clock = FakeClock(utc_ms=INSTANT_MS)
    meter = simulated_meter(profile, life, clock=clock, vocabulary=VOCABULARY)
    async with talk_tcp(meter) as where:
        readout = await read(profile, where)
    expected = life.values(names, utc_ms=INSTANT_MS)
    found = dict(zip(readout.points, readout.values, strict=True))
    assert readout.status is Status.OK
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0.02, abs=0.6)
    assert not readout.suspect - {"dev_clock_offset"}
    raw = dict(zip(readout.points, readout.raw, strict=True))
    assert all(raw[name] for name in names if found[name] is not None)
