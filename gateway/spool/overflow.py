"""Giving up the oldest readings when neither memory nor disk has room. Events stay, and one gap says what went."""

from collections.abc import Iterable

from gateway.core.readout import Event
from gateway.spool.ledger import Kept
from gateway.spool.record import Kind, Record
from gateway.spool.state import SpoolState
from gateway.spool.thinning import is_event
from gateway.spool.tier import Shelf

_SHARE = 16
"""Part of the memory that is given up at once."""
_TEXT = "neither memory nor disk had room"

Held = tuple[str, int, Kept]
"""Run, sequence number, entry."""


class Overflow:
    """Keeps memory within its bounds."""

    def __init__(self, state: SpoolState) -> None:
        self._state = state
        self._gap: Event | None = None
        self._declared: tuple[Event, str, int] | None = None

    def clear(self, shelf: Shelf) -> None:
        """Give up the readings on a shelf of the RAM tier, and begin it anew with its events.

        Raises:
            SpoolError: the memory refused it.
        """
        state = self._state
        here = [each for each in state.ledger.in_memory() if each[2].shelf is shelf]
        events = [each for each in here if is_event(each[2].entry.body)]
        self._give_up(each for each in here if not is_event(each[2].entry.body))
        if state.tier is None:
            return
        for _, _, kept in events:
            kept.shelf = None
        shelf.live = 0
        kept_again = state.tier.reuse(shelf, [_record(*event) for event in events])
        for _, _, kept in events[:kept_again]:
            kept.shelf = shelf
        shelf.live = kept_again

    def trim(self) -> None:
        """Give up the oldest readings in memory, where there is no RAM tier to count them."""
        state, size_bytes = self._state, 0
        oldest: list[Held] = []
        for each in state.ledger.in_memory():
            if size_bytes > state.setup.memory_bytes // _SHARE:
                break
            if not is_event(each[2].entry.body):
                oldest.append(each)
                size_bytes += len(each[2].entry.body)
        self._give_up(oldest)

    def undeclared(self) -> Event | None:
        """Return the gap to declare now, None when nothing was given up; it takes the place of one not sent yet."""
        gap, self._gap = self._gap, None
        if gap is None or self._declared is None:
            return gap
        before, run, sequence = self._declared
        if sequence not in self._state.ledger.recent(run) or self._state.ledger.is_flying(run, sequence):
            return gap
        self._state.ledger.release(run, sequence, sequence)
        return _joined(before, gap)

    def declared(self, gap: Event, run: str, sequence: int) -> None:
        """Note where a gap was appended."""
        self._declared = (gap, run, sequence)

    def _give_up(self, entries: Iterable[Held]) -> None:
        state = self._state
        for run, sequence, kept in entries:
            time_ms = state.times.anchors.time_ms(kept.entry, kept.origin.boot)
            at_ms = kept.entry.time_ms if time_ms is None else time_ms
            gap = Event("gap", "disk", at_ms, at_ms, 1, text=_TEXT)
            self._gap = gap if self._gap is None else _joined(self._gap, gap)
            state.ledger.release(run, sequence, sequence)
            state.health.lost += 1


def _joined(one: Event, other: Event) -> Event:
    start_ms, end_ms = min(one.start_ms, other.start_ms), max(one.end_ms, other.end_ms)
    return Event("gap", "disk", start_ms, end_ms, one.count + other.count, text=_TEXT)


def _record(_: str, sequence: int, kept: Kept) -> Record:
    entry = kept.entry
    return Record(
        Kind.ENTRY, kept.origin, sequence, 1, entry.monotonic_ms, entry.time_ms, stamp=entry.stamp, payload=entry.body
    )
