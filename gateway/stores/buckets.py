"""Aggregates of samples in buckets aligned to 1970-01-01 UTC, for stores that do not do it alike. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.energy.intervals import mean_direction
from gateway.stores.aggregates import Function

Sample = tuple[int, float]
"""UTC in ms and value."""

_OF: Mapping[Function, Callable[[Sequence[float]], float | None]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
    "count": len,
    "direction": lambda values: mean_direction(values, [1.0] * len(values)),
}


def bucketed(samples: Iterable[Sample], function: Function, *, length_ms: int) -> dict[int, float | None]:
    """Return the aggregate of each bucket that has samples, by the bucket's start; samples ascend in time."""
    values: dict[int, list[float]] = {}
    for time_ms, value in samples:
        values.setdefault(time_ms - time_ms % length_ms, []).append(value)
    aggregate = _OF[function]
    return {start_ms: aggregate(held) for start_ms, held in values.items()}


def joined(columns: Mapping[str, Mapping[int, float | int | None]]) -> dict[int, dict[str, float | int | None]]:
    """Return values by time and point from values by point and time; None is left out."""
    rows: dict[int, dict[str, float | int | None]] = {}
    for point, values in columns.items():
        for time_ms, value in values.items():
            if value is not None:
                rows.setdefault(time_ms, {})[point] = value
    return rows
