"""What the API tells of the past, made from the rows of a store. Pure.

Nothing is ever filled in: an instant or bucket without a value is None or absent, and a drawing breaks there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict

from gateway.core.protocols import Outline, Row
from gateway.energy.counters import INTERVAL_MS, edge_at, follow
from gateway.web.history_ask import MONTH_MS

_DESCRIBED = ConfigDict(use_attribute_docstrings=True)
_DIGITS = 12
_HOUR_MS = 3_600_000

Drawn = Literal["line", "state", "bars"]
Number = float | int | None


@dataclass(frozen=True, slots=True)
class Bars:
    """What a counter counted, piece by piece; a piece of which nothing is known is absent."""

    __pydantic_config__ = _DESCRIBED
    starts: Sequence[int]
    """UTC in milliseconds."""
    ends: Sequence[int]
    amounts: Sequence[float]
    """In the unit of the counter, never negative."""
    shares: Sequence[float]
    """Share of the quarter-hours of each piece that are known, above 0 to 1."""


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """One point over the time asked for."""

    __pydantic_config__ = _DESCRIBED
    point: str
    label: str
    unit: str
    drawn: Drawn
    interval_ms: int
    """How often it is read; values much further apart are not to be joined."""
    mean: Sequence[Number] = ()
    """One per time: the mean of a bucket, the value of a readout, the last value of what has no mean."""
    least: Sequence[Number] = ()
    """One per time where there are buckets; empty for readouts and for what has no mean."""
    greatest: Sequence[Number] = ()
    bars: Bars | None = None
    """Of a counter, in place of its values."""
    states: Mapping[int, str] = field(default_factory=dict)
    """Code → what it means, of a state."""


@dataclass(frozen=True, slots=True)
class GapAnswer:
    """A stretch in which readouts may be missing."""

    __pydantic_config__ = _DESCRIBED
    start_ms: int
    end_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """Points of one device over a stretch of time."""

    __pydantic_config__ = _DESCRIBED
    site: str
    device: str
    timezone: str
    start_ms: int
    end_ms: int
    resolution_ms: int
    """Length of the buckets, aligned to 1970-01-01 UTC; 0: readouts as they are."""
    bar_ms: int
    """What a bar stands for, of full hours, days or months in local time."""
    times: Sequence[int]
    """UTC in milliseconds: of the readout, or of the start of the bucket."""
    series: Sequence[SeriesAnswer]
    gaps: Sequence[GapAnswer]


def outline_of_rows(means: Sequence[Row], least: Sequence[Row], greatest: Sequence[Row], *, length_ms: int) -> Outline:
    """Return three answers of a history as one outline; readouts as they are have neither least nor greatest."""
    if not length_ms:
        return Outline(0, [Row(row.time_ms, _alone(row.values)) for row in means])
    low = {row.time_ms: row.values for row in least}
    high = {row.time_ms: row.values for row in greatest}
    rows = []
    for row in means:
        lows = low.get(row.time_ms, row.values)
        highs = high.get(row.time_ms, row.values)
        rows.append(
            Row(row.time_ms, tuple(value for each in zip(row.values, lows, highs, strict=True) for value in each))
        )
    return Outline(length_ms, rows)


def _alone(values: Sequence[Number]) -> tuple[Number, ...]:
    return tuple(cell for value in values for cell in (value, None, None))


def columns_of(outline: Outline, width: int) -> list[tuple[list[Number], list[Number], list[Number]]]:
    """Return mean, least and greatest of each point, one per row."""
    found: list[tuple[list[Number], list[Number], list[Number]]] = []
    for place in range(width):
        mean, least, greatest = (
            [_short(row.values[3 * place + offset]) for row in outline.rows] for offset in range(3)
        )
        found.append((mean, least, greatest))
    return found


def quarters_of_registers(rows: Sequence[Row], width: int) -> list[Row]:
    """Return what counters counted in each quarter-hour, from the last reading of each, where no store has it ready.

    A quarter-hour counts from the last reading of the one before to its own last reading. Where either is missing
    there is no number.
    """
    found: dict[int, list[Number]] = {}
    for place in range(width):
        readings = [
            (row.time_ms + INTERVAL_MS, float(value)) for row in rows if (value := row.values[place]) is not None
        ]
        track = follow([time_ms for time_ms, _ in readings], [value for _, value in readings], wrap=None)
        known = set(track.times)
        for end_ms in track.times:
            before, after = edge_at(track, end_ms - INTERVAL_MS), edge_at(track, end_ms)
            if end_ms - INTERVAL_MS in known and before is not None and after is not None:
                values = found.setdefault(end_ms - INTERVAL_MS, [None] * width)
                values[place] = round(after.total - before.total, 6)
    return [Row(start_ms, tuple(found[start_ms])) for start_ms in sorted(found)]


def bars_of(quarters: Iterable[tuple[int, Number]], *, length_ms: int, timezone: str) -> Bars:
    """Return quarter-hours as bars of whole hours, days or months in local time."""
    zone = ZoneInfo(timezone)
    sums: dict[tuple[int, int], tuple[float, int]] = {}
    piece = (0, 0)
    for start_ms, value in quarters:
        if value is None:
            continue
        if not piece[0] <= start_ms < piece[1]:
            piece = _piece(start_ms, length_ms, zone)
        amount, count = sums.get(piece, (0.0, 0))
        sums[piece] = (amount + max(float(value), 0.0), count + 1)
    pieces = sorted(sums)
    return Bars(
        [start for start, _ in pieces],
        [end for _, end in pieces],
        [round(sums[each][0], 6) for each in pieces],
        [round(min(sums[each][1] * INTERVAL_MS / (each[1] - each[0]), 1.0), 4) for each in pieces],
    )


def _piece(start_ms: int, length_ms: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return start and end of the piece that a quarter-hour belongs to."""
    if length_ms <= _HOUR_MS:
        begin_ms = start_ms // length_ms * length_ms
        return begin_ms, begin_ms + length_ms
    midnight = datetime.fromtimestamp(start_ms / 1000, tz=zone).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )
    if length_ms >= MONTH_MS:
        first = midnight.replace(day=1)
        return _utc_ms(first, zone), _utc_ms((first + timedelta(days=32)).replace(day=1), zone)
    return _utc_ms(midnight, zone), _utc_ms(midnight + timedelta(days=1), zone)


def _utc_ms(local: datetime, zone: ZoneInfo) -> int:
    return round(local.replace(tzinfo=zone).timestamp() * 1000)


def _short(value: Number) -> Number:
    """Return a number without the digits that only averaging made."""
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
