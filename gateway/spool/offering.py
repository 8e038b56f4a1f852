"""Batches from what is ready, wherever it is; what cannot be read any more is declared."""

from collections import Counter
from functools import partial

from gateway.core.errors import SpoolError
from gateway.core.protocols import Batch
from gateway.core.readout import Event
from gateway.spool.flusher import Flusher, Host
from gateway.spool.ledger import Stretch
from gateway.spool.places import Place
from gateway.spool.reading import LoadedSegment, Wish, collect
from gateway.spool.record import Origin, SpooledEntry
from gateway.spool.state import SpoolState

_ATTEMPTS = 8
_READS = 3
"""A segment that could not be read so often is given up."""


class Offering:
    """Finds the next batch."""

    def __init__(self, state: SpoolState, flusher: Flusher, *, host: Host) -> None:
        self._state = state
        self._flusher = flusher
        self._host = host
        self._failures: Counter[str] = Counter()

    async def next_batch(self, wish: Wish) -> Batch | None:
        """Return what is ready, None when nothing is."""
        ledger = self._state.ledger
        for _ in range(_ATTEMPTS):
            ledger.expire(self._state.clock.monotonic())
            stretch = ledger.choose(wish.order)
            if stretch is None:
                return None
            edge = stretch[1] if wish.order == "oldest" else stretch[2]
            if edge in ledger.recent(stretch[0]):
                return collect(partial(self._in_memory, stretch[0]), stretch, wish, anchors=self._state.times.anchors)
            batch = await self._from_flash(stretch, edge, wish)
            if batch is not None and ledger.is_ready(batch.run, batch.first, batch.last):
                return batch
        return None

    def _in_memory(self, run: str, sequence: int) -> tuple[SpooledEntry, Origin] | None:
        kept = self._state.ledger.recent(run).get(sequence)
        return (kept.entry, kept.origin) if kept else None

    async def _from_flash(self, stretch: Stretch, edge: int, wish: Wish) -> Batch | None:
        run = stretch[0]
        place = self._state.places.find(run, edge)
        if place is None:
            now_ms = self._state.clock.utc_ms()
            self._lose((run, edge, edge), now_ms, now_ms)
            return None
        try:
            segment = await self._flusher.load(place.segment)
        except SpoolError as exc:
            self._unreadable(place, exc)
            return None
        self._failures.pop(place.segment, None)
        batch = await self._flusher.in_worker(
            collect, partial(segment.find, run), stretch, wish, anchors=self._state.times.anchors
        )
        if batch is None:
            await self._skip(segment, place, edge, wish)
        return batch

    async def _skip(self, segment: LoadedSegment, place: Place, edge: int, wish: Wish) -> None:
        """Give up what is missing at this end of a place, up to what can be read again."""
        run = place.span.run
        if wish.order == "oldest":
            readable = await self._flusher.in_worker(segment.readable_from, run, edge)
            first, last = edge, place.last if readable is None else min(place.last, readable - 1)
        else:
            readable = await self._flusher.in_worker(segment.readable_to, run, edge)
            first, last = place.first if readable is None else max(place.first, readable + 1), edge
        if self._state.places.find(run, edge) is not place:
            return
        if first > last:
            # It is there and has no time yet: it must wait for its anchor.
            self._state.ledger.hold((run, edge, edge), timed=False)
            return
        before, behind = segment.neighbours(run, first, last)
        shift_ms = self._state.shift_ms(place) or 0
        start_ms = before.time_ms if before else place.span.time_ms
        end_ms = behind.time_ms + behind.span_ms if behind else place.span.last_ms
        self._lose((run, first, last), start_ms + shift_ms, end_ms + shift_ms)

    def _unreadable(self, place: Place, refusal: SpoolError) -> None:
        """Try a segment again later, and give it up when that does not help."""
        state = self._state
        state.health.last_error = str(refusal)
        self._failures[place.segment] += 1
        if self._failures[place.segment] < _READS:
            state.ledger.sent(place.span.run, place.first, place.last, now_s=state.clock.monotonic())
            return
        shift_ms = state.shift_ms(place) or 0
        self._lose(
            (place.span.run, place.first, place.last), place.span.time_ms + shift_ms, place.span.last_ms + shift_ms
        )

    def _lose(self, stretch: Stretch, start_ms: int, end_ms: int) -> None:
        state = self._state
        state.note_released(*stretch)
        lost = state.ledger.release(*stretch)
        if lost:
            state.health.damaged += lost
            text = "the spool cannot read them any more"
            self._host.declare(Event("gap", "damage", start_ms, max(start_ms, end_ms), lost, text=text))
