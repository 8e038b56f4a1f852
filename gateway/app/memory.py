"""Small files in the data folder: learnt holes, and every catalogue that readouts in the spool may refer to."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from drivers.modbus.holes import LearntHoles
from gateway.wire.catalogue import catalogue_id

log = logging.getLogger(__name__)

HOLES = "holes.json"
CATALOGUES = "catalogues"


def load_holes(data: Path) -> Mapping[str, LearntHoles]:
    """Return the learnt holes by device; a file that cannot be used is as good as none: they are learnt again."""
    try:
        tree = json.loads((data / HOLES).read_text(encoding="utf-8"))
        return {device: LearntHoles.from_mapping(mapping) for device, mapping in tree.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as exc:
        log.warning("%s: not usable, holes are learnt again: %s", data / HOLES, exc)
        return {}


def save_holes(data: Path, holes: Mapping[str, LearntHoles]) -> None:
    """Keep the learnt holes; a disk that refuses is said, and no reason to stop."""
    tree = {device: learnt.to_mapping() for device, learnt in holes.items() if learnt.cuts}
    _write(data / HOLES, json.dumps(tree, indent=1, sort_keys=True).encode())


def keep_catalogue(data: Path, message: bytes) -> Mapping[str, bytes]:
    """Keep the catalogue in force and return all that were ever in force, by id."""
    folder = data / CATALOGUES
    known: dict[str, bytes] = {}
    try:
        folder.mkdir(exist_ok=True)
        known = {path.stem: path.read_bytes() for path in folder.glob("*.json")}
    except OSError as exc:
        log.warning("%s: older catalogues cannot be read: %s", folder, exc.strerror)
    sound = {name: content for name, content in known.items() if catalogue_id(content) == name}
    if catalogue_id(message) not in sound:
        _write(folder / f"{catalogue_id(message)}.json", message)
    return {**sound, catalogue_id(message): message}


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step."""
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as exc:
        log.warning("%s: cannot be written: %s", path, exc.strerror)
