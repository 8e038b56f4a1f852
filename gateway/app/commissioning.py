"""Reads every device of a site once, judges what it says, and seals the record of it."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.factory import LearntHoles, Metering, create_driver, is_pushed, points_of, scaling
from drivers.link import Link
from drivers.profile_records import ObisProfile
from gateway import __version__
from gateway.app.catalogue import build_catalogue
from gateway.app.clock import SystemClock
from gateway.app.configuration import Configuration, PlannedDevice, load_configuration
from gateway.app.field import hear
from gateway.app.local_port import field_link
from gateway.app.pollers import read_key
from gateway.core.clock import Clock
from gateway.core.commissioning import (
    CommissionedDevice,
    CommissionedPoint,
    Commissioning,
    DisplayCheck,
    PlausibilityCheck,
    Said,
)
from gateway.core.errors import ConfigError, CorruptFrame, DeviceError, LinkDown, NoAnswer, Refused
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout
from gateway.core.site import LinkSettings
from gateway.document.wording import nearest
from gateway.energy.display import compare, parse_display
from gateway.energy.plausibility import Finding, judge
from gateway.wire.catalogue import catalogue_id, encode_catalogue

_SETTINGS = ("ct_ratio", "vt_ratio", "pulse_weight", "instance", "meter_address")
_TRIES = 2
"""A request that collided with the service's own is asked again."""
_PATIENCE_S = 60.0
"""For one device, whatever it says how slowly."""

Seen = Callable[[CommissionedDevice], None]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that is needed to look at the devices of a site."""

    configuration: Configuration
    path: Path
    environment: Mapping[str, str]
    clock: Clock

    def device(self, name: str) -> PlannedDevice:
        """Return the device of that id.

        Raises:
            ConfigError: the site has none.
        """
        devices = self.configuration.devices
        found = next((each for each in devices if each.settings.id == name), None)
        if found is None:
            ids = [each.settings.id for each in devices]
            raise ConfigError(f"{self.path}: there is no device {name!r}{nearest(name, ids)}")
        return found


def begin_inspection(path: Path, environment: Mapping[str, str]) -> Inspection:
    """Return what is needed to look at the devices of a site file.

    Raises:
        ConfigError: the site file is wrong.
    """
    return Inspection(load_configuration(path, load_vocabulary()), path, environment, SystemClock(trusted=True))


async def read_all(inspection: Inspection, seen: Seen) -> list[CommissionedDevice]:
    """Return every device in the order of the site file; one that does not answer says why. Buses go side by side."""
    found: dict[str, CommissionedDevice] = {}

    async def read_bus(link: LinkSettings) -> None:
        for device in inspection.configuration.on_link(link.id):
            found[device.settings.id] = await read_device(inspection, device.settings.id)
            seen(found[device.settings.id])

    async with asyncio.TaskGroup() as tasks:
        for link in inspection.configuration.links:
            tasks.create_task(read_bus(link), name=f"commission[{link.id}]")
    return [found[device.settings.id] for device in inspection.configuration.devices]


async def read_device(inspection: Inspection, name: str) -> CommissionedDevice:
    """Return one device as it is now; where it gives nothing, why.

    Raises:
        ConfigError: the site has no such device, or its key cannot be read.
    """
    device = inspection.device(name)
    link = next(each for each in inspection.configuration.links if each.id == device.settings.link)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            readout, identity, time_ms = await _read(inspection, device, link)
    except (DeviceError, LinkDown, TimeoutError) as exc:
        trouble = str(exc) or f"{name}: no complete readout within {_PATIENCE_S:g} s"
        return _described(device, link, status=_outcome(exc), trouble=trouble, time_ms=inspection.clock.utc_ms())
    found = _described(device, link, status=readout.status.name.lower(), trouble="", time_ms=time_ms)
    values = {
        point: float(value) for point, value in zip(readout.points, readout.values, strict=True) if value is not None
    }
    return found.model_copy(
        update={
            "serial_number": identity.get("serial_number", ""),
            "identity": {key: text for key, text in identity.items() if key != "serial_number" and text},
            "points": tuple(_points(inspection, readout)),
            "plausibility": tuple(map(_check, judge(values))),
        }
    )


def _check(finding: Finding) -> PlausibilityCheck:
    said = tuple(Said(code=each.code, words=dict(each.words)) for each in finding.said)
    return PlausibilityCheck(text=finding.text, points=finding.points, agrees=finding.agrees, said=said)


def check_display(inspection: Inspection, found: CommissionedDevice, point: str, text: str) -> DisplayCheck:
    """Return how far a value that was read is from what the device's own display shows.

    Raises:
        ConfigError: the device gave no such value, or the text is no number of its unit.
    """
    vocabulary = inspection.configuration.vocabulary
    values = {each.name: float(each.value) for each in found.points if each.value is not None}
    if point not in values:
        given = nearest(point, list(values)) if found.answers else f": {found.trouble}"
        raise ConfigError(f"{found.id}: there is no value {point!r} to compare with{given}")
    device = inspection.device(found.id)
    scale = scaling(device.file.profile, device.settings, vocabulary)[point]
    is_whole = "float" not in str(scale.origin.get("type", "float"))
    try:
        display = parse_display(text, vocabulary[point].unit)
    except ValueError as exc:
        raise ConfigError(f"{found.id}.{point}: {exc}") from exc
    return compare(
        vocabulary[point],
        display,
        values,
        kind=found.kind,
        time_ms=found.time_ms,
        step=scale.factor if is_whole else 0.0,
    )


def sealed(
    inspection: Inspection, devices: Sequence[CommissionedDevice], *, by: str, remark: str = ""
) -> Commissioning:
    """Return the record of a site as its devices were found."""
    site = inspection.configuration.site
    return Commissioning(
        site=site.site,
        name=site.name,
        timezone=site.timezone,
        by=by,
        time_ms=inspection.clock.utc_ms(),
        software=f"kvarter {__version__}",
        vocabulary=inspection.configuration.vocabulary.version,
        catalogue=catalogue_id(encode_catalogue(build_catalogue(inspection.configuration))),
        site_file=hashlib.sha256(inspection.configuration.document.text.encode()).hexdigest(),
        remark=remark,
        devices=tuple(devices),
    )


async def _read(
    inspection: Inspection, device: PlannedDevice, link: LinkSettings
) -> tuple[Readout, Mapping[str, str], int]:
    """Return a readout of all points, who gave it, and when.

    Raises:
        DeviceError: the device gives nothing.
        LinkDown: the port or connection cannot be opened.
        ConfigError: its key cannot be read.
    """
    configuration, clock = inspection.configuration, inspection.clock
    metering = Metering(clock, configuration.vocabulary, configuration.site.timezone)
    async with field_link(link, clock=clock, environment=inspection.environment) as port:
        for remaining in reversed(range(_TRIES)):
            try:
                readout, identity = await _ask(inspection, device, port, metering)
                break
            except (NoAnswer, CorruptFrame):
                if not remaining:
                    raise
        time_ms = clock.utc_ms() - round((clock.monotonic() - readout.monotonic_s) * 1000)
    return readout, identity, time_ms


async def _ask(
    inspection: Inspection, device: PlannedDevice, port: Link, metering: Metering
) -> tuple[Readout, Mapping[str, str]]:
    settings, profile = device.settings, device.file.profile
    if isinstance(profile, ObisProfile) and is_pushed(profile):
        key = read_key(settings, inspection.environment) if settings.key is not None else None
        return await hear(settings, profile, port, metering, key=key)
    driver = create_driver(settings, profile, port, metering=metering, holes=LearntHoles())
    readout = await driver.read(points_of(profile, settings), keep_raw=True)
    return readout, await driver.identify()


def _points(inspection: Inspection, readout: Readout) -> list[CommissionedPoint]:
    raws = readout.raw or ((),) * len(readout.points)
    return [
        CommissionedPoint(
            name=name,
            unit=inspection.configuration.vocabulary[name].unit,
            value=value,
            raw=raw,
            suspect=name in readout.suspect,
        )
        for name, value, raw in zip(readout.points, readout.values, raws, strict=True)
    ]


def _described(
    device: PlannedDevice, link: LinkSettings, *, status: str, trouble: str, time_ms: int
) -> CommissionedDevice:
    """Return what is known of a device before it has said anything."""
    settings, profile = device.settings, device.file.profile
    chosen = {key: getattr(settings, key) for key in _SETTINGS if getattr(settings, key) is not None}
    has_unit = profile.protocol in ("modbus", "sunspec") or (profile.protocol == "mbus" and not settings.meter_address)
    return CommissionedDevice(
        id=settings.id,
        label=settings.label,
        role=settings.role or "",
        profile=profile.profile,
        profile_digest=device.file.digest,
        maker=profile.maker,
        model=profile.model,
        kind=profile.kind,
        link=link.id,
        port=port_in_words(link),
        unit_id=device.unit_id if has_unit else None,
        settings={**chosen, **({"invert": 1} if settings.invert else {})},
        status=status,
        trouble=trouble,
        time_ms=time_ms,
    )


def port_in_words(link: LinkSettings) -> str:
    """Return a port with its settings as an installer writes them down."""
    if link.serial is None:
        framing = f", {link.framing}" if link.framing else ""
        return f"{link.port}{framing}"
    parity = (link.parity or "none")[0].upper()
    return f"{link.port}, {link.baudrate} {link.data_bits}{parity}{link.stop_bits or 1}"


def _outcome(error: Exception) -> str:
    outcomes = ((Refused, "refused"), (CorruptFrame, "corrupt_frame"), (LinkDown, "link_down"))
    return next((word for kind, word in outcomes if isinstance(error, kind)), "no_answer")
