"""What the parts of one spool share. Touched by the event loop only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.clock import Clock
from gateway.spool.anchors import Timekeeper, within_bounds
from gateway.spool.ledger import Ledger
from gateway.spool.places import Place, Places
from gateway.spool.ranges import RangeSet
from gateway.spool.record import Kind, Origin, Record, Stamp, pack_ranges
from gateway.spool.segment import Span
from gateway.spool.setup import Health, SpoolSetup
from gateway.spool.tier import Tier

_PAIRS = 256
"""Ranges in one record."""


class Clue(NamedTuple):
    """An instant on both clocks, as the wall clock was then."""

    monotonic_ms: int
    wall_ms: int


@dataclass(slots=True, eq=False)
class SpoolState:
    """Entries, where they are, and their times."""

    setup: SpoolSetup
    clock: Clock
    ledger: Ledger
    times: Timekeeper
    tier: Tier | None
    origin: Origin
    """Of what is appended now."""
    places: Places = field(default_factory=Places)
    health: Health = field(default_factory=Health)
    generations: dict[str, int] = field(default_factory=dict)
    """Segment → generation, of all segments that were begun."""
    next_sequence: int = 1
    """Of the run that appends now."""
    found: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    """Segment → all that a start found in it, while newer copies elsewhere may not be synced."""
    undeclared_ms: int | None = None
    """How far the sign of life of the process before reaches, until ours is on flash with all that it left."""
    is_exposed: bool = False
    """There is no RAM tier, or it refused the last entry: only flash can keep what is appended."""
    unsaved: dict[str, RangeSet] = field(default_factory=dict)
    """Run → released entries of which flash does not know it yet."""

    def begin_tier(self) -> None:
        """Let the RAM tier write for the origin in force; every new shelf repeats the anchors of this boot."""
        if self.tier is not None:
            anchors = [each for each in (*self.times.anchors, *self.times.pending) if each.boot == self.origin.boot]
            self.tier.begin(self.origin, [anchor.record(self.origin) for anchor in anchors])

    def mark(self, kind: Kind) -> Record:
        """Return a sign of life."""
        return Record(
            kind=kind,
            origin=self.origin,
            first=self.times.last_time_ms,
            count=1 if self.tier else 0,
            monotonic_ms=round(self.clock.monotonic() * 1000),
            time_ms=self.durable_ms(),
        )

    def durable_ms(self) -> int:
        """Return the UTC before which everything is on flash, confirmed or declared as lost, whatever comes now."""
        now_ms, now_s = self.clock.utc_ms(), self.clock.monotonic()
        times = [now_ms] if self.undeclared_ms is None else [now_ms, self.undeclared_ms]
        for _, _, kept in self.ledger.in_memory():
            time_ms = self.times.anchors.time_ms(kept.entry, kept.origin.boot)
            times.append(kept.entry.time_ms if time_ms is None else time_ms)
            times.append(now_ms - round((now_s - kept.appended_s) * 1000))
        return within_bounds(min(times))

    def released(self) -> list[Record]:
        """Return the records of what was released and is not saved yet."""
        return [record for run, ranges in self.unsaved.items() for record in self._ranges(run, list(ranges))]

    def everything(self, most_bytes: int) -> tuple[Record, ...]:
        """Return what a new segment begins with: sign of life, anchors, and what is stored of all that is on flash.

        Args:
            most_bytes: What is beyond is left out; it would only be sent twice.
        """
        anchored = {place.span.boot for place in self._all_places() if place.span.stamp is Stamp.NONE}
        anchored.add(self.origin.boot)
        records = [self.mark(Kind.MARK)]
        records += [anchor.record(self.origin) for anchor in self.times.anchors if anchor.boot in anchored]
        for run in self.places.runs():
            stored = RangeSet((place.first, place.last) for place in self.places.of_run(run))
            for place in self.places.of_run(run):
                for first, last in self.ledger.overlap(run, place.first, place.last):
                    stored.remove(first, last)
            records += self._ranges(run, list(stored))
        while sum(len(record.payload) for record in records) > most_bytes:
            records.pop()
        return tuple(records)

    def fix_times(self) -> bool:
        """Make ready what waited for an anchor that is durable now; return whether there was any."""
        fixed = False
        for boot, (run, first, last) in self.ledger.untimed():
            if self.times.anchors.resolve(boot, self.clue(run, last).monotonic_ms):
                self.ledger.make_timed(run, first, last)
                fixed = True
        return fixed

    def clue(self, run: str, sequence: int) -> "Clue":
        """Return what is known about the time of a waiting entry without reading it."""
        kept = self.ledger.recent(run).get(sequence)
        if kept is not None:
            return Clue(kept.entry.monotonic_ms, kept.entry.time_ms)
        place = self.places.find(run, sequence)
        if place is None:
            return Clue(0, 0)
        return Clue(place.span.monotonic_ms, place.span.time_ms)

    def latest_ms(self, run: str, sequence: int) -> int:
        """Return about the monotonic instant of a waiting entry, never one before it."""
        kept = self.ledger.recent(run).get(sequence)
        if kept is not None:
            return kept.entry.monotonic_ms
        place = self.places.find(run, sequence)
        return place.span.monotonic_ms + place.span.last_ms - place.span.time_ms if place else 0

    def shift_ms(self, place: Place) -> int | None:
        """Return what an anchor adds to the times that stand in a place, None while they wait for it."""
        if place.span.stamp is not Stamp.NONE:
            return 0
        anchor = self.times.anchors.resolve(place.span.boot, place.span.monotonic_ms)
        return place.span.monotonic_ms + anchor.offset_ms - place.span.time_ms if anchor else None

    def hold_again(self, place: Place) -> list[tuple[int, int]]:
        """Take in what is held in a place, whether it was released or not; return what did not wait before."""
        run, held = place.span.run, RangeSet([(place.first, place.last)])
        for first, last in self.ledger.overlap(run, place.first, place.last):
            held.remove(first, last)
        for first, last in held:
            self.ledger.open_run(run, place.span.boot, rank=place.span.time_ms)
            self.ledger.hold((run, first, last), timed=True)
        return list(held)

    def waiting_in(self, segment: str) -> Iterator[tuple[Place, list[tuple[int, int]]]]:
        """Yield the places of a segment in which something waits, and what."""
        for place in self.places.of_segment(segment):
            ranges = self.ledger.overlap(place.span.run, place.first, place.last)
            if ranges:
                yield place, ranges

    def is_needed(self, segment: str) -> bool:
        """Return whether a segment may hold the only copy of something that waits."""
        if any(self.waiting_in(segment)):
            return True
        return any(self.ledger.overlap(span.run, span.first, span.last) for span in self.found.get(segment, ()))

    def note_released(self, run: str, first: int, last: int) -> None:
        """Remember that entries are no longer needed, for those of them that are on flash."""
        for place in self.places.overlapping(run, first, last):
            self.unsaved.setdefault(run, RangeSet()).add(max(first, place.first), min(last, place.last))

    def _ranges(self, run: str, ranges: list[tuple[int, int]]) -> list[Record]:
        origin = self.origin._replace(run=run)
        return [
            Record(Kind.RELEASED, origin, payload=pack_ranges(ranges[start : start + _PAIRS]))
            for start in range(0, len(ranges), _PAIRS)
        ]

    def _all_places(self) -> Iterator[Place]:
        for run in self.places.runs():
            yield from self.places.of_run(run)
