"""Protocol name → driver: the one door to the drivers for whoever assembles a role."""

from collections.abc import Sequence
from typing import Protocol, get_args

from drivers.link import Link, OpenStream, Trace
from drivers.link_serial import open_serial
from drivers.link_socket import open_tcp, open_udp
from drivers.meters import Metering, create_listener, create_record_driver
from drivers.modbus.holes import LearntHoles
from drivers.modbus.origin import Scaling
from drivers.modbus.plan import ReadPlan
from drivers.modbus.points import demanded, offered
from drivers.profile import ModbusProfile, Profile, SunspecProfile
from drivers.profile_head import Setting
from drivers.records.origin import record_scaling
from drivers.records.plan import RecordPlan, plan_readout
from drivers.records.plan import is_pushed as sends_by_itself
from drivers.registers import create_register_driver, read_plan, register_scaling
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.core.protocols import Driver, Stream
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.validation import nearest

__all__ = [
    "FieldDriver",
    "LearntHoles",
    "Metering",
    "Scaling",
    "create_driver",
    "create_listener",
    "is_pushed",
    "missing_settings",
    "open_link",
    "open_stream",
    "points_of",
    "poll_plan",
    "read_plan",
    "scaling",
]


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


def is_pushed(profile: Profile) -> bool:
    """Return whether the device sends by itself, so that a listener hears it and no driver asks it."""
    return not isinstance(profile, ModbusProfile | SunspecProfile) and sends_by_itself(profile)


def create_driver(
    settings: DeviceSettings,
    profile: Profile,
    link: Link,
    *,
    metering: Metering,
    holes: LearntHoles,
) -> FieldDriver:
    """Return the driver of a device that is asked.

    Args:
        settings: The device in the site file.
        profile: Its model.
        link: Where it is.
        metering: What all devices of the building are read with.
        holes: What is known of its holes; what is learnt is added.

    Raises:
        ConfigError: a ratio is missing, or the model has no such instance.
    """
    for key in missing_settings(profile, settings):
        raise ConfigError(f"{settings.id}: {key} is missing: the values of {profile.profile} mean nothing without it")
    if isinstance(profile, ModbusProfile | SunspecProfile):
        return create_register_driver(
            settings, profile, link, clock=metering.clock, vocabulary=metering.vocabulary, holes=holes
        )
    return create_record_driver(settings, profile, link, metering=metering)


def poll_plan(
    settings: DeviceSettings, profile: Profile, link: LinkSettings, points: Sequence[str]
) -> ReadPlan | RecordPlan:
    """Return the requests of one poll, and how long they take the link.

    Raises:
        ConfigError: the link's baud rate is not known, or the model has no such instance.
    """
    if isinstance(profile, ModbusProfile | SunspecProfile):
        return read_plan(settings, profile, link, points)
    return plan_readout(profile, link, points)


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
    if isinstance(profile, ModbusProfile | SunspecProfile):
        found = register_scaling(profile, settings, vocabulary)
    else:
        found = record_scaling(profile, settings, vocabulary)
    wanted = points_of(profile, settings)
    return {point: found[point] for point in wanted if point in found}
