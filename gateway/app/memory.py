"""Small files: learnt holes, names, the clock of this boot, and every catalogue that readouts in the spool refer to."""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from random import Random

from drivers.modbus.holes import LearntHoles
from gateway.poller.stamp import Anchor, Footing
from gateway.wire.catalogue import catalogue_id

log = logging.getLogger(__name__)

HOLES = "holes.json"
SERIAL_NUMBERS = "serial-numbers.json"
CATALOGUES = "catalogues"
FOOTING = "clock.json"
COLLECTOR = "collector.json"

_COLLECTOR_NAME = re.compile(r"collector-[0-9a-f]{8}")


def load_holes(data: Path) -> dict[str, LearntHoles]:
    """Return the learnt holes by device; what cannot be used is learnt again."""
    tree = _read(data / HOLES)
    return {device: LearntHoles.from_mapping(holes) for device, holes in tree.items() if isinstance(holes, dict)}


class LearntFiles:
    """What the devices taught us, on disk; written when it has changed.

    Args:
        data: The data folder.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._kept: dict[str, bytes] = {}

    def save(self, holes: Mapping[str, LearntHoles], serial_numbers: Mapping[str, str]) -> None:
        """Keep holes and serial numbers by device; a disk that refuses is said, and no reason to stop."""
        self._keep(HOLES, {device: learnt.to_mapping() for device, learnt in holes.items() if learnt.cuts})
        self._keep(SERIAL_NUMBERS, serial_numbers)

    def _keep(self, name: str, tree: Mapping[str, object]) -> None:
        content = json.dumps(tree, indent=1, sort_keys=True).encode()
        if self._kept.get(name) != content and _write(self._data / name, content):
            self._kept[name] = content


def load_serial_numbers(data: Path) -> dict[str, str]:
    """Return the serial number that each device said last."""
    return {device: serial for device, serial in _read(data / SERIAL_NUMBERS).items() if isinstance(serial, str)}


def footing_file(memory: Path | None, data: Path) -> Path:
    """Return where the clock is remembered: beside the memory of the spool, which holds nothing else, else on flash."""
    return data / FOOTING if memory is None else memory.with_name(f"{memory.name}-{FOOTING}")


def load_footing(file: Path, boot: str) -> Footing | None:
    """Return what the process before knew of the clock, None where it did not run in this boot."""
    match _read(file):
        case {"boot": str(of)} if of != boot:
            return None
        case {"since_s": float(since_s), "offset_ms": int(offset_ms), "uncertain": bool(uncertain)}:
            return Footing(since_s, Anchor(offset_ms, uncertain))
        case {"since_s": float(since_s), "offset_ms": None}:
            return Footing(since_s)
    return None


def save_footing(file: Path, boot: str, footing: Footing) -> None:
    """Keep what is known of the clock for the next process of this boot."""
    anchor = footing.anchor
    known = {"offset_ms": anchor.offset_ms, "uncertain": anchor.uncertain} if anchor else {"offset_ms": None}
    _write(file, json.dumps({"boot": boot, "since_s": footing.since_s, **known}).encode())


def collector_name(data: Path, random: Random) -> str:
    """Return the name under which the collector of this folder tells its status, drawn when it has none yet."""
    name = _read(data / COLLECTOR).get("name")
    if isinstance(name, str) and _COLLECTOR_NAME.fullmatch(name):
        return name
    drawn = f"collector-{random.getrandbits(32):08x}"
    _write(data / COLLECTOR, json.dumps({"name": drawn}).encode())
    return drawn


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


def _read(path: Path) -> dict[str, object]:
    """Return the mapping in a file; a file that cannot be used is as good as none."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        log.warning("%s: not usable, begun anew: %s", path, exc)
        return {}
    return tree if isinstance(tree, dict) else {}


def _write(path: Path, content: bytes) -> bool:
    """Replace the file in one step, unless it is so already; return whether it is so now."""
    if _holds(path, content):
        return True
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as exc:
        log.warning("%s: cannot be written: %s", path, exc.strerror)
        return False
    return True


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
