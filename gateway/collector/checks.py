"""What a collector takes: lines of the batch's own site, of points in its catalogue, of sound type and time.

Pure. A store would take much of what is refused here, and keep it as something else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gateway.core.errors import WireError
from gateway.core.quantity import Vocabulary
from gateway.wire.catalogue import Catalogue
from gateway.wire.line import EVENT, Line, parse_line

EARLIEST_MS = 1_577_836_800_000
"""2020-01-01 UTC."""
MOST_AHEAD_MS = 24 * 3600 * 1000

_SUSPECT = "_suspect"
_PLACE_BYTES = 400
_PLACE = re.compile(
    rb"kvarter(?:_event)?,site=(?P<site>[a-z0-9_-]{1,64}),(?:(?:kind|cause)=[a-z0-9_-]{1,64},){0,2}"
    rb"device=(?P<device>[a-z0-9_-]{1,64}) "
)
_TIME = re.compile(rb" (?P<milliseconds>\d{13})000000\Z")
_TIME_BYTES = 20


class Form(Enum):
    """What a field may hold."""

    FLOAT = auto()
    INTEGER = auto()
    MARK = auto()
    """1 or absent."""
    ANY = auto()
    """A number of a point that only a newer vocabulary knows."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a site may send under one catalogue."""

    site: str
    devices: Mapping[str, Mapping[str, Form]]
    """Device to its fields, the companions of suspect values left out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is not taken."""

    index: int
    line: bytes
    reason: str
    device: str | None
    """Where the line says a device of this site."""
    time_ms: int | None
    """Where the line says a believable time."""


def take_inventory(catalogue: Catalogue, vocabulary: Vocabulary) -> Inventory:
    """Return what the lines under a catalogue are checked against."""
    newer = catalogue.vocabulary > vocabulary.version
    shared: dict[tuple[str, ...], Mapping[str, Form]] = {}
    devices: dict[str, Mapping[str, Form]] = {}
    for name, device in catalogue.devices.items():
        points = tuple(device.points)
        if points not in shared:
            shared[points] = _forms(points, vocabulary, newer=newer)
        devices[name] = shared[points]
    return Inventory(catalogue.site, devices)


def check_lines(
    lines: Sequence[bytes], inventory: Inventory, *, now_ms: int | None, first_index: int = 0
) -> tuple[list[bytes], list[Refused]]:
    """Return the lines that are taken, and those that are not.

    Args:
        lines: As they stand in the batch, with the comment before them.
        inventory: What the batch's catalogue allows.
        now_ms: UTC; None where our own clock cannot be believed: then no time is too far ahead.
        first_index: Index of the first line.
    """
    latest_ms = None if now_ms is None else now_ms + MOST_AHEAD_MS
    accepted: list[bytes] = []
    refused: list[Refused] = []
    for index, text in enumerate(lines, first_index):
        reason = _fault(text, inventory, latest_ms)
        if reason is None:
            accepted.append(text)
        else:
            refused.append(Refused(index, text, reason, *_salvage(text, inventory, latest_ms)))
    return accepted, refused


def _forms(points: Sequence[str], vocabulary: Vocabulary, *, newer: bool) -> Mapping[str, Form]:
    forms: dict[str, Form] = {}
    for point in points:
        quantity = vocabulary.get(point)
        if quantity is not None:
            forms[point] = Form.INTEGER if quantity.is_integer else Form.FLOAT
        elif newer:
            forms[point] = Form.ANY
    return {**forms, "status": Form.INTEGER, "clock": Form.MARK}


def _fault(text: bytes, inventory: Inventory, latest_ms: int | None) -> str | None:
    """Return why a line is not taken."""
    try:
        line = parse_line(text)
    except WireError as exc:
        return str(exc)
    if line.tags["site"] != inventory.site:
        return f"site {line.tags['site']} is not that of the batch"
    device = line.tags.get("device")
    forms = inventory.devices.get(device) if device is not None else None
    if device is not None and forms is None:
        return f"device {device} is not in the catalogue"
    if not _is_believable(line.time_ms, latest_ms):
        return f"time {line.time_ms} ms lies before 2020 or more than 24 h ahead"
    if line.measurement == EVENT:
        return _event_fault(line)
    return _field_fault(line.fields, forms or {})


def _field_fault(fields: Mapping[str, float | int], forms: Mapping[str, Form]) -> str | None:
    for name, value in fields.items():
        form = forms.get(name)
        if form is Form.FLOAT:
            if type(value) is float:
                continue
            return f"{name} is an integer; the vocabulary has a float"
        if form is Form.INTEGER:
            if type(value) is int:
                continue
            return f"{name} is a float; the vocabulary has an integer"
        if form is Form.ANY:
            continue
        is_mark = form is Form.MARK or (name.endswith(_SUSPECT) and name.removesuffix(_SUSPECT) in forms)
        if not is_mark:
            return f"{name} is no point of this device in the catalogue"
        if type(value) is not int or value != 1:
            return f"{name} is a mark: 1i or absent"
    return None


def _event_fault(line: Line) -> str | None:
    # A clock that is set back says from the later time to the earlier one.
    if line.fields["from"] > line.fields["to"] and line.tags["kind"] != "clock":
        return "an event that ends before it begins"
    return None


def _is_believable(time_ms: int, latest_ms: int | None) -> bool:
    return time_ms >= EARLIEST_MS and (latest_ms is None or time_ms <= latest_ms)


def _salvage(text: bytes, inventory: Inventory, latest_ms: int | None) -> tuple[str | None, int | None]:
    """Return the device and the time that a line says, as far as they can be believed."""
    line = text.rpartition(b"\n")[2]
    place, instant = _PLACE.match(line[:_PLACE_BYTES]), _TIME.fullmatch(line[-_TIME_BYTES:])
    is_ours = place is not None and place["site"].decode() == inventory.site
    device = place["device"].decode() if place is not None and is_ours else None
    time_ms = int(instant["milliseconds"]) if instant is not None else None
    return (
        device if device in inventory.devices else None,
        time_ms if time_ms is not None and _is_believable(time_ms, latest_ms) else None,
    )
