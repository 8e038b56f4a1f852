"""What one quarter of an hour says about one point, made from the samples around it.

An interval is labelled by its start, in UTC. What it keeps depends on the kind of the quantity: of a gauge the
time-weighted mean, least and greatest; of a counter the difference of its totals at both edges; of everything else the
last value. Nothing is ever carried over a gap: coverage says how much of the interval was seen.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from math import atan2, cos, degrees, fsum, radians, sin

from gateway.core.quantity import Aggregate, Kind, Quantity
from gateway.energy.counters import BESIDE_MS, DIGITS, INTERVAL_MS, Cause, Edge, Track, edge_at

COMPLETE = 0.9
"""Share of the expected samples from which an interval is complete."""
USABLE = 0.5
"""Share below which a gauge has no value."""
HOLD = 1.5
"""A state counts until the next sample, at most for so many poll periods."""


class Quality(IntEnum):
    """How far an interval can be trusted; the numbers are stored and never change."""

    GOOD = 0
    INTERPOLATED = 1
    """Counter: an edge lies between readings more than one poll period away."""
    PARTIAL = 2
    """Less than 90 % was seen, or the counter was reset meanwhile."""
    MISSING = 3
    """No value: less than 50 % of a gauge was seen, or an edge of a counter is not known."""
    SUSPECT = 4
    """A sample lay outside its plausible range; it was used."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one point in ascending time."""

    times: Sequence[int]
    values: Sequence[float]
    suspect: frozenset[int] = frozenset()
    """Times of the samples that lie outside their plausible range."""

    def within(self, start_ms: int, end_ms: int) -> range:
        """Return the indices of the samples from start (included) to end (excluded)."""
        return range(bisect_left(self.times, start_ms), bisect_left(self.times, end_ms))


@dataclass(frozen=True, slots=True)
class Interval:
    """One point in one quarter of an hour."""

    quality: Quality
    coverage: float
    """Samples seen, as a share of those expected; 0 to 1."""
    value: float | None = None
    """Mean of a gauge, difference of a counter, last value of everything else."""
    minimum: float | None = None
    maximum: float | None = None
    last: float | None = None
    """Last sample: of a counter its register as read."""
    register: float | None = None
    """Counter: the register at the end of the interval."""
    gap: float | None = None
    """Counter without a value: what it counted since the last interval that has one, as far as it shows here."""
    seconds: Mapping[int, float] = field(default_factory=dict)
    """State: how long each code was seen."""


def usual_period(times: Sequence[int]) -> int:
    """Return how often a point seems to be read, where nobody says so: the lower quartile of its spacings."""
    spacings = sorted(later - earlier for earlier, later in pairwise(times))
    return max(spacings[len(spacings) // 4], 1) if spacings else INTERVAL_MS


def summarise(
    quantity: Quantity, series: Series, start_ms: int, *, period_ms: int, track: Track | None = None
) -> Interval:
    """Return what the quarter of an hour from `start_ms` says about a point.

    Args:
        quantity: What the point measures.
        series: Its samples from at least two intervals before to two after, where there are any.
        start_ms: Start of the interval, UTC.
        period_ms: How often the point is read.
        track: The samples of a counter made continuous, with the last reading before them where they follow a gap.
    """
    if track is not None:
        return _counted(series, track, start_ms, period_ms=period_ms)
    if quantity.kind is Kind.GAUGE:
        return _averaged(series, start_ms, quantity=quantity, period_ms=period_ms)
    return _last_seen(series, start_ms, quantity=quantity, period_ms=period_ms)


def _coverage(samples: range, period_ms: int) -> float:
    expected = max(INTERVAL_MS / period_ms, 1.0)
    return min(len(samples) / expected, 1.0)


def _grade(series: Series, samples: range, coverage: float) -> Quality:
    if series.suspect and any(series.times[index] in series.suspect for index in samples):
        return Quality.SUSPECT
    return Quality.GOOD if coverage >= COMPLETE else Quality.PARTIAL


def _averaged(series: Series, start_ms: int, *, quantity: Quantity, period_ms: int) -> Interval:
    samples = series.within(start_ms, start_ms + INTERVAL_MS)
    coverage = _coverage(samples, period_ms)
    if not samples or coverage < USABLE:
        return Interval(Quality.MISSING, coverage)
    values = series.values[samples.start : samples.stop]
    weights = _weights(series.times[samples.start : samples.stop], period_ms)
    quality = _grade(series, samples, coverage)
    if Aggregate.VECTOR_MEAN in quantity.aggregates:
        return Interval(quality, coverage, mean_direction(values, weights), last=values[-1])
    mean = fsum(value * weight for value, weight in zip(values, weights, strict=True)) / fsum(weights)
    return Interval(quality, coverage, mean, min(values), max(values), values[-1])


def _weights(times: Sequence[int], period_ms: int) -> Sequence[float]:
    """Return the milliseconds each sample stands for: half-way to its neighbours, at most half a period per side."""
    halves = [min(later - earlier, period_ms) / 2 for earlier, later in pairwise(times)]
    edge = period_ms / 2
    return [before + after for before, after in zip([edge, *halves], [*halves, edge], strict=True)]


def mean_direction(degrees_: Sequence[float], weights: Sequence[float]) -> float | None:
    """Return the mean of directions in degrees, 0 to 360, None where they cancel each other out."""
    east = fsum(weight * sin(radians(value)) for value, weight in zip(degrees_, weights, strict=True))
    north = fsum(weight * cos(radians(value)) for value, weight in zip(degrees_, weights, strict=True))
    if abs(east) + abs(north) < 1e-9 * fsum(weights):
        return None
    return degrees(atan2(east, north)) % 360.0


def _last_seen(series: Series, start_ms: int, *, quantity: Quantity, period_ms: int) -> Interval:
    samples = series.within(start_ms, start_ms + INTERVAL_MS)
    coverage = _coverage(samples, period_ms)
    seconds = _seconds(series, start_ms, samples=samples, period_ms=period_ms) if _is_timed(quantity) else {}
    if not samples:
        return Interval(Quality.MISSING, coverage, seconds=seconds)
    values = series.values[samples.start : samples.stop]
    greatest = max(values) if quantity.kind is Kind.SESSION else None
    return Interval(_grade(series, samples, coverage), coverage, values[-1], maximum=greatest, seconds=seconds)


def _is_timed(quantity: Quantity) -> bool:
    return Aggregate.DURATION in quantity.aggregates and bool(quantity.states)


def _seconds(series: Series, start_ms: int, *, samples: range, period_ms: int) -> Mapping[int, float]:
    """Return how long each code was in force, as far as samples say so."""
    seconds: dict[int, float] = {}
    end_ms = start_ms + INTERVAL_MS
    for index in range(max(samples.start - 1, 0), samples.stop):
        until = series.times[index] + round(HOLD * period_ms)
        if index + 1 < len(series.times):
            until = min(until, series.times[index + 1])
        held_ms = min(until, end_ms) - max(series.times[index], start_ms)
        if held_ms > 0:
            code = int(series.values[index])
            seconds[code] = seconds.get(code, 0.0) + held_ms / 1000
    return seconds


def _counted(series: Series, track: Track, start_ms: int, *, period_ms: int) -> Interval:
    samples = series.within(start_ms, start_ms + INTERVAL_MS)
    coverage = _coverage(samples, period_ms)
    last = series.values[samples.stop - 1] if samples else None
    start = edge_at(track, start_ms)
    end = edge_at(track, start_ms + INTERVAL_MS)
    if start is None or end is None:
        return Interval(Quality.MISSING, coverage)
    counted = round(end.total - start.total, DIGITS)
    register = end.register if end.known else None
    if not (start.known and end.known):
        return Interval(Quality.MISSING, coverage, last=last, register=register, gap=counted or None)
    quality = _trust(series, samples, edges=(start, end), period_ms=period_ms)
    if quality is not Quality.SUSPECT and _was_reset(track, start_ms):
        quality = Quality.PARTIAL
    return Interval(quality, coverage, counted, last=last, register=register)


def _trust(series: Series, samples: range, *, edges: Sequence[Edge], period_ms: int) -> Quality:
    if series.suspect and any(series.times[index] in series.suspect for index in samples):
        return Quality.SUSPECT
    near_ms = period_ms if period_ms <= INTERVAL_MS else BESIDE_MS
    return Quality.GOOD if all(edge.distance_ms <= near_ms for edge in edges) else Quality.INTERPOLATED


def _was_reset(track: Track, start_ms: int) -> bool:
    """Whether the interval touches a step across which the register was reset."""
    end_ms = start_ms + INTERVAL_MS
    return any(
        broken.cause is Cause.RESET and broken.before_ms < end_ms and broken.after_ms > start_ms
        for broken in track.breaks.values()
    )
