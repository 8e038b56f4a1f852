"""The spool: every entry in RAM-backed storage at once, and on flash when its receipt does not come in time."""

import asyncio
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from gateway.core.errors import SpoolError
from gateway.core.protocols import Backlog, Batch, Entry
from gateway.core.readout import Event
from gateway.spool.again import Again, Resent
from gateway.spool.flusher import Flusher
from gateway.spool.ledger import Kept
from gateway.spool.offering import Offering
from gateway.spool.overflow import Overflow
from gateway.spool.reading import Wish
from gateway.spool.record import MAX_BODY_BYTES, Kind, Record, SpooledEntry, Stamp, pack_ranges
from gateway.spool.recovery import RingFound
from gateway.spool.ring import FlashRing
from gateway.spool.setup import Health
from gateway.spool.state import SpoolState
from gateway.spool.tier import Shelf, TierFull

_BODY_SHARE = 8
"""Part of a segment that one entry may take."""


class DurableSpool:
    """A spool over two folders; made by `open_spool`, used by one event loop.

    Args:
        state: What was recovered.
        ring: On flash.
        worker: One thread, ended by `close`.
        found: What was on flash, None when it could not be read.
    """

    def __init__(self, state: SpoolState, ring: FlashRing, *, worker: Executor, found: RingFound | None) -> None:
        self._state = state
        self._ring = ring
        self._worker = worker
        self._flusher = Flusher(state, ring, worker=worker, host=self, found=found)
        self._offering = Offering(state, self._flusher, host=self)
        self._ready = asyncio.Event()
        self._sent = asyncio.Event()
        self._most_body_bytes = min(
            MAX_BODY_BYTES, ring.segment_bytes // _BODY_SHARE, state.setup.shelf_bytes // _BODY_SHARE
        )
        self._overflow = Overflow(state)
        self._again = Again(state, notice=self._flusher.notice)
        self._declared_ms = 0
        if state.ledger.waiting:
            self._flusher.notice(urgent=bool(state.times.pending))

    @property
    def last_time_ms(self) -> int:
        """Greatest time ever given, over all starts that this spool remembers; 0 when there is none."""
        return self._state.times.last_time_ms

    @property
    def health(self) -> Health:
        """What went wrong and what was written, as of now."""
        return replace(self._state.health)

    def append(self, entry: Entry) -> None:
        """Keep the entry so that it survives the death of this process; never waits for a disk.

        Raises:
            ValueError: it is longer than an eighth of a segment, or its time does not fit the wire format.
        """
        self._append(entry)

    def declare(self, event: Event) -> tuple[str, int]:
        """Append an event of the spool itself; return its run and sequence number."""
        clock = self._state.clock
        time_ms = None
        if clock.synchronised():
            # Two gaps of one cause in the same millisecond would be one row.
            time_ms = self._declared_ms = max(clock.utc_ms(), self._declared_ms + 1)
        entry = Entry(self._state.setup.event_body(event), round(clock.monotonic() * 1000), time_ms)
        return self._state.origin.run, self._append(entry)

    def anchor(self, offset_ms: int, *, uncertain: bool) -> None:
        """Fix the time of all entries of this boot that have none: monotonic + offset, for ever.

        They are offered as soon as the anchor is on flash. What is appended later without time gets it at once.
        """
        state = self._state
        anchor = state.times.anchor(offset_ms, round(state.clock.monotonic() * 1000), uncertain=uncertain)
        waiting = [stretch for boot, stretch in state.ledger.untimed() if boot == state.origin.boot]
        if not waiting:
            return
        latest_ms = max(state.latest_ms(run, last) for run, _, last in waiting)
        state.times.expect(anchor, latest_ms)
        self._note(anchor.record(state.origin))
        self._state.begin_tier()
        self._flusher.notice(urgent=True)

    def rotate(self, catalogue: str) -> None:
        """Let entries refer to another catalogue from now on."""
        self._state.origin = self._state.origin._replace(catalogue=catalogue)
        self._state.begin_tier()

    async def next_batch(self, *, order: Literal["newest", "oldest"], max_lines: int, max_bytes: int) -> Batch | None:
        """Return a range that was not sent yet, None when there is none whose time is known.

        A batch never spans two runs, two catalogues or a hole, and its lines ascend. A single line may be longer than
        `max_bytes`.
        """
        return await self._offering.next_batch(Wish(order, max_lines, max_bytes))

    def sent(self, batch: Batch) -> None:
        """Note that the batch is on its way; without receipt it is offered again after the resend time."""
        self._state.ledger.sent(batch.run, batch.first, batch.last, now_s=self._state.clock.monotonic())
        self._sent.set()

    def release(self, run: str, first: int, last: int) -> int:
        """Free the range, which the store has confirmed; return how many entries that freed."""
        state = self._state
        freed = state.ledger.release(run, first, last)
        if freed:
            state.note_released(run, first, last)
            origin = state.origin._replace(run=run)
            self._note(Record(Kind.RELEASED, origin, payload=pack_ranges([(first, last)])))
        return freed

    def backlog(self) -> Backlog:
        """Return what waits."""
        state = self._state
        oldest = state.ledger.oldest()
        size_bytes, oldest_ms = state.ledger.recent_bytes, None
        if oldest is not None:
            run, sequence = oldest
            place = state.places.find(run, sequence)
            kept = state.ledger.recent(run).get(sequence)
            if kept is not None:
                oldest_ms = state.times.anchors.time_ms(kept.entry, kept.origin.boot)
            elif place is not None:
                begun = self._ring.generation - state.generations[place.segment] + 1
                size_bytes += min(begun, len(state.generations)) * self._ring.segment_bytes
                shift_ms = state.shift_ms(place)
                oldest_ms = None if shift_ms is None else place.time_of(sequence) + shift_ms
        capacity_bytes = self._ring.capacity * self._ring.segment_bytes
        return Backlog(state.ledger.waiting, oldest_ms, size_bytes, capacity_bytes)

    async def wait(self) -> None:
        """Return when something may be ready to be sent."""
        await asyncio.sleep(0)
        while True:
            self._state.ledger.expire(self._state.clock.monotonic())
            if self._state.ledger.is_any_ready:
                return
            self._ready.clear()
            await self._ready.wait()

    def wake(self) -> None:
        """Let those who wait look again."""
        self._ready.set()

    async def resend(self, since_ms: int) -> int:
        """Offer again what is still held since then, receipt or not; return how many entries that are.

        Args:
            since_ms: UTC. Up to some thousand entries before it may come with them.
        """
        resent = await self._again.offer(since_ms)
        self.wake()
        return resent.offered

    @property
    def resent(self) -> Resent:
        """What the last `resend` offered."""
        return self._again.resent

    def resent_waiting(self) -> int:
        """Return how many of what the last `resend` offered have no receipt yet."""
        return self._again.left()

    async def begin(self) -> None:
        """Return when flash knows of this start, so that a power cut is declared whatever comes; 5 s at most.

        To be awaited once, after what the opening declared was appended and before anything is sampled.
        """
        await self._flusher.begin()

    async def run(self) -> None:
        """Bring to flash what must go there, and wake who waits; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._flusher.run(), name="spool[flusher]")
            tasks.create_task(self._keep_waking(), name="spool[expiry]")

    async def close(self) -> None:
        """Bring everything to flash and say that this was a clean stop; `run` must have ended, nothing may follow."""
        await self._flusher.finish()
        self._worker.shutdown(wait=False)

    async def _keep_waking(self) -> None:
        ledger, clock = self._state.ledger, self._state.clock
        while True:
            due_s = ledger.next_expiry_s()
            if due_s is None:
                self._sent.clear()
                await self._sent.wait()
            else:
                await clock.sleep_until(due_s)
                ledger.expire(clock.monotonic())
                self.wake()

    def _append(self, entry: Entry) -> int:
        if len(entry.body) > self._most_body_bytes:
            raise ValueError(f"an entry of {len(entry.body)} bytes; the limit is {self._most_body_bytes}")
        state = self._state
        spooled = state.times.enter(entry, state.clock.utc_ms)
        sequence = state.next_sequence
        state.next_sequence = sequence + 1
        kept = Kept(spooled, state.origin, state.clock.monotonic(), self._put(spooled, sequence))
        is_timed = spooled.stamp is not Stamp.NONE
        state.ledger.keep(state.origin.run, sequence, kept, timed=is_timed)
        if is_timed:
            self._ready.set()
        if state.is_exposed and state.ledger.recent_bytes > state.setup.memory_bytes:
            self._overflow.trim()
        self._flusher.notice()
        gap = self._overflow.undeclared()
        if gap is not None:
            self._overflow.declared(gap, *self.declare(gap))
        return sequence

    def _put(self, entry: SpooledEntry, sequence: int) -> Shelf | None:
        """Write into the RAM tier; what it cannot take is exposed until it is on flash."""
        state = self._state
        if state.tier is None:
            return None
        try:
            try:
                shelf = state.tier.put_entry(entry, sequence)
            except TierFull as full:
                self._overflow.clear(full.shelf)
                shelf = state.tier.put_entry(entry, sequence)
        except SpoolError as exc:
            state.health.memory_failures += 1
            state.health.last_error = str(exc)
            state.is_exposed = True
            return None
        state.is_exposed = False
        return shelf

    def _note(self, record: Record) -> None:
        """Write into the RAM tier what is worth knowing after the death of this process."""
        if self._state.tier is not None:
            with suppress(SpoolError):
                self._state.tier.put_note(record)
