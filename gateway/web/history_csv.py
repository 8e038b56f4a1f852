"""Stored values as CSV (RFC 4180): one row per instant, units in the header. Pure."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.core.protocols import Row
from gateway.core.quantity import Kind, Vocabulary
from gateway.web.history_ask import is_name

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Points of one device; its status stands behind them."""

    device: str
    points: tuple[str, ...]


def parse_series(text: str, *, most: int) -> tuple[Selection, ...]:
    """Return what `device:point,device:point` selects, device by device.

    Raises:
        ValueError: it is empty, too long, or not of that form.
    """
    chosen: dict[str, list[str]] = {}
    parts = [part for part in text.split(",") if part]
    if not 1 <= len(parts) <= most:
        raise ValueError(f"series: name 1 to {most} as device:point, with commas between them")
    for part in parts:
        device, colon, point = part.partition(":")
        if not (colon and is_name(device) and is_name(point)):
            raise ValueError(f"series: {part[:80]!r} is not device:point")
        if point not in chosen.setdefault(device, []):
            chosen[device].append(point)
    return tuple(Selection(device, tuple(points)) for device, points in chosen.items())


def header(selections: Sequence[Selection], vocabulary: Vocabulary, *, resolution_ms: int) -> str:
    """Return the first line; a column says in brackets what unit it is in."""
    names = ["time_utc", "time_local"]
    for selection in selections:
        names += [_column(selection.device, point, vocabulary, resolution_ms) for point in selection.points]
        names.append(f"{selection.device}.status")
    return _line(names)


def lines(parts: Sequence[tuple[Selection, Sequence[Row]]], *, timezone: str) -> str:
    """Return the rows of all devices in ascending time; devices with a row at the same instant share a line.

    Args:
        parts: Rows with one value per point and the status behind them.
        timezone: Of the local time.
    """
    zone = ZoneInfo(timezone)
    by_time = [({row.time_ms: row.values for row in rows}, len(chosen.points) + 1) for chosen, rows in parts]
    times = sorted({time_ms for held, _ in by_time for time_ms in held})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for time_ms in times:
        cells = [utc_text(time_ms), local_text(time_ms, zone)]
        for held, width in by_time:
            values = held.get(time_ms, (None,) * width)
            cells += ["" if value is None else repr(value) for value in values]
        writer.writerow(cells)
    return out.getvalue()


def utc_text(time_ms: int) -> str:
    """Return an instant in UTC with its milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_text(time_ms: int, zone: ZoneInfo) -> str:
    """Return an instant in local time with its milliseconds and offset."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone).isoformat(timespec="milliseconds")


def _column(device: str, point: str, vocabulary: Vocabulary, resolution_ms: int) -> str:
    quantity = vocabulary.get(point)
    if quantity is None:
        return f"{device}.{point}"
    how = ""
    if resolution_ms:
        how = " mean" if quantity.kind is Kind.GAUGE else " last"
    return f"{device}.{point}{how} [{quantity.unit}]"


def _line(cells: Sequence[str]) -> str:
    """Return the line of names; an id may begin with what a spreadsheet takes for a formula."""
    out = io.StringIO()
    named = (f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    csv.writer(out, lineterminator="\r\n").writerow(named)
    return out.getvalue()
