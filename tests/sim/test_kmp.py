"""The simulated Kamstrup meter, read over a socket as every bundled profile of the protocol reads it."""

import pytest

from drivers.catalog import Catalog
from drivers.factory import LearntHoles, Metering, create_driver, open_link, points_of
from drivers.profile_records import KmpProfile
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Status
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.sim.kmp import SimulatedKmpMeter
from gateway.sim.talker import talk_tcp
from gateway.sim.values import FixedValues

VOCABULARY = load_vocabulary()
PROFILES = [file.profile for file in Catalog(VOCABULARY) if file.profile.protocol == "kmp"]
VALUES = {
    "heat_energy": 123456.0, "heat_energy_cooling": 2000.0, "heat_volume": 745.65, "heat_flow": 0.512,
    "heat_power": -1700.0, "heat_temp_supply": 70.15, "heat_temp_return": 40.1, "heat_temp_diff": 30.05,
    "heat_volume_temp_supply": 50000.0, "heat_volume_temp_return": 28000.0, "heat_operating_hours": 9000.0,
    "heat_info_code": 16,
}  # fmt: skip


def test_profiles_are_there() -> None:
    """The meters with an optical head that the project knows are bundled."""
    known = {profile.profile for profile in PROFILES}
    assert known >= {f"kamstrup/multical-{each}-kmp" for each in (302, 402, 403, 602)}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.profile)
async def test_round_trip(profile: KmpProfile) -> None:
    """What the meter measures is what is read, in the vocabulary's unit, and its clock is ours."""
    clock = SystemClock(trusted=True)
    meter = SimulatedKmpMeter(profile, FixedValues(VALUES), clock=clock, vocabulary=VOCABULARY, serial_number="4711")
    async with talk_tcp(meter) as where:
        link = open_link(LinkSettings.model_validate({"id": "head", "tcp": where}), clock=clock)
        asked = DeviceSettings.model_validate({"id": "heat", "profile": profile.profile, "link": "head"})
        driver = create_driver(asked, profile, link, metering=Metering(clock, VOCABULARY), holes=LearntHoles())
        identity = await driver.identify()
        points = points_of(profile, asked)
        readout = await driver.read(points)
        await link.close()
    assert identity == {"serial_number": "4711", "firmware": "G1", "model": "KAM type 1"}
    assert readout.status is Status.OK
    held = dict(zip(points, readout.values, strict=True))
    offset = held.pop("dev_clock_offset")
    assert offset is not None
    assert -5.0 < offset < 5.0
    assert held == {name: value for name, value in VALUES.items() if name in held}


@pytest.mark.parametrize(
    "request_",
    [
        "80 3F 02 35 E8 0D",
        "80 3E 02 00 00 0D",
        "80 3F 99 00 00 0D",
        "80 3F 10 09 00 3C 00 00 0D",
        "3F 02 35 E9 0D",
        "40 3F 02 35 E9 0D",
        "80 0D",
        "80 1B 0D",
        "FF FF FF",
    ],
)
def test_what_is_no_request(request_: str) -> None:
    """A damaged or foreign request, or one for anything else, gets no answer; the meter understands the next one."""
    said: list[bytes] = []

    class Mouth:
        def write(self, data: bytes) -> None:
            said.append(data)

    meter = SimulatedKmpMeter(
        PROFILES[0], FixedValues({}), clock=SystemClock(trusted=True), vocabulary=VOCABULARY, echoes=False,
        serial_number="19088743",
    )  # fmt: skip
    meter.heard(bytes.fromhex(request_), Mouth())
    assert said == []
    meter.heard(bytes.fromhex("80 3F 02 35"), Mouth())
    meter.heard(bytes.fromhex("E9 0D"), Mouth())
    assert said == [bytes.fromhex("40 3F 02 01 23 45 67 E9 56 0D")]
