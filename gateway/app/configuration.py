"""A site file with everything it refers to: profiles found, links resolved, contradictions named."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.catalog import Catalog, ProfileFile
from drivers.factory import is_pushed, missing_settings, points_of
from drivers.profile import Profile
from drivers.profile_records import ObisProfile
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary
from gateway.core.scalars import format_duration
from gateway.core.site import DeviceSettings, LinkSettings, Site
from gateway.document.tree import Document, Place, load_document
from gateway.document.validation import fault, nearest, validate
from gateway.poller.schedule import PointGroup


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """One device with its profile and what is read when."""

    settings: DeviceSettings
    file: ProfileFile
    groups: tuple[PointGroup, ...]

    @property
    def unit_id(self) -> int:
        """The unit id in force."""
        configured = self.settings.unit_id
        return self.file.profile.link_defaults.unit_id if configured is None else configured

    def intervals_ms(self) -> dict[str, int]:
        """Return point → how often it is read."""
        return {point: round(group.interval_s * 1000) for group in self.groups for point in group.points}

    @property
    def points(self) -> tuple[str, ...]:
        """All points that are read."""
        return tuple(point for group in self.groups for point in group.points)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A checked site."""

    document: Document
    site: Site
    vocabulary: Vocabulary
    links: tuple[LinkSettings, ...]
    """With baud rate, parity and stop bits filled in."""
    devices: tuple[PlannedDevice, ...]

    def on_link(self, link_id: str) -> tuple[PlannedDevice, ...]:
        """Return the devices behind a link."""
        return tuple(device for device in self.devices if device.settings.link == link_id)


def load_configuration(path: Path, vocabulary: Vocabulary) -> Configuration:
    """Return the checked site.

    Raises:
        ConfigError: the file, or a profile it names, is wrong; every fault that could be found is named.
    """
    document = load_document(path)
    site = validate(document, Site)
    faults = [str(error) for error in _contradictions(document, site)]
    catalog = Catalog(vocabulary, tuple(_beside(path, folder) for folder in site.profiles))
    devices: list[PlannedDevice] = []
    for index, settings in enumerate(site.devices):
        try:
            devices.append(_planned(document, index, settings, catalog))
        except ConfigError as exc:
            faults.append(str(exc))
    if not faults:
        faults += [str(error) for error in (*_shared_units(document, devices), *_mixed_links(document, devices))]
    links: list[LinkSettings] = []
    for index, link in enumerate(site.links):
        try:
            links.append(_resolved(document, index, link, devices))
        except ConfigError as exc:
            faults.append(str(exc))
    if faults:
        raise ConfigError("\n".join(faults))
    return Configuration(document, site, vocabulary, tuple(links), tuple(devices))


def _beside(path: Path, folder: str) -> Path:
    """Return the folder; a relative one stands beside the site file."""
    return path.parent / folder


def _contradictions(document: Document, site: Site) -> Iterator[ConfigError]:
    links = [link.id for link in site.links]
    for kind, ids in (("links", links), ("devices", [device.id for device in site.devices])):
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield fault(document, (kind, index, "id"), f"{name} stands twice")
    ports = [link.port for link in site.links]
    for index, port in enumerate(ports):
        if port in ports[:index]:
            yield fault(document, ("links", index), f"{port} is already the port of {links[ports.index(port)]}")
    for index, device in enumerate(site.devices):
        if device.link not in links:
            problem = f"there is no link {device.link!r}{nearest(device.link, links)}"
            yield fault(document, ("devices", index, "link"), problem)


def _planned(document: Document, index: int, settings: DeviceSettings, catalog: Catalog) -> PlannedDevice:
    place: Place = ("devices", index)
    try:
        file = catalog.find(settings.profile)
    except ConfigError as exc:
        raise fault(document, (*place, "profile"), str(exc)) from exc
    profile = file.profile
    try:
        points = points_of(profile, settings)
    except ConfigError as exc:
        raise fault(document, (*place, "points"), str(exc)) from exc
    for key in missing_settings(profile, settings):
        raise fault(document, place, f"{key} is missing: the values of {settings.profile} mean nothing without it")
    _check_pace(document, place, settings, profile)
    for point in settings.intervals:
        if point not in points:
            problem = f"{settings.profile} has no such point{nearest(point, points)}"
            raise fault(document, (*place, "intervals", point), problem)
    return PlannedDevice(settings, file, _groups(settings, file, points))


def _check_pace(document: Document, place: Place, settings: DeviceSettings, profile: Profile) -> None:
    """Refuse to ask a meter more often than its battery bears."""
    least_s = profile.minimum_interval
    if least_s is None:
        return
    stated: list[tuple[Place, float]] = [((*place, "interval"), settings.interval)] if settings.interval else []
    stated += [((*place, "intervals", point), interval_s) for point, interval_s in settings.intervals.items()]
    for where, interval_s in stated:
        if interval_s < least_s:
            problem = f"{format_duration(interval_s)} is too often: each readout of {profile.profile} costs its battery"
            raise fault(document, where, f"{problem}; at least {format_duration(least_s)}")


def _groups(settings: DeviceSettings, file: ProfileFile, points: tuple[str, ...]) -> tuple[PointGroup, ...]:
    profile = file.profile
    base_s = settings.interval or profile.interval
    own = {point.point: point.interval for point in profile.points}
    base_s = max(base_s, profile.minimum_interval or 0.0)
    by_interval: dict[float, list[str]] = {}
    for point in points:
        interval_s = settings.intervals.get(point) or max(own.get(point) or base_s, base_s)
        by_interval.setdefault(interval_s, []).append(point)
    return tuple(PointGroup(settings.id, tuple(names), interval_s) for interval_s, names in by_interval.items())


def _shared_units(document: Document, devices: list[PlannedDevice]) -> Iterator[ConfigError]:
    seen: dict[tuple[object, ...], str] = {}
    for index, device in enumerate(devices):
        settings = device.settings
        if isinstance(device.file.profile, ObisProfile):
            continue  # what is behind its port is told apart by what it says
        key = (settings.link, device.unit_id, settings.meter_address, settings.instance)
        if key in seen:
            problem = f"unit {device.unit_id} on {settings.link} is already {seen[key]}"
            yield fault(document, ("devices", index), f"{problem}; two devices cannot share an address")
        seen[key] = settings.id


def _mixed_links(document: Document, devices: list[PlannedDevice]) -> Iterator[ConfigError]:
    """Name what asks on a port where another listens, and two that listen for different protocols."""
    first: dict[str, PlannedDevice] = {}
    for index, device in enumerate(devices):
        other = first.setdefault(device.settings.link, device)
        pushed, before = is_pushed(device.file.profile), is_pushed(other.file.profile)
        if pushed != before or (pushed and device.file.profile.protocol != other.file.profile.protocol):
            names = f"{device.settings.profile} and {other.settings.profile} (of {other.settings.id})"
            yield fault(document, ("devices", index, "link"), f"{names} cannot share a port; give each its own link")


def _resolved(document: Document, index: int, link: LinkSettings, devices: list[PlannedDevice]) -> LinkSettings:
    """Return the link with its serial settings, taken from what its devices leave the factory with."""
    if link.serial is None:
        return link
    filled: dict[str, object] = {}
    for key, fallback in (("baudrate", None), ("parity", "none"), ("stop_bits", 1), ("data_bits", 8)):
        if key in link.model_fields_set:
            continue
        behind = [device for device in devices if device.settings.link == link.id]
        factory = {device.settings.id: getattr(device.file.profile.link_defaults, key) for device in behind}
        values = {value for value in factory.values() if value is not None}
        if len(values) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in factory.items())
            raise fault(document, ("links", index), f"{key} is not stated, and its devices differ: {listed}")
        filled[key] = values.pop() if values else fallback
        if filled[key] is None:
            raise fault(document, ("links", index), f"{key} is not stated, here or in a profile of its devices")
    return link.model_copy(update=filled)
