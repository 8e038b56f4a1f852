"""A spool in memory: the contract of the seam without disk, boot or compaction."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.core.clock import Clock
from gateway.core.protocols import Backlog, Batch, Entry
from gateway.wire.line import mark_uncertain, stamp


@dataclass(slots=True)
class _Record:
    """One entry with what has become of it."""

    run: str
    sequence: int
    catalogue: str
    entry: Entry
    sent_s: float | None = None


class FakeSpool:
    """Keeps entries until they are released; `run` and `catalogue` of new entries may be changed at any time."""

    def __init__(self, clock: Clock, *, run: str = "0" * 16, catalogue: str = "0" * 8, resend_s: float = 30.0) -> None:
        self.run = run
        self.catalogue = catalogue
        self._clock = clock
        self._resend_s = resend_s
        self._records: dict[tuple[str, int], _Record] = {}
        self._next: dict[str, int] = {}
        self._changed = asyncio.Event()

    def append(self, entry: Entry) -> None:
        sequence = self._next.get(self.run, 0)
        self._next[self.run] = sequence + 1
        self._records[self.run, sequence] = _Record(self.run, sequence, self.catalogue, entry)
        self._changed.set()

    def anchor(self, offset_ms: int, *, uncertain: bool) -> None:
        for record in self._records.values():
            if record.entry.time_ms is None:
                body = mark_uncertain(record.entry.body) if uncertain else record.entry.body
                time_ms = record.entry.monotonic_ms + offset_ms
                record.entry = Entry(body, record.entry.monotonic_ms, time_ms)
        self._changed.set()

    async def next_batch(self, *, order: Literal["newest", "oldest"], max_lines: int, max_bytes: int) -> Batch | None:
        await asyncio.sleep(0)
        taken: list[tuple[_Record, bytes]] = []
        size = 0
        for record in filter(self._is_ready, self._ordered(order)):
            line = stamp(record.entry.body, record.entry.time_ms or 0)
            size += len(line) + 1
            if taken and (len(taken) == max_lines or size > max_bytes or not _adjacent(taken[-1][0], record)):
                break
            taken.append((record, line))
        if not taken:
            return None
        if order == "newest":
            taken.reverse()
        first, last = taken[0][0], taken[-1][0]
        return Batch(first.run, first.sequence, last.sequence, first.catalogue, tuple(line for _, line in taken))

    def sent(self, batch: Batch) -> None:
        for record in self._range(batch.run, batch.first, batch.last):
            record.sent_s = self._clock.monotonic()

    def release(self, run: str, first: int, last: int) -> int:
        gone = self._range(run, first, last)
        for record in gone:
            del self._records[record.run, record.sequence]
        return len(gone)

    def backlog(self) -> Backlog:
        times = [record.entry.time_ms for record in self._records.values() if record.entry.time_ms is not None]
        size = sum(len(record.entry.body) for record in self._records.values())
        return Backlog(len(self._records), min(times, default=None), size, 1 << 30)

    async def wait(self) -> None:
        while not any(map(self._is_ready, self._records.values())):
            self._changed.clear()
            sent = [record.sent_s for record in self._records.values() if record.sent_s is not None]
            changed = asyncio.ensure_future(self._changed.wait())
            due = asyncio.ensure_future(self._clock.sleep_until(min(sent, default=1e15) + self._resend_s))
            try:
                await asyncio.wait({changed, due}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                due.cancel()

    def _ordered(self, order: Literal["newest", "oldest"]) -> Iterable[_Record]:
        return reversed(self._records.values()) if order == "newest" else self._records.values()

    def _is_ready(self, record: _Record) -> bool:
        if record.entry.time_ms is None:
            return False
        return record.sent_s is None or self._clock.monotonic() - record.sent_s >= self._resend_s

    def _range(self, run: str, first: int, last: int) -> list[_Record]:
        found = (self._records.get((run, sequence)) for sequence in range(first, last + 1))
        return [record for record in found if record is not None]


def _adjacent(one: _Record, other: _Record) -> bool:
    """Return whether two records may stand in one batch."""
    alike = one.run == other.run and one.catalogue == other.catalogue
    return alike and abs(one.sequence - other.sequence) == 1
