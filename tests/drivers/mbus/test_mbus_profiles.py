"""Every profile of an M-Bus meter: true to its own tests, and served by the simulator and read back."""

import pytest

from drivers.catalog import BUNDLED, Catalog, ProfileFile
from drivers.mbus.source import MbusSource
from drivers.mbus.stream import MbusStream
from drivers.profile_records import MbusProfile, QuantityPoint
from drivers.records.decode import Arrival, RecordDecoder
from drivers.records.telegram import Telegram
from gateway.core.readout import Readout, Status
from gateway.core.site import DeviceSettings
from gateway.sim.mbus import SimulatedMbusMeter
from gateway.sim.values import FixedValues
from tests.drivers.mbus.bus import SERIAL, VOCABULARY, Bus
from tests.fakes_stream import LoopClock, run_virtual

CATALOG = Catalog(VOCABULARY)
FILES = [
    CATALOG.find(f"{path.parent.name}/{path.stem}")
    for path in sorted(BUNDLED.glob("*/*.yaml"))
    if "\nprotocol: mbus\n" in path.read_text(encoding="utf-8")
]
EVERY_PROFILE = pytest.mark.parametrize("file", FILES, ids=lambda file: file.id)
HEAT_AND_WATER = 8
MEANT = {"heat_operating_hours": 4321.0, "heat_info_code": 3.0, "dev_clock_offset": 0.0}
NEGATIVE = {"heat_temp_return", "heat_flow", "heat_power"}


def profile_of(file: ProfileFile) -> MbusProfile:
    """Return the profile, which is one of an M-Bus meter."""
    assert isinstance(file.profile, MbusProfile)
    return file.profile


def settings_of(file: ProfileFile) -> DeviceSettings:
    return DeviceSettings.model_validate({"id": "meter", "profile": file.id, "link": "mbus_1", "unit_id": 7})


def meant(profile: MbusProfile) -> dict[str, float]:
    """Return a value for each point, as the simulator can say it to the last digit."""
    found: dict[str, float] = {}
    for number, point in enumerate(profile.points):
        if point.clock is None:
            value = 20.0 + number
            found[point.point] = MEANT.get(point.point, -value if point.point in NEGATIVE else value)
    return found


def test_enough_meters_are_known() -> None:
    """At least eight heat and water meters are bundled."""
    assert sum(file.profile.kind in ("heat_meter", "water_meter") for file in FILES) >= HEAT_AND_WATER


@EVERY_PROFILE
def test_telegrams_of_the_profile(file: ProfileFile) -> None:
    """From the telegrams of a profile's tests come the values of its author, and nothing in them is damaged."""
    profile = profile_of(file)
    decoder = RecordDecoder(profile, settings_of(file), VOCABULARY)
    for test in profile.tests:
        stream = MbusStream()
        (telegram,) = [*stream.feed(bytes.fromhex(test.telegram)), *stream.finish()]
        assert isinstance(telegram, Telegram)
        readout = decoder.readout(telegram, tuple(test.expect), arrival=Arrival(0.0, 0))
        assert dict(zip(readout.points, readout.values, strict=True)) == test.expect
        assert readout.suspect <= {"dev_clock_offset"}


@EVERY_PROFILE
def test_every_quantity_is_tested(file: ProfileFile) -> None:
    """Each point that is a record has a value in the tests, but for those that not every meter sends."""
    profile = profile_of(file)
    tested = {name for test in profile.tests for name, value in test.expect.items() if value is not None}
    needed = {point.point for point in profile.points if point.quantity is not None and not point.optional}
    assert tested >= needed


@EVERY_PROFILE
def test_simulated_meter_is_read(file: ProfileFile) -> None:
    """What the simulator was told comes back from a bus, point by point."""
    profile = profile_of(file)
    values = meant(profile)

    async def read() -> Readout:
        meter = SimulatedMbusMeter(
            profile, FixedValues(values), clock=LoopClock(), vocabulary=VOCABULARY, serial_number="20304050", address=7
        )
        source = MbusSource(settings_of(file), profile, Bus([meter]).link(SERIAL), clock=LoopClock())
        telegram = await source.fetch(frozenset())
        clock = LoopClock()
        decoder = RecordDecoder(profile, settings_of(file), VOCABULARY)
        return decoder.readout(telegram, decoder.points, arrival=Arrival(clock.monotonic(), clock.utc_ms()))

    readout = run_virtual(read())
    assert readout.status is Status.OK
    for name, value in zip(readout.points, readout.values, strict=True):
        if name in values:
            assert value == pytest.approx(values[name], abs=1e-9), name
        else:
            assert value is not None


@EVERY_PROFILE
def test_battery_is_spared(file: ProfileFile) -> None:
    """A heat or water meter has an interval that no configuration may undercut, and its own is no shorter."""
    profile = profile_of(file)
    if profile.kind in ("heat_meter", "water_meter"):
        assert profile.minimum_interval is not None
        assert profile.interval >= profile.minimum_interval


@EVERY_PROFILE
def test_points_are_apart(file: ProfileFile) -> None:
    """No two points of a profile are the same record."""
    points: list[QuantityPoint] = [point for point in profile_of(file).points if point.quantity is not None]
    keys = [(p.quantity, p.function, p.storage, p.tariff, p.subunit, p.qualifiers) for p in points]
    assert len(set(keys)) == len(keys)
