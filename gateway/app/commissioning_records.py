"""The commissioning records of a site in its data folder: written once, kept for ever, listed."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway.core.commissioning import Commissioning, DisplayCheck, decode_sealed, encode_sealed, seal
from gateway.core.errors import ConfigError

log = logging.getLogger(__name__)

FOLDER = "commissioning"
DISPLAYS = "displays.draft.json"
"""What was compared since; a record that is sealed takes it in."""
Displays = dict[str, dict[str, DisplayCheck]]
"""Device → point → what was compared last."""
_DISPLAYS = TypeAdapter(Displays)
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One record and the name that it is kept under."""

    name: str
    """Time and the beginning of its hash."""
    record: Commissioning


def record_name(record: Commissioning) -> str:
    """Return the name of a record: when, and the first digits of its hash."""
    instant = datetime.fromtimestamp(record.time_ms / 1000, tz=UTC)
    return f"{instant:%Y%m%dT%H%M%SZ}-{seal(record)[:8]}"


def keep_record(data: Path, record: Commissioning) -> KeptRecord:
    """Keep a record; none is ever written over.

    Raises:
        ConfigError: the data folder cannot be written.
    """
    name = record_name(record)
    path = data / FOLDER / f"{name}.json"
    draft = path.with_suffix(".draft")
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        draft.write_bytes(encode_sealed(record))
        draft.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path}: the commissioning record cannot be written: {exc.strerror}") from exc
    return KeptRecord(name, record)


def keep_displays(data: Path, displays: Mapping[str, Mapping[str, DisplayCheck]]) -> None:
    """Keep what was compared with displays, so that it outlives a restart.

    Raises:
        ConfigError: the data folder cannot be written.
    """
    path = data / FOLDER / DISPLAYS
    draft = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        draft.write_bytes(_DISPLAYS.dump_json({device: dict(checks) for device, checks in displays.items()}))
        draft.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path}: what was compared cannot be written: {exc.strerror}") from exc


def load_displays(data: Path) -> Displays:
    """Return what was compared with displays; nothing where that cannot be read."""
    path = data / FOLDER / DISPLAYS
    try:
        return _DISPLAYS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError, RecursionError) as exc:
        log.warning("%s: not readable, compare again: %s", path, exc)
        return {}


def find_record(data: Path, name: str) -> KeptRecord | None:
    """Return the record of that name, None where there is none.

    Raises:
        ConfigError: it was changed after it was sealed.
    """
    if not _NAME.fullmatch(name):
        return None
    try:
        content = (data / FOLDER / f"{name}.json").read_bytes()
    except OSError:
        return None
    return KeptRecord(name, decode_sealed(content))


def list_records(data: Path) -> list[KeptRecord]:
    """Return all records that are as they were sealed, the newest first; any other is said and left out."""
    found: list[KeptRecord] = []
    for path in sorted((data / FOLDER).glob("*.json"), reverse=True):
        if path.name == DISPLAYS:
            continue
        try:
            kept = find_record(data, path.stem)
        except ConfigError as exc:
            log.warning("%s: %s", path, exc)
            continue
        if kept is not None:
            found.append(kept)
    return found
