"""Devices with registers, Modbus and SunSpec: profile and settings → driver, plan, scaling."""

from collections.abc import Sequence

from drivers.catalog import load_sunspec_models
from drivers.link import Link
from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.holes import LearntHoles
from drivers.modbus.origin import Scaling, modbus_scaling
from drivers.modbus.plan import Limits, ReadPlan, plan_reads
from drivers.modbus.points import modbus_specs
from drivers.modbus.reader import RegisterReader
from drivers.modbus.spec import PointSpec
from drivers.modbus.timing import bus_timing
from drivers.profile import ModbusProfile, ModbusTraits, RegisterProfile, SunspecTraits
from drivers.sunspec.driver import SunspecDriver
from drivers.sunspec.origin import sunspec_scaling
from drivers.sunspec.points import expected, sunspec_specs
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings

RETRY_CODES = (5, 6, 11)
"""Exception codes by which a SunSpec device says 'later'."""


def create_register_driver(
    settings: DeviceSettings,
    profile: RegisterProfile,
    link: Link,
    *,
    clock: Clock,
    vocabulary: Vocabulary,
    holes: LearntHoles,
) -> ModbusDriver | SunspecDriver:
    """Return the driver of a device; what it learns of its holes is added to `holes`.

    Raises:
        ConfigError: the model has no such instance.
    """
    bus = link.companion(ModbusBus, lambda: ModbusBus(link, clock=clock))
    traits = _traits(profile)
    unit = profile.link_defaults.unit_id if settings.unit_id is None else settings.unit_id
    peer = Peer(settings.id, unit, traits.timeout, traits.pause, traits.pause_after_connect)
    reader = RegisterReader(peer, bus, limits=_limits(profile), holes=holes, clock=clock)
    if isinstance(profile, ModbusProfile):
        return ModbusDriver(settings, profile, reader=reader, vocabulary=vocabulary)
    models = load_sunspec_models()
    return SunspecDriver(settings, profile, reader=reader, models=models, vocabulary=vocabulary)


def read_plan(
    settings: DeviceSettings,
    profile: RegisterProfile,
    link: LinkSettings,
    points: Sequence[str],
    *,
    holes: LearntHoles | None = None,
) -> ReadPlan:
    """Return the requests that give the points, and how long each of them takes the link.

    The addresses of a SunSpec device are those of a device that has the models one behind the other.

    Raises:
        ConfigError: the link's baud rate is not known, or the model has no such instance.
    """
    specs = _specs(settings, profile, load_vocabulary())
    return plan_reads(
        [specs[point] for point in points if point in specs],
        limits=_limits(profile),
        bus=bus_timing(link, pause_s=_traits(profile).pause),
        cuts=holes.cuts if holes is not None else (),
    )


def register_scaling(profile: RegisterProfile, settings: DeviceSettings, vocabulary: Vocabulary) -> dict[str, Scaling]:
    """Return for each point how its stored value comes from its registers.

    Raises:
        ConfigError: the model has no such instance.
    """
    if isinstance(profile, ModbusProfile):
        return modbus_scaling(profile, settings, vocabulary)
    return sunspec_scaling(profile, settings, vocabulary, models=load_sunspec_models())


def _specs(settings: DeviceSettings, profile: RegisterProfile, vocabulary: Vocabulary) -> dict[str, PointSpec]:
    if isinstance(profile, ModbusProfile):
        return modbus_specs(profile, settings, vocabulary)
    models = load_sunspec_models()
    # The first of several meters or trackers costs what the others do.
    first = settings.model_copy(update={"instance": None})
    return sunspec_specs(profile, first, vocabulary, held=expected(profile, models), models=models)


def _limits(profile: RegisterProfile) -> Limits:
    if isinstance(profile, ModbusProfile):
        traits = profile.modbus
        return Limits(traits.max_registers, traits.single_values, traits.holes, frozenset(traits.retry_codes))
    return Limits(profile.sunspec.max_registers, retry_codes=frozenset(RETRY_CODES), ones_are_nothing=True)


def _traits(profile: RegisterProfile) -> ModbusTraits | SunspecTraits:
    return profile.modbus if isinstance(profile, ModbusProfile) else profile.sunspec
