"""What is sent once more, receipt or not, for a store that was restored from a backup."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.spool.ledger import Kept
from gateway.spool.ranges import RangeSet
from gateway.spool.record import Record, unpack_entries
from gateway.spool.state import SpoolState
from gateway.spool.tier import Shelf


@dataclass(slots=True)
class Resent:
    """What was offered again and what of it has no receipt yet."""

    offered: int = 0
    oldest_ms: int | None = None
    """UTC of the oldest that was offered; None where nothing was held."""
    newest_ms: int | None = None
    waiting: dict[str, RangeSet] = field(default_factory=dict)
    """Run → what was offered; what got its receipt is taken out when somebody looks."""

    def add(self, run: str, ranges: Iterable[tuple[int, int]], start_ms: int, end_ms: int) -> None:
        """Note that ranges were offered, acquired about between two instants."""
        for first, last in ranges:
            self.waiting.setdefault(run, RangeSet()).add(first, last)
            self.offered += last - first + 1
            self.oldest_ms = start_ms if self.oldest_ms is None else min(self.oldest_ms, start_ms)
            self.newest_ms = end_ms if self.newest_ms is None else max(self.newest_ms, end_ms)


class Again:
    """Offers what is still held once more.

    Args:
        state: Of the spool.
        notice: Called when something must go to flash.
    """

    def __init__(self, state: SpoolState, *, notice: Callable[[], None]) -> None:
        self._state = state
        self._notice = notice
        self.resent = Resent()
        """Of the last call."""

    async def offer(self, since_ms: int) -> Resent:
        """Offer again what is still held since an instant, on flash and in memory; what waits anyway is not counted."""
        state, self.resent = self._state, Resent()
        for run in state.places.runs():
            for place in list(state.places.of_run(run)):
                shift_ms = state.shift_ms(place)
                if shift_ms is None or place.span.last_ms + shift_ms < since_ms:
                    continue
                held = state.hold_again(place)
                start_ms = place.time_of(place.first) + shift_ms
                self.resent.add(run, held, start_ms, place.time_of(place.last) + shift_ms)
        if state.tier is not None:
            for shelf, scan in state.tier.scans():
                self._revive(shelf, scan.records, since_ms)
                await asyncio.sleep(0)
        return self.resent

    def left(self) -> int:
        """Return how many of what was offered again wait for their receipt."""
        ledger, waiting = self._state.ledger, self.resent.waiting
        for run, ranges in list(waiting.items()):
            still = RangeSet(part for first, last in ranges for part in ledger.overlap(run, first, last))
            if still.count:
                waiting[run] = still
            else:
                del waiting[run]
        return sum(ranges.count for ranges in waiting.values())

    def _revive(self, shelf: Shelf, records: Iterable[Record], since_ms: int) -> None:
        """Take in again what the RAM tier still holds since then."""
        state = self._state
        for record in records:
            run, sequence, boot = record.origin.run, record.first, record.origin.boot
            for entry in (unpack_entries(record) or ()) if record.holds_entries else ():
                time_ms = state.times.anchors.time_ms(entry, boot)
                is_known = state.places.find(run, sequence) or state.ledger.overlap(run, sequence, sequence)
                if time_ms is None or time_ms < since_ms or is_known:
                    continue
                state.ledger.open_run(run, boot, rank=time_ms)
                kept = Kept(entry, record.origin, state.clock.monotonic(), shelf)
                state.ledger.keep(run, sequence, kept, timed=True)
                self.resent.add(run, [(sequence, sequence)], time_ms, time_ms)
                self._notice()
