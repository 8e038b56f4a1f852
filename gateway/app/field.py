"""One readout of one device, without a site file: what an installer asks first."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import available_timezones

from drivers.catalog import Catalog
from drivers.factory import (
    LearntHoles,
    Metering,
    create_driver,
    create_listener,
    is_pushed,
    missing_settings,
    points_of,
)
from drivers.link import Link
from drivers.profile import Profile
from drivers.profile_records import ObisProfile
from drivers.records.driver import identity_of
from gateway.app.clock import SystemClock
from gateway.app.field_found import Found
from gateway.app.local_port import field_link
from gateway.core.errors import ConfigError, CorruptFrame, NoAnswer
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.tree import Document, Key, Tree
from gateway.document.validation import validate

Options = Mapping[str, str | int | float | bool]
"""Keys of a link or device in a site file that were given on the command line."""

_DOCUMENT = "command line"
_FALLBACK_BAUDRATE = 9600
_LISTEN_S = 12.0
"""Meters that send rarely do so every 10 s."""


async def read_once(
    profile_id: str, *, link: Options, device: Options, environment: Mapping[str, str], key: bytes | None = None
) -> Found:
    """Return one readout of all points.

    Args:
        profile_id: Profile id or path.
        link: Keys of LinkSettings that were given.
        device: Keys of DeviceSettings that were given.
        environment: Where the service manager names its folders: a service that owns the port is asked to read.
        key: What opens the meter's telegrams, where these are encrypted.

    Raises:
        ConfigError: profile or options are wrong.
        DeviceError: the device gives nothing.
        LinkDown: the port or connection cannot be opened.
    """
    vocabulary, clock = load_vocabulary(), SystemClock(trusted=True)
    profile = Catalog(vocabulary).find(profile_id).profile
    link_settings, settings = _link_settings(profile, link), _device_settings(profile, device)
    for missing in missing_settings(profile, settings):
        option = missing.replace("_", "-")
        raise ConfigError(f"{profile.profile} needs --{option}: its values mean nothing without it")
    metering = Metering(clock, vocabulary, local_zone())
    async with field_link(link_settings, clock=clock, environment=environment) as port:
        if isinstance(profile, ObisProfile) and is_pushed(profile):
            readout, identity = await hear(settings, profile, port, metering, key=key)
        else:
            driver = create_driver(settings, profile, port, metering=metering, holes=LearntHoles())
            identity = await driver.identify()
            readout = await driver.read(points_of(profile, settings), keep_raw=True)
        time_ms = clock.utc_ms() - round((clock.monotonic() - readout.monotonic_s) * 1000)
    unit_id = settings.unit_id if settings.unit_id is not None else profile.link_defaults.unit_id
    return Found(profile, link_settings.port, unit_id, identity, readout, time_ms, vocabulary)


async def hear(
    settings: DeviceSettings, profile: ObisProfile, port: Link, metering: Metering, *, key: bytes | None
) -> tuple[Readout, Mapping[str, str]]:
    """Return the fullest readout of the telegrams that arrive until one has everything, or the time is over.

    Raises:
        NoAnswer: nothing arrived.
        CorruptFrame: nothing but damaged telegrams arrived.
        LinkDown: the port or connection is gone.
    """
    listener = create_listener(port, [(settings, profile)], metering=metering, key=key, keep_raw=True)
    patience_s = max(_LISTEN_S, 2 * profile.obis.timeout)
    end_s = metering.clock.monotonic() + patience_s
    best: Readout | None = None
    trouble: CorruptFrame | None = None
    while metering.clock.monotonic() < end_s and (best is None or best.status is not Status.OK):
        try:
            readouts = await listener.listen(deadline_s=end_s)
        except CorruptFrame as exc:
            trouble = exc
            continue
        best = max([best, *readouts], key=_fullness)
    if best is None:
        text = f"no telegram on {port.settings.port} within {patience_s:g} s; is the cable in, and the meter's port on?"
        raise trouble or NoAnswer(text)
    return best, identity_of(listener.newest) if listener.newest else {}


def _fullness(readout: Readout | None) -> int:
    return -1 if readout is None else sum(value is not None for value in readout.values)


def local_zone() -> str:
    """Return the IANA name of the zone that this machine is set to, UTC where it is not to be had."""
    try:
        name = Path("/etc/timezone").read_text(encoding="utf-8").strip()
    except OSError:
        return "UTC"
    return name if name in available_timezones() else "UTC"


def _link_settings(profile: Profile, given: Options) -> LinkSettings:
    defaults: Options = {}
    if "serial" in given:
        factory = profile.link_defaults
        defaults = {
            "baudrate": factory.baudrate or _FALLBACK_BAUDRATE,
            "parity": factory.parity or "none",
            "stop_bits": factory.stop_bits or 1,
            "data_bits": factory.data_bits or 8,
        }
    return validate(_document({"id": "link", **defaults, **given}), LinkSettings)


def _device_settings(profile: Profile, given: Options) -> DeviceSettings:
    return validate(_document({"id": "device", "profile": profile.profile, "link": "link", **given}), DeviceSettings)


def _document(options: Options) -> Document:
    """Return the options as if they stood in a file, so that they are checked as strictly."""
    tree: dict[Key, Tree] = {name: value for name, value in options.items()}  # noqa: C416 - widens the key's type
    return Document(_DOCUMENT, "", tree, {})
