"""When there is a round, and the one thread that waits for the disk."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from gateway.core.errors import SpoolError
from gateway.core.notices import Notices
from gateway.core.readout import Event
from gateway.spool.adoption import adopt_ring, estimate, ring_losses
from gateway.spool.eviction import gap_of
from gateway.spool.order import Landed, WriteOrder
from gateway.spool.reading import LoadedSegment
from gateway.spool.record import Record
from gateway.spool.recovery import RingFound, find_ring
from gateway.spool.ring import FlashRing
from gateway.spool.rounds import Occasion, Rounds
from gateway.spool.state import SpoolState
from gateway.spool.thinning import Thinned, thin

_LOG = logging.getLogger(__name__)
_FIRST_DELAY_S = 5.0
_LONGEST_DELAY_S = 60.0
_BEGIN_S = 5.0
_FINISH_S = 20.0
_FINISH_ROUNDS = 16
_LOADED = 2
"""Segments kept in memory: where live data and where backlog is read."""
_KEPT_SHARE = 16
"""Part of a segment that may be kept of an old one."""
_NOTHING = Thinned((), 0, 0, 0, 0)

P = ParamSpec("P")
R = TypeVar("R")


class Host(Protocol):
    """What the flusher asks of its spool."""

    def wake(self) -> None:
        """Say that something may be ready."""

    def declare(self, event: Event) -> tuple[str, int]:
        """Append an event; return its run and sequence number."""


class Flusher:
    """Brings to flash what has no receipt in time, and reads it back.

    Args:
        state: Entries and where they are.
        ring: On flash.
        worker: One thread, where alone the ring is touched.
        host: The spool.
        found: What was on flash at the start, None when it could not be read.
    """

    def __init__(
        self, state: SpoolState, ring: FlashRing, *, worker: Executor, host: Host, found: RingFound | None
    ) -> None:
        self._state = state
        self._ring = ring
        self._worker = worker
        self._host = host
        self._rounds = Rounds(state, ring)
        self._is_adopted = found is not None
        self._lock = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self._flying: asyncio.Future[Landed] | None = None
        self._last_round_s = self._last_sync_s = self._retry_s = float("-inf")
        self._delay_s = _FIRST_DELAY_S
        self._loaded: OrderedDict[str, tuple[tuple[int, int], LoadedSegment]] = OrderedDict()
        self._notices = Notices()
        if found is not None:
            self._rounds.take_over(found)

    def notice(self, *, urgent: bool = False) -> None:
        """Take note that something is to be flushed; urgent where it cannot wait its time."""
        self._dirty.set()
        if urgent or self._state.is_exposed:
            self._urgent.set()

    async def run(self) -> None:
        """Flush for ever; whatever the disk does, keep, come back, and write again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_marking(), name="spool[mark]")
            tasks.create_task(self._keep_flushing(), name="spool[flush]")
            tasks.create_task(self._keep_hurrying(), name="spool[urgent]")

    async def begin(self) -> None:
        """Return when a sign of life is on flash; a disk that refuses or hangs is not waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_BEGIN_S):
                await self._round(forced=True)

    async def finish(self) -> None:
        """Write everything and the sign of a clean stop; where the disk refuses, leave it to the RAM tier."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                if self._flying is not None:
                    await asyncio.wait({self._flying})
                for _ in range(_FINISH_ROUNDS):
                    await self._round(forced=True, stop=True)
                    if self._state.health.is_refusing or self._due_s() is None:
                        return

    async def load(self, name: str) -> LoadedSegment:
        """Return a segment with its entries.

        Raises:
            SpoolError: it cannot be read.
        """
        generation = self._state.generations.get(name, -1)
        version = (generation, self._state.health.rounds if name in self._rounds.busy() else -1)
        if name not in self._loaded or self._loaded[name][0] != version:
            self._loaded[name] = (version, await self.in_worker(self._load, name, generation))
        self._loaded.move_to_end(name)
        while len(self._loaded) > _LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[name][1]

    async def in_worker(self, job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a function returns in the thread that waits for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, partial(job, *args, **kwargs))

    async def _keep_flushing(self) -> None:
        while True:
            await self._dirty.wait()
            due_s = self._due_s()
            if due_s is None:
                self._dirty.clear()
            elif self._now_s() < due_s:
                await self._state.clock.sleep_until(due_s)
            else:
                await self._round()

    async def _keep_hurrying(self) -> None:
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            await self._round()

    async def _keep_marking(self) -> None:
        while True:
            due_s = max(self._last_sync_s + self._state.setup.mark_every_s, self._retry_s)
            if self._now_s() < due_s:
                await self._state.clock.sleep_until(due_s)
            else:
                await self._round(forced=True)

    def _due_s(self) -> float | None:
        """Return when the next round is due, None when there is nothing to write."""
        state, setup = self._state, self._state.setup
        due: list[float] = []
        eviction = self._rounds.evictions.current
        if state.times.pending or self._rounds.doubtful or (eviction and eviction.remaining):
            due.append(self._last_round_s)
        first = next(state.ledger.unwritten(), None)
        if first is not None:
            is_pressing = state.is_exposed or self._rounds.is_short or (state.tier is not None and state.tier.crowded)
            patient_s = max(first[2].appended_s + setup.flush_after_s, self._last_round_s + setup.round_every_s)
            due.append(self._last_round_s if is_pressing else patient_s)
        if next(state.ledger.written(), None) is not None:
            due.append(self._sync_due_s())
        return max(min(due), self._retry_s) if due else None

    def _sync_due_s(self) -> float:
        written = next(self._state.ledger.written(), None)
        first_s = written.appended_s if written else self._now_s()
        return max(first_s + self._state.setup.flush_after_s, self._last_sync_s + self._state.setup.round_every_s)

    def _must_sync(self) -> bool:
        is_due = not self._state.is_exposed or self._now_s() >= self._sync_due_s()
        return is_due or bool(self._state.times.pending) or self._rounds.evictions.current is not None

    async def _round(self, *, forced: bool = False, stop: bool = False) -> None:
        """Write what waits; unless forced, only if it is due still when the round before has ended."""
        async with self._lock:
            due_s = self._due_s()
            if not forced and (due_s is None or due_s > self._now_s()):
                return
            self._last_round_s = self._now_s()
            try:
                if not self._is_adopted:
                    await self._adopt()
                copies = await self._copies()
                await self._make_room()
            except SpoolError as exc:
                self._refused(exc)
                return
            await self._write(self._rounds.order(copies, Occasion(sync=forced or self._must_sync(), stop=stop)))

    async def _write(self, order: WriteOrder) -> None:
        """Write in the thread; what it did is noted even when this task is cancelled meanwhile."""
        future = asyncio.get_running_loop().run_in_executor(self._worker, self._ring.write, order)
        self._flying = future
        future.add_done_callback(partial(self._done, order, self._last_round_s))
        with suppress(SpoolError):
            await asyncio.shield(future)

    def _done(self, order: WriteOrder, started_s: float, future: asyncio.Future[Landed]) -> None:
        self._flying = None
        refusal = None if future.cancelled() else future.exception()
        if isinstance(refusal, SpoolError):
            self._refused(refusal)
            return
        if future.cancelled() or refusal is not None:
            return
        landed = future.result()
        was_unproven = self._state.undeclared_ms is not None
        self._rounds.landed(order, landed)
        is_all = landed.is_all_of(order)
        if not is_all and not landed.written:
            self._refused(landed.refusal or SpoolError("the ring is full"))
            return
        if landed.synced and is_all:
            # The first round takes over what was left; only a second one can say that this is on flash.
            self._last_sync_s = float("-inf") if was_unproven else started_s
        self._recovered()
        self._host.wake()

    def _refused(self, refusal: SpoolError) -> None:
        health = self._state.health
        health.is_refusing = True
        health.failures += 1
        health.last_error = str(refusal)
        self._rounds.refused(refusal)
        self._retry_s = self._now_s() + self._delay_s
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        line = self._notices.failed("flash", f"spool: {refusal}; sampling goes on in memory", now_s=self._now_s())
        if line:
            _LOG.error(line)
        self._dirty.set()
        self._host.wake()

    def _recovered(self) -> None:
        self._state.health.is_refusing = False
        self._delay_s = _FIRST_DELAY_S
        if self._notices.recovered("flash"):
            _LOG.info("spool: the disk takes writes again")

    async def _adopt(self) -> None:
        """Take over a ring that could not be read at the start."""
        found = await self.in_worker(find_ring, self._ring.files, segment_bytes=self._ring.segment_bytes)
        adopt_ring(self._state, self._ring, found, released={})
        estimate(self._state)
        self._is_adopted = True
        self._rounds.take_over(found)
        for event in ring_losses(self._state, found):
            self._host.declare(event)

    async def _copies(self) -> list[Record]:
        """Return the blocks that must leave segments whose last sync failed."""
        copies: dict[int, Record] = {}
        self._rounds.rescued = []
        for name in sorted(self._rounds.doubtful):
            wanted = self._rounds.to_copy(name)
            with suppress(SpoolError):
                segment = await self.load(name) if wanted else None
                for run, first, last in wanted if segment else ():
                    blocks = segment.blocks(run) if segment else []
                    copies |= {id(block): block for block in blocks if block.first <= last and block.last >= first}
            self._rounds.rescued.append(name)
        return list(copies.values())

    async def _make_room(self) -> None:
        """Give up the oldest segment when the ring is full, but for what must be kept of it."""
        evictions = self._rounds.evictions
        chosen = None
        if evictions.current is None and self._rounds.is_crowded():
            chosen = evictions.candidate(self._rounds.busy())
        if chosen is None:
            return
        name, waiting = chosen
        thinned = _NOTHING
        with suppress(SpoolError):
            thinned = await self.in_worker(
                thin,
                await self.load(name),
                waiting,
                anchors=self._state.times.anchors,
                counters=frozenset(counter.encode() for counter in self._state.setup.counters),
                most_bytes=self._ring.segment_bytes // _KEPT_SHARE,
            )
        missing = sum(ranges.count for ranges in waiting.values()) - thinned.read
        spans = [place.span for place in self._state.places.of_segment(name)]
        gap = gap_of(thinned, missing, (min(s.time_ms for s in spans), max(s.last_ms for s in spans)))
        evictions.begin(name, thinned, self._host.declare(gap) if gap else None)

    def _load(self, name: str, generation: int) -> LoadedSegment:
        return LoadedSegment(self._ring.load(name), generation=generation, limit=self._ring.limit)

    def _now_s(self) -> float:
        return self._state.clock.monotonic()
