"""One readout of one device, without a site file: what an installer asks first."""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.catalog import Catalog
from drivers.factory import LearntHoles, Metering, create_driver, missing_settings, points_of
from drivers.profile import Profile
from gateway.app.clock import SystemClock
from gateway.app.local_port import field_link
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.readout import Readout
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.tree import Document, Key, Tree
from gateway.document.validation import validate
from gateway.wire.status import iso_time

Options = Mapping[str, str | int | float | bool]
"""Keys of a link or device in a site file that were given on the command line."""

_DOCUMENT = "command line"
_FALLBACK_BAUDRATE = 9600


@dataclass(frozen=True, slots=True)
class Found:
    """A readout and whom it is from."""

    profile: Profile
    port: str
    unit_id: int
    identity: Mapping[str, str]
    readout: Readout
    time_ms: int
    vocabulary: Vocabulary

    @property
    def headline(self) -> str:
        """One line: who answered, where, and how it went."""
        who = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.identity.items() if value)
        status = self.readout.status.name.lower().replace("_", " ")
        where = f"unit {self.unit_id} on {self.port}"
        named = f" ({who})" if who else ""
        return f"{self.profile.maker} {self.profile.model}{named}, {where}, {iso_time(self.time_ms)}: {status}"

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return point, value, unit, raw registers and remark of each point."""
        return [
            (
                point,
                "-" if value is None else f"{value:.15g}",
                self.vocabulary[point].unit,
                " ".join(f"{word:04x}" for word in raw),
                self._remark(point, value),
            )
            for point, value, raw in self._points()
        ]

    def as_json(self) -> dict[str, object]:
        """Return the readout as the command prints it with --json."""
        return {
            "device": {
                "profile": self.profile.profile,
                "maker": self.profile.maker,
                "model": self.profile.model,
                "kind": self.profile.kind,
                "port": self.port,
                "unit_id": self.unit_id,
                **self.identity,
            },
            "time": iso_time(self.time_ms),
            "status": int(self.readout.status),
            "points": {
                point: {
                    "value": value,
                    "unit": self.vocabulary[point].unit,
                    "raw": list(raw),
                    "suspect": point in self.readout.suspect,
                }
                for point, value, raw in self._points()
            },
        }

    def _points(self) -> list[tuple[str, float | int | None, tuple[int, ...]]]:
        readout = self.readout
        raw = readout.raw or ((),) * len(readout.points)
        return list(zip(readout.points, readout.values, raw, strict=True))

    def _remark(self, point: str, value: float | None) -> str:
        if value is None:
            return "no value"
        quantity = self.vocabulary[point]
        if point in self.readout.suspect:
            low, high = quantity.limits
            return f"suspect: outside {low:g} to {high:g}"
        label = quantity.states.get(int(value)) if quantity.is_integer else None
        return label["en"] if label else ""


async def read_once(profile_id: str, *, link: Options, device: Options, environment: Mapping[str, str]) -> Found:
    """Return one readout of all points.

    Args:
        profile_id: Profile id or path.
        link: Keys of LinkSettings that were given.
        device: Keys of DeviceSettings that were given.
        environment: Where the service manager names its folders: a service that owns the port is asked to read.

    Raises:
        ConfigError: profile or options are wrong.
        DeviceError: the device gives nothing.
        LinkDown: the port or connection cannot be opened.
    """
    vocabulary, clock = load_vocabulary(), SystemClock(trusted=True)
    profile = Catalog(vocabulary).find(profile_id).profile
    link_settings, settings = _link_settings(profile, link), _device_settings(profile, device)
    for key in missing_settings(profile, settings):
        raise ConfigError(f"{profile.profile} needs --{key.replace('_', '-')}: its values mean nothing without it")
    async with field_link(link_settings, clock=clock, environment=environment) as port:
        driver = create_driver(settings, profile, port, metering=Metering(clock, vocabulary), holes=LearntHoles())
        readout = await driver.read(points_of(profile, settings), keep_raw=True)
        time_ms = clock.utc_ms() - round((clock.monotonic() - readout.monotonic_s) * 1000)
        identity = await driver.identify()
    unit_id = settings.unit_id if settings.unit_id is not None else profile.link_defaults.unit_id
    return Found(profile, link_settings.port, unit_id, identity, readout, time_ms, vocabulary)


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
