"""How many readouts a device was to give in a stretch of time, from what its catalogues say. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import lcm

_MOST_INTERVALS = 8
"""Of one device; the slowest of more are not counted apart, since they fall on instants of the faster ones."""


@dataclass(frozen=True, slots=True)
class Period:
    """From some time on a device is read so often."""

    since_ms: int
    intervals_ms: tuple[int, ...]
    """None of them: the device is not there."""


class Periods:
    """What ever held about one device, in ascending time."""

    def __init__(self) -> None:
        self._periods: list[Period] = []

    def state(self, since_ms: int, intervals_ms: Iterable[int]) -> None:
        """Note what holds from some time on; a word about the time before the first one moves that one back."""
        stated = Period(since_ms, _essential(intervals_ms))
        if self.at(since_ms).intervals_ms == stated.intervals_ms:
            return
        first = self._periods[0] if self._periods else None
        if first is not None and since_ms < first.since_ms and first.intervals_ms == stated.intervals_ms:
            self._periods.remove(first)
        self._periods = sorted(
            [*(each for each in self._periods if each.since_ms != since_ms), stated], key=lambda each: each.since_ms
        )

    def at(self, time_ms: int) -> Period:
        """Return what holds at some time."""
        found = Period(0, ())
        for each in self._periods:
            if each.since_ms <= time_ms:
                found = each
        return found

    @property
    def first_ms(self) -> int | None:
        """When the device was first there, None where it never was."""
        return next((each.since_ms for each in self._periods if each.intervals_ms), None)

    def expected(self, start_ms: int, end_ms: int) -> int:
        """Return how many readouts fall due from the start to before the end; the first word holds before it, too."""
        count = 0
        for number, period in enumerate(self._periods):
            first_ms = start_ms if number == 0 else max(start_ms, period.since_ms)
            last_ms = self._periods[number + 1].since_ms if number + 1 < len(self._periods) else end_ms
            count += instants(period.intervals_ms, first_ms, min(last_ms, end_ms))
        return count


def instants(intervals_ms: Iterable[int], start_ms: int, end_ms: int) -> int:
    """Return how many instants from the start to before the end are a multiple of at least one interval."""
    lengths = _essential(intervals_ms)
    if start_ms >= end_ms or not lengths:
        return 0
    count = 0
    for size in range(1, len(lengths) + 1):
        sign = 1 if size % 2 else -1
        for chosen in combinations(lengths, size):
            each_ms = lcm(*chosen)
            count += sign * ((end_ms - 1) // each_ms - (start_ms - 1) // each_ms)
    return count


def _essential(intervals_ms: Iterable[int]) -> tuple[int, ...]:
    """Return the intervals that are no multiple of a shorter one, ascending."""
    kept: list[int] = []
    for each in sorted({each for each in intervals_ms if each > 0}):
        if all(each % shorter for shorter in kept):
            kept.append(each)
    return tuple(kept[:_MOST_INTERVALS])


@dataclass(frozen=True, slots=True)
class Tally:
    """What a store holds of one device in one quarter-hour."""

    rows: int
    good: int
    """Those with values."""


def summed(tallies: Mapping[int, Tally], start_ms: int, end_ms: int) -> Tally:
    """Return what is held from the start to before the end; tallies by the start of their quarter-hour."""
    found = [tally for time_ms, tally in tallies.items() if start_ms <= time_ms < end_ms]
    return Tally(sum(each.rows for each in found), sum(each.good for each in found))
