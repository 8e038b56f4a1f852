"""Protocol name → driver: the only file that knows them all."""

from collections.abc import Sequence
from typing import Protocol, get_args

from drivers.catalog import load_sunspec_models
from drivers.link import Link, OpenStream, Trace
from drivers.link_serial import open_serial
from drivers.link_socket import open_tcp, open_udp
from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.holes import LearntHoles
from drivers.modbus.origin import Scaling, modbus_scaling
from drivers.modbus.plan import Limits, ReadPlan, plan_reads
from drivers.modbus.points import demanded, modbus_specs, offered
from drivers.modbus.reader import RegisterReader
from drivers.modbus.spec import PointSpec
from drivers.modbus.timing import bus_timing
from drivers.profile import ModbusProfile, ModbusTraits, Profile, Setting, SunspecTraits
from drivers.sunspec.driver import SunspecDriver
from drivers.sunspec.origin import sunspec_scaling
from drivers.sunspec.points import expected, sunspec_specs
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.core.protocols import Driver, Stream
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.validation import nearest

__all__ = [
    "FieldDriver",
    "LearntHoles",
    "Scaling",
    "create_driver",
    "missing_settings",
    "open_link",
    "open_stream",
    "points_of",
    "read_plan",
    "scaling",
]

RETRY_CODES = (5, 6, 11)
"""Exception codes by which a SunSpec device says 'later'."""


class FieldDriver(Driver, Protocol):
    """A polled device that can say who it is."""

    async def identify(self) -> dict[str, str]:
        """Return what the device says about itself: serial_number, firmware, model, as far as it can.

        Raises:
            DeviceError: it does not answer.
            LinkDown: the port or connection is gone.
        """


async def open_stream(settings: LinkSettings) -> Stream:
    """Return the link's serial port or socket, open.

    Raises:
        LinkDown: it cannot be opened; the message says what to do.
    """
    if settings.serial is not None:
        return await open_serial(settings)
    return await (open_tcp if settings.tcp is not None else open_udp)(settings)


def open_link(
    settings: LinkSettings, *, clock: Clock, open_stream: OpenStream = open_stream, trace: Trace | None = None
) -> Link:
    """Return the owner of the link's port; the port itself is opened at first use.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.
    """
    return Link(settings, open_stream=open_stream, clock=clock, trace=trace)


def create_driver(
    settings: DeviceSettings,
    profile: Profile,
    link: Link,
    *,
    clock: Clock,
    vocabulary: Vocabulary,
    holes: LearntHoles,
) -> FieldDriver:
    """Return the driver of a device.

    Args:
        settings: The device in the site file.
        profile: Its model.
        link: Where it is.
        clock: For the instant of each readout.
        vocabulary: Units and plausible ranges.
        holes: What is known of its holes; what is learnt is added.

    Raises:
        ConfigError: a ratio is missing, or the model has no such instance.
    """
    for key in missing_settings(profile, settings):
        raise ConfigError(f"{settings.id}: {key} is missing: the values of {profile.profile} mean nothing without it")
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
    profile: Profile,
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


def points_of(profile: Profile, settings: DeviceSettings) -> tuple[str, ...]:
    """Return the vocabulary names of the points that are read from the device.

    Raises:
        ConfigError: the device asks for a point that its profile does not have.
    """
    known = offered(profile, settings)
    if settings.points is None:
        return known
    for point in settings.points:
        if point not in known:
            raise ConfigError(f"{profile.profile} has no point {point!r}{nearest(point, known)}")
    return tuple(point for point in known if point in settings.points)


def missing_settings(profile: Profile, settings: DeviceSettings) -> tuple[Setting, ...]:
    """Return the ratios and weights that the points of the device need and its settings lack."""
    wanted = points_of(profile, settings)
    needed = {key for point, keys in demanded(profile, settings).items() if point in wanted for key in keys}
    return tuple(key for key in get_args(Setting) if key in needed and getattr(settings, key) is None)


def scaling(profile: Profile, settings: DeviceSettings, vocabulary: Vocabulary) -> dict[str, Scaling]:
    """Return for each point of the device how its stored value comes from the raw number.

    Raises:
        ConfigError: the model has no such instance.
    """
    if isinstance(profile, ModbusProfile):
        found = modbus_scaling(profile, settings, vocabulary)
    else:
        found = sunspec_scaling(profile, settings, vocabulary, models=load_sunspec_models())
    wanted = points_of(profile, settings)
    return {point: found[point] for point in wanted if point in found}


def _specs(settings: DeviceSettings, profile: Profile, vocabulary: Vocabulary) -> dict[str, PointSpec]:
    if isinstance(profile, ModbusProfile):
        return modbus_specs(profile, settings, vocabulary)
    models = load_sunspec_models()
    held = expected(profile, models)
    return sunspec_specs(profile, settings, vocabulary, held=held, models=models)


def _limits(profile: Profile) -> Limits:
    if isinstance(profile, ModbusProfile):
        traits = profile.modbus
        return Limits(traits.max_registers, traits.single_values, traits.holes, frozenset(traits.retry_codes))
    return Limits(profile.sunspec.max_registers, retry_codes=frozenset(RETRY_CODES), ones_are_nothing=True)


def _traits(profile: Profile) -> ModbusTraits | SunspecTraits:
    return profile.modbus if isinstance(profile, ModbusProfile) else profile.sunspec
