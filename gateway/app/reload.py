"""The site file read again: what it changes, what waits for the next start, and what cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.app.configuration import Configuration, PlannedDevice, load_configuration
from gateway.core.errors import ConfigError
from gateway.core.site import Site
from gateway.document.validation import fault

AT_ONCE = ("links", "devices", "profiles")
"""Keys of the site file that a reload obeys; all others are read at a start."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two readings of a site file."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    """Devices that are read in another way, or elsewhere."""
    removed: tuple[str, ...]
    at_start: tuple[str, ...]
    """Keys that changed and are obeyed at the next start."""

    @property
    def words(self) -> str:
        """What was changed, in one line."""
        parts = [
            f"{verb} {', '.join(names)}"
            for verb, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        waits = f"; {', '.join(self.at_start)}: restart the service to have it obeyed" if self.at_start else ""
        return ("; ".join(parts) or "no device changed") + waits

    def as_json(self) -> dict[str, object]:
        """Return the changes as the command prints them with --json."""
        names = {"added": self.added, "changed": self.changed, "removed": self.removed, "at_next_start": self.at_start}
        return {"words": self.words, **{key: list(each) for key, each in names.items()}}


def read_again(before: Configuration, *, started: Site) -> tuple[Configuration, Changes]:
    """Return what the site file says now, and what that changes.

    Args:
        before: What is obeyed now.
        started: The site file at the start; what differs from it in other keys waits for the next one.

    Raises:
        ConfigError: the file is wrong, or is of another site.
    """
    after = load_configuration(Path(before.document.name), before.vocabulary)
    if after.site.site != before.site.site:
        problem = f"the service reads {before.site.site}; start it anew to make it another site"
        raise fault(after.document, ("site",), problem)
    if not after.devices:
        raise ConfigError(f"{after.document.name}: no device is left; stop the service instead")
    return after, compare(before, after, started=started)


def compare(before: Configuration, after: Configuration, *, started: Site) -> Changes:
    """Return what differs between readings of a site file: in devices from the last, in all else from the first."""
    old, new = _devices(before), _devices(after)
    keys = type(after.site).model_fields
    at_start = [key for key in keys if key not in AT_ONCE and getattr(started, key) != getattr(after.site, key)]
    return Changes(
        added=tuple(name for name in new if name not in old),
        changed=tuple(name for name in new if name in old and new[name] != old[name]),
        removed=tuple(name for name in old if name not in new),
        at_start=tuple(at_start),
    )


def _devices(configuration: Configuration) -> dict[str, tuple[object, ...]]:
    links = {link.id: link for link in configuration.links}
    return {
        device.settings.id: (*what_is_read(device), links[device.settings.link]) for device in configuration.devices
    }


def what_is_read(device: PlannedDevice) -> Sequence[object]:
    """Return everything that decides how a device is read, but for its link."""
    return device.settings, device.file.digest, device.groups
