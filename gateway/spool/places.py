"""Which segment of the flash ring holds which entries. Pure."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from gateway.spool.segment import Span

_first = attrgetter("first")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Consecutive entries of one run in one segment."""

    first: int
    last: int
    span: Span
    """What they are a part of."""
    segment: str

    def time_of(self, sequence: int) -> int:
        """Return about when an entry was acquired, between the ends of its span."""
        span = self.span
        share = (sequence - span.first) / max(1, span.last - span.first)
        return span.time_ms + round(share * (span.last_ms - span.time_ms))


class Places:
    """The places of all entries on flash; each entry has one, the one noted last."""

    def __init__(self) -> None:
        self._runs: dict[str, list[Place]] = {}
        self._segments: dict[str, set[Place]] = {}

    def put(self, segment: str, span: Span) -> None:
        """Note where entries stand from now on."""
        self._clear(span.run, span.first, span.last)
        before = self.find(span.run, span.first - 1)
        joined = before.span.joined(span) if before and before.segment == segment else None
        if before is None or joined is None:
            self._insert(span.run, Place(span.first, span.last, span, segment))
        else:
            self._remove(before)
            self._insert(span.run, Place(before.first, span.last, joined, segment))

    def find(self, run: str, sequence: int) -> Place | None:
        """Return the place of one entry, None when it is not on flash."""
        places = self._runs.get(run, [])
        index = bisect_right(places, sequence, key=_first) - 1
        return places[index] if index >= 0 and places[index].last >= sequence else None

    def overlapping(self, run: str, first: int, last: int) -> list[Place]:
        """Return the places that hold any of these entries, in ascending order."""
        places = self._runs.get(run, [])
        start = max(0, bisect_right(places, first, key=_first) - 1)
        stop = bisect_right(places, last, key=_first)
        return [place for place in places[start:stop] if place.last >= first]

    def of_run(self, run: str) -> list[Place]:
        """Return the places of a run in ascending order."""
        return self._runs.get(run, [])

    def of_segment(self, segment: str) -> Iterator[Place]:
        """Yield the places in a segment, in no order."""
        yield from self._segments.get(segment, ())

    def runs(self) -> list[str]:
        """Return the runs that have entries on flash."""
        return list(self._runs)

    def forget(self, segment: str) -> None:
        """Note that a segment holds nothing any more."""
        for place in list(self._segments.get(segment, ())):
            self._remove(place)

    def _clear(self, run: str, first: int, last: int) -> None:
        for place in self.overlapping(run, first, last):
            self._remove(place)
            if place.first < first:
                self._insert(run, replace(place, last=first - 1))
            if place.last > last:
                self._insert(run, replace(place, first=last + 1))

    def _insert(self, run: str, place: Place) -> None:
        insort(self._runs.setdefault(run, []), place, key=_first)
        self._segments.setdefault(place.segment, set()).add(place)

    def _remove(self, place: Place) -> None:
        places = self._runs[place.span.run]
        del places[bisect_left(places, place.first, key=_first)]
        if not places:
            del self._runs[place.span.run]
        self._segments[place.segment].discard(place)
        if not self._segments[place.segment]:
            del self._segments[place.segment]
