"""What stands retained at the broker because of us, kept over restarts, so that nothing of a gone device stays."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway import __version__
from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import Configuration
from gateway.wire.home_assistant import discovery, discovery_topic
from gateway.wire.topics import Topics, parse_topic

log = logging.getLogger(__name__)

FILE = "announced.json"

Announced = Mapping[str, Sequence[str]]
"""Device → points that Home Assistant was ever told of; none where it was not told of the device."""


def announcements(configuration: Configuration, data: Path) -> Mapping[str, bytes]:
    """Return topic → retained message: of each device where that is wanted, and an empty one of what is gone.

    A broker forgets a retained message when an empty one comes. What was told once is kept in the data folder.
    """
    site, known = configuration.site, _load(data / FILE)
    catalogue = build_catalogue(configuration)
    messages: dict[str, bytes] = {}
    for device, points in known.items():
        if device not in catalogue.devices:
            messages[Topics(site.site).live(device)] = b""
        if points:
            messages[discovery_topic(site.site, device)] = b""
    told = {device: set(known.get(device, ())) for device in {*known, *catalogue.devices}}
    if site.home_assistant:
        vocabulary = configuration.vocabulary
        messages |= discovery(catalogue, vocabulary, version=__version__, gone=known)
        for device, described in catalogue.devices.items():
            told[device] |= {point for point in described.points if point in vocabulary}
    _save(data / FILE, {device: sorted(points) for device, points in sorted(told.items())}, before=known)
    return messages


def _load(path: Path) -> Announced:
    try:
        tree = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(tree, dict):
        return {}
    return {
        device: [point for point in points if isinstance(point, str)]
        for device, points in tree.items()
        if isinstance(points, list) and parse_topic(Topics("site").live(device)) is not None
    }


def _save(path: Path, told: Announced, *, before: Announced) -> None:
    """Keep it; a disk that refuses is said, and no reason to stop."""
    if told == before:
        return
    draft = path.with_suffix(".draft")
    try:
        draft.write_text(json.dumps(told, indent=1), encoding="utf-8")
        draft.replace(path)
    except OSError as exc:
        log.warning("%s: cannot be written: %s; a removed device may stay in Home Assistant", path, exc.strerror)
