"""The poller of each link of a site: asks, or listens, as its devices want it."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from drivers.factory import Metering, create_driver, create_listener, is_pushed
from drivers.link import Link
from drivers.modbus.holes import LearntHoles
from drivers.profile import ModbusProfile, SunspecProfile
from drivers.profile_records import ObisProfile, RecordProfile
from gateway.app.access import secret
from gateway.app.configuration import Configuration, PlannedDevice
from gateway.app.identity import IdentifiedDriver
from gateway.core.errors import ConfigError
from gateway.core.readout import Event
from gateway.core.site import DeviceSettings
from gateway.poller.listening import HeardDevice, ListeningPoller
from gateway.poller.poller import Poller, Sink, Target

AnyPoller = Poller | ListeningPoller
_KEY_OCTETS = (16, 24, 32)


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where readouts and events go."""

    readout: Sink
    event: Callable[[Event], None]
    raw: bool = False
    """Readouts hold the registers behind their values."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What devices taught us, by device; kept by the owner."""

    holes: MutableMapping[str, LearntHoles]
    serial_numbers: MutableMapping[str, str]


class Pollers:
    """Makes the pollers of a site.

    Args:
        configuration: The checked site.
        environment: Where the service manager hands over keys.
        metering: What devices are read with.
        learnt: What is known of them; what is learnt is added.
        outlet: Where readouts and events go.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        environment: Mapping[str, str],
        metering: Metering,
        learnt: Learnt,
        outlet: Outlet,
    ) -> None:
        self._configuration = configuration
        self._environment = environment
        self._metering = metering
        self._learnt = learnt
        self._outlet = outlet

    def on(self, link: Link) -> AnyPoller:
        """Return the poller of a link.

        Raises:
            ConfigError: the key of a meter cannot be read.
        """
        if self.listens_on(link.id):
            return self._listening(link, self._configuration.on_link(link.id))
        return Poller(link.id, self.targets(link), clock=self._metering.clock, sink=self._outlet.readout)

    def listens_on(self, link: str) -> bool:
        """Return whether the devices of a link send by themselves."""
        return any(is_pushed(device.file.profile) for device in self._configuration.on_link(link))

    def targets(self, link: Link, known: Mapping[str, Target] = MappingProxyType({})) -> list[Target]:
        """Return what is polled on a link, in the order of the site file.

        Args:
            link: Where.
            known: Devices that are taken as they are.
        """
        return [
            known.get(each.settings.id) or Target(each.settings.id, self._driver(each, link), each.groups)
            for each in self._configuration.on_link(link.id)
        ]

    def _driver(self, device: PlannedDevice, link: Link) -> IdentifiedDriver:
        holes = self._learnt.holes.setdefault(device.settings.id, LearntHoles())
        driver = create_driver(device.settings, device.file.profile, link, metering=self._metering, holes=holes)
        identified = IdentifiedDriver(
            device.settings,
            driver,
            link,
            clock=self._metering.clock,
            known=self._learnt.serial_numbers,
            on_event=self._outlet.event,
        )
        identified.keep_raw = self._outlet.raw
        return identified

    def _listening(self, link: Link, devices: Sequence[PlannedDevice]) -> ListeningPoller:
        meters = [(device.settings, _records(device)) for device in devices]
        keys = [read_key(settings, self._environment) for settings, _ in meters if settings.key is not None]
        listener = create_listener(link, meters, metering=self._metering, key=keys[0] if keys else None)
        heard = [_heard(device) for device in devices]
        return ListeningPoller(link.id, listener, heard, clock=self._metering.clock, sink=self._outlet.readout)


def read_key(settings: DeviceSettings, environment: Mapping[str, str]) -> bytes:
    """Return the key that opens a meter's telegrams.

    Raises:
        ConfigError: it cannot be read, or is no key.
    """
    try:
        key = bytes.fromhex(secret(settings.key or "", environment))
    except ValueError as exc:
        raise ConfigError(f"{settings.id}: key: the file holds no hexadecimal digits") from exc
    if len(key) not in _KEY_OCTETS:
        raise ConfigError(f"{settings.id}: key: {len(key)} octets; a key has 16, written as 32 hexadecimal digits")
    return key


def _records(device: PlannedDevice) -> RecordProfile:
    profile = device.file.profile
    if isinstance(profile, ModbusProfile | SunspecProfile):
        raise ConfigError(f"{device.settings.id}: {profile.profile} is asked: give it a link of its own")
    return profile


def _heard(device: PlannedDevice) -> HeardDevice:
    profile = device.file.profile
    optional = frozenset(point.point for point in profile.points if point.optional)
    silence_s = profile.obis.timeout if isinstance(profile, ObisProfile) else 0.0
    return HeardDevice(device.settings.id, device.groups, silence_s, optional)
