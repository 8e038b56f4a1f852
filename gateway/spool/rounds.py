"""What each round writes to flash, and what follows when it landed or was refused. Nothing here waits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.core.errors import SpoolError
from gateway.spool.anchors import Anchor, within_bounds
from gateway.spool.eviction import Evictions
from gateway.spool.ledger import Draft, Stretch, drafts
from gateway.spool.order import Doubtful, Landed, WriteOrder
from gateway.spool.ranges import RangeSet
from gateway.spool.record import HEADER_BYTES, Kind, Origin, Record, SpooledEntry
from gateway.spool.recovery import RingFound
from gateway.spool.ring import FlashRing
from gateway.spool.segment import SegmentHeader, Span
from gateway.spool.state import SpoolState

_EVICT_SHARE = 4
"""The oldest segment is given up while this part of the active one is still free."""
_RESERVE_SHARE = 8
"""This part of the last segment is left for what must be kept of the oldest, and for the gap that declares the rest."""
_STATE_SHARE = 4
"""Part of a new segment that what is known about the others may take."""
_ROUND_BYTES = 1 << 20
"""Of lines in one round, so that the event loop is not held up by what has gathered while the disk refused."""
_ENTRY_BYTES = 24
"""What a block needs for one entry beside its body, before packing."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why there is a round."""

    sync: bool = True
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Scar:
    """Damage on flash that is declared once, and then blanked."""

    segment: str
    generation: int
    offset: int
    length: int


class Rounds:
    """Turns what waits into orders for the ring, and what the ring did into the state of entries."""

    def __init__(self, state: SpoolState, ring: FlashRing) -> None:
        self._state = state
        self._ring = ring
        self._held: list[tuple[str, Span]] = []
        self._saving: dict[str, RangeSet] = {}
        self._anchoring: list[Anchor] = []
        self._healing: list[Scar] = []
        self._scars: list[Scar] = []
        self._misleading: list[Scar] = []
        self._unproven: list[tuple[str, int, int]] = []
        self.evictions = Evictions(state)
        self.doubtful: set[str] = set()
        """Segments whose last sync failed: what waits in them is copied."""
        self.is_short = False
        """The last order left something out that waits for room."""
        self.rescued: list[str] = []
        """Segments of which the last order has the copies."""

    def take_over(self, found: RingFound) -> None:
        """Note what the process before left to do.

        What it may not have synced is written once more. Summaries of entries that are not there are blanked; so is
        damage, but only when its declaration is on flash, so that it is declared once and not forgotten.
        """
        limit = self._ring.limit
        self._unproven = found.unproven
        self._misleading = [
            Scar(segment.name, segment.generation, limit, self._ring.segment_bytes - limit)
            for segment in found.segments
            if segment.is_misleading
        ]
        self._scars = [
            Scar(segment.name, segment.generation, damage.offset, damage.length)
            for segment in found.segments
            if segment.scan is not None
            for damage in segment.scan.damage
        ]

    def order(self, copies: Sequence[Record], occasion: Occasion) -> WriteOrder:
        """Return all that is to be written now; while a segment is given up, nothing but what that needs."""
        eviction = self.evictions.current
        self.is_short = eviction is not None
        pending = self._pending(eviction.gap if eviction else None)
        generations = self._state.generations
        order = WriteOrder(
            notes=tuple(self._notes()) if occasion.sync else (),
            copies=tuple(copies),
            drafts=(*(eviction.remaining if eviction else ()), *drafts(pending)),
            closing=(self._state.mark(Kind.CLEAN_STOP),) if occasion.stop else (),
            blanks=tuple(
                (scar.segment, scar.offset, scar.length)
                for scar in (*self._healing, *self._misleading)
                if generations.get(scar.segment) == scar.generation
            ),
            again=tuple(self._unproven) if occasion.sync else (),
            reserve_bytes=0 if eviction else self._ring.segment_bytes // _RESERVE_SHARE,
            sync=occasion.sync,
        )
        has_room = _most_bytes(order) < self._ring.room_bytes - order.reserve_bytes
        return order if has_room else self._with_new_segment(order)

    def landed(self, order: WriteOrder, landed: Landed) -> None:
        """Note what is on flash now."""
        state = self._state
        state.health.rounds += 1
        state.health.flash_bytes += landed.size_bytes
        for name, generation in landed.opened:
            state.places.forget(name)
            state.found.pop(name, None)
            state.generations[name] = generation
            self.doubtful.discard(name)
        self._held += landed.spans
        self.is_short |= not landed.is_all_of(order)
        if not landed.synced:
            for _, span in landed.spans:
                self._note_written(span)
            return
        held, self._held = self._held, []
        for name, span in held:
            self._settle(name, span)
        if landed.written >= len(order.notes):
            self._confirm()
        if not self.is_short:
            self._healing, self._scars = self._scars, []
            self._unproven, self._misleading = [], []
            state.found.clear()
            state.undeclared_ms = None
        if landed.written >= len(order.notes) + len(order.copies):
            self.doubtful.difference_update(self.rescued)
        self.evictions.finish()

    def refused(self, refusal: SpoolError) -> None:
        """Note that nothing of the last order is certain."""
        state = self._state
        if isinstance(refusal, Doubtful):
            self.doubtful.update(refusal.segments)
            for kept in state.ledger.written():
                kept.is_written = False
            self._held = []
        if state.tier is not None:
            # The RAM tier has the anchors; while the disk refuses that must do, or nothing would be sent.
            state.times.confirm(list(state.times.pending))
            state.fix_times()

    def spare(self) -> list[str]:
        """Return the segments of which nothing is needed any more, oldest first."""
        state, busy = self._state, self.busy()
        names = [name for name in state.generations if name not in busy and not state.is_needed(name)]
        return sorted(names, key=lambda name: state.generations[name])

    def is_crowded(self) -> bool:
        """Return whether the active segment is the last one to be had, and nearly full."""
        ring = self._ring
        is_full = self.is_short or ring.room_bytes < ring.segment_bytes // _EVICT_SHARE
        return is_full and not ring.can_grow and not self.spare()

    def busy(self) -> set[str]:
        """Return the segments that are being written."""
        active = self._ring.active
        return {name for name, _ in self._held} | ({active} if active else set())

    def to_copy(self, name: str) -> list[Stretch]:
        """Return what waits in a doubtful segment; when nothing does it is no longer doubtful."""
        wanted = [(place.span.run, first, last) for place, each in self._state.waiting_in(name) for first, last in each]
        if not wanted:
            self.doubtful.discard(name)
        return wanted

    def _pending(self, gap: tuple[str, int] | None) -> Iterator[tuple[int, Origin, SpooledEntry]]:
        """Yield entries that are in memory only, as many as one round takes; while a segment is given up, its gap."""
        size_bytes = 0
        for run, sequence, kept in self._state.ledger.unwritten():
            if self.evictions.current is not None and gap != (run, sequence):
                continue
            size_bytes += len(kept.entry.body)
            if size_bytes > _ROUND_BYTES:
                self.is_short = True
                return
            yield sequence, kept.origin, kept.entry

    def _notes(self) -> list[Record]:
        """Return what is to be known before any entry of the round."""
        state = self._state
        self._anchoring = list(state.times.pending)
        self._saving = {run: RangeSet(ranges) for run, ranges in state.unsaved.items()}
        marks = [state.mark(Kind.MARK)]
        return [*marks, *(anchor.record(state.origin) for anchor in self._anchoring), *state.released()]

    def _with_new_segment(self, order: WriteOrder) -> WriteOrder:
        state = self._state
        header = SegmentHeader(0, state.origin, state.next_sequence, within_bounds(state.clock.utc_ms()))
        everything = state.everything(self._ring.segment_bytes // _STATE_SHARE)
        return replace(order, header=header, state=everything, spare=tuple(self.spare()))

    def _note_written(self, span: Span) -> None:
        recent = self._state.ledger.recent(span.run)
        for sequence in range(span.first, span.last + 1):
            if sequence in recent:
                recent[sequence].is_written = True

    def _settle(self, name: str, span: Span) -> None:
        """Note that a block is safe on flash; what was released while it was on its way there must be saved too."""
        state = self._state
        state.places.put(name, span)
        self.evictions.landed(span)
        state.ledger.settle(span.run, span.first, span.last)
        gone = RangeSet([(span.first, span.last)])
        for first, last in state.ledger.overlap(span.run, span.first, span.last):
            gone.remove(first, last)
        for first, last in gone:
            state.note_released(span.run, first, last)

    def _confirm(self) -> None:
        state = self._state
        for run, ranges in self._saving.items():
            for first, last in ranges:
                state.unsaved[run].remove(first, last)
            if not state.unsaved[run]:
                del state.unsaved[run]
        state.times.confirm(self._anchoring)
        state.fix_times()
        state.ledger.forget_idle_runs(frozenset({state.origin.run, self.evictions.run}))


def _most_bytes(order: WriteOrder) -> int:
    """Return more than the order can take."""
    records = (*order.notes, *order.copies, *order.closing)
    return sum(HEADER_BYTES + len(record.payload) for record in records) + sum(map(_draft_bytes, order.drafts))


def _draft_bytes(draft: Draft) -> int:
    return HEADER_BYTES + 64 + sum(_ENTRY_BYTES + len(entry.body) for entry in draft.entries)
