"""Making room in a full ring: the oldest segment shrinks to what must be kept, and a gap says what went."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from gateway.core.readout import Event
from gateway.spool.ledger import Draft, drafts
from gateway.spool.ranges import RangeSet
from gateway.spool.record import Origin
from gateway.spool.segment import Span
from gateway.spool.state import SpoolState
from gateway.spool.thinning import Thinned


@dataclass(slots=True)
class Eviction:
    """One segment on its way out."""

    segment: str
    generation: int
    remaining: list[Draft]
    """What is kept of it and not on flash yet."""
    gap: tuple[str, int] | None
    """Run and sequence number of the gap that declares what went."""
    count: int


class Evictions:
    """Gives what survives of old segments a run of its own, whose sequence numbers have no holes."""

    def __init__(self, state: SpoolState) -> None:
        self._state = state
        self._next = 1
        self.run = hashlib.sha256(f"{state.setup.run} thinned".encode()).hexdigest()[:16]
        self.current: Eviction | None = None

    def candidate(self, spared: Collection[str]) -> tuple[str, dict[str, RangeSet]] | None:
        """Return the oldest segment in which something waits, and what, None when there is none to give up.

        Args:
            spared: Segments that are being written.
        """
        state = self._state
        for name in sorted(state.generations, key=lambda each: state.generations[each]):
            waiting: dict[str, RangeSet] = {}
            for place, ranges in state.waiting_in(name) if name not in spared else ():
                for first, last in ranges:
                    waiting.setdefault(place.span.run, RangeSet()).add(first, last)
            if waiting:
                return name, waiting
        return None

    def begin(self, segment: str, thinned: Thinned, gap: tuple[str, int] | None) -> None:
        """Keep what survives of a segment with the next round.

        Args:
            segment: What is given up.
            thinned: What survives.
            gap: The entry that declares what went, None where nothing did.
        """
        state = self._state
        entries = []
        for origin, entry in thinned.kept:
            renamed = Origin(self.run, origin.catalogue, state.origin.boot)
            entries.append((self._next, renamed, entry))
            self._next += 1
        self.current = Eviction(segment, state.generations[segment], drafts(entries), gap, thinned.count)
        state.ledger.open_run(self.run, state.origin.boot, rank=-1)

    def landed(self, span: Span) -> None:
        """Note that a block is on flash."""
        current = self.current
        if current is None or span.run != self.run:
            return
        for draft in current.remaining:
            if draft.first == span.first:
                self._state.ledger.hold((span.run, span.first, span.last), timed=bool(span.stamp))
        current.remaining = [draft for draft in current.remaining if draft.first != span.first]

    def finish(self) -> None:
        """Give the segment up once what survives of it, and the gap, are safe."""
        current, state = self.current, self._state
        if current is None or current.remaining:
            return
        if current.gap is not None and current.gap[1] in state.ledger.recent(current.gap[0]):
            return
        # Receipts may have come for all of it meanwhile, so that it was used again.
        is_there = state.generations[current.segment] == current.generation
        for place, ranges in list(state.waiting_in(current.segment)) if is_there else ():
            for first, last in ranges:
                state.ledger.release(place.span.run, first, last)
                state.note_released(place.span.run, first, last)
        state.health.thinned += current.count
        self.current = None


def gap_of(thinned: Thinned, missing: int, around_ms: tuple[int, int]) -> Event | None:
    """Return the gap that thinning leaves, None where nothing went.

    Args:
        thinned: What survives.
        missing: Entries that could not be read.
        around_ms: Earliest and latest time in the segment.
    """
    if not thinned.count and not missing:
        return None
    start_ms, end_ms = around_ms if missing else (thinned.from_ms, thinned.to_ms)
    return Event(
        "gap",
        "full",
        start_ms,
        end_ms,
        thinned.count + missing,
        text="the spool is full: counters are kept every 15 min",
    )
