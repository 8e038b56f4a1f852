"""Which entries wait, are on their way, or wait for their time; and those that are still in memory. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.spool.ranges import RangeSet
from gateway.spool.record import MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, Origin, SpooledEntry, Stamp
from gateway.spool.tier import Shelf

Order = Literal["newest", "oldest"]
Stretch = tuple[str, int, int]
"""Run, first and last sequence number."""


@dataclass(slots=True, eq=False)
class Kept:
    """One entry that is not safe on flash yet."""

    entry: SpooledEntry
    origin: Origin
    appended_s: float
    """On the monotonic clock."""
    shelf: Shelf | None
    """Where it is in the RAM tier, None when it is only here."""
    is_written: bool = False
    """It is in the page cache of the flash file system, but not synced."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Consecutive entries that go into one block."""

    origin: Origin
    first: int
    entries: tuple[SpooledEntry, ...]

    @property
    def last(self) -> int:
        """Sequence number of the last."""
        return self.first + len(self.entries) - 1


@dataclass(slots=True, eq=False)
class _Run:
    name: str
    boot: str
    rank: int
    ready: RangeSet = field(default_factory=RangeSet)
    flight: RangeSet = field(default_factory=RangeSet)
    untimed: RangeSet = field(default_factory=RangeSet)
    recent: dict[int, Kept] = field(default_factory=dict)

    @property
    def sets(self) -> tuple[RangeSet, RangeSet, RangeSet]:
        return self.ready, self.flight, self.untimed

    @property
    def count(self) -> int:
        return self.ready.count + self.flight.count + self.untimed.count


class Ledger:
    """The state of every waiting entry, in ranges; what the store has confirmed is not in it.

    Args:
        resend_after_s: What was sent and got no receipt is ready again after this time.
    """

    def __init__(self, *, resend_after_s: float) -> None:
        self._resend_after_s = resend_after_s
        self._runs: dict[str, _Run] = {}
        self._flights: deque[tuple[float, str, int, int]] = deque()
        self.waiting = 0
        """Entries without receipt."""
        self.recent_bytes = 0
        """Of the entries in memory."""

    def open_run(self, name: str, boot: str, *, rank: int) -> None:
        """Take in a run; those of lower rank are older."""
        if name in self._runs:
            return
        runs = [*self._runs.values(), _Run(name, boot, rank)]
        self._runs = {run.name: run for run in sorted(runs, key=lambda each: each.rank)}

    def keep(self, name: str, sequence: int, kept: Kept, *, timed: bool) -> None:
        """Take in an entry that stays in memory until it is released or on flash."""
        run = self._runs[name]
        run.recent[sequence] = kept
        (run.ready if timed else run.untimed).add(sequence, sequence)
        if kept.shelf is not None:
            kept.shelf.live += 1
        self.waiting += 1
        self.recent_bytes += len(kept.entry.body)

    def hold(self, stretch: Stretch, *, timed: bool) -> None:
        """Take in entries that are on flash."""
        name, first, last = stretch
        run = self._runs[name]
        self.waiting -= run.count
        for each in run.sets:
            each.remove(first, last)
        (run.ready if timed else run.untimed).add(first, last)
        self.waiting += run.count

    def settle(self, name: str, first: int, last: int) -> None:
        """Let go of entries in memory, because they are on flash now."""
        run = self._runs.get(name)
        if run is not None:
            self._let_go(run, first, last)

    def release(self, name: str, first: int, last: int) -> int:
        """Forget entries, and return how many of them waited."""
        run = self._runs.get(name)
        if run is None or first > last:
            return 0
        freed = sum(each.remove(first, last) for each in run.sets)
        self.waiting -= freed
        if freed:
            self._let_go(run, first, last)
        return freed

    def sent(self, name: str, first: int, last: int, *, now_s: float) -> None:
        """Note that entries are on their way."""
        run = self._runs.get(name)
        if run is None or first > last:
            return
        for start, end in run.ready.overlap(first, last):
            run.ready.remove(start, end)
            run.flight.add(start, end)
            self._flights.append((now_s + self._resend_after_s, name, start, end))

    def expire(self, now_s: float) -> None:
        """Make ready again what was sent too long ago."""
        while self._flights and self._flights[0][0] <= now_s:
            _, name, first, last = self._flights.popleft()
            run = self._runs.get(name)
            if run is None:
                continue
            for start, end in run.flight.overlap(first, last):
                run.flight.remove(start, end)
                run.ready.add(start, end)

    def next_expiry_s(self) -> float | None:
        """Return when something that was sent will be ready again, None when nothing is on its way."""
        return self._flights[0][0] if self._flights else None

    def make_timed(self, name: str, first: int, last: int) -> None:
        """Make ready what waited for its time."""
        run = self._runs[name]
        for start, end in run.untimed.overlap(first, last):
            run.untimed.remove(start, end)
            run.ready.add(start, end)

    def untimed(self) -> list[tuple[str, Stretch]]:
        """Return what waits for its time, each with its boot."""
        return [(run.boot, (run.name, first, last)) for run in self._runs.values() for first, last in run.untimed]

    def choose(self, order: Order) -> Stretch | None:
        """Return the oldest or newest range that is ready, None when there is none."""
        runs = self._runs.values() if order == "oldest" else reversed(self._runs.values())
        for run in runs:
            stretch = run.ready.lowest if order == "oldest" else run.ready.highest
            if stretch is not None:
                return (run.name, *stretch)
        return None

    @property
    def is_any_ready(self) -> bool:
        """Whether something may be sent."""
        return any(run.ready for run in self._runs.values())

    def is_ready(self, name: str, first: int, last: int) -> bool:
        """Return whether all of these may be sent."""
        return name in self._runs and self._runs[name].ready.covers(first, last)

    def is_flying(self, name: str, sequence: int) -> bool:
        """Return whether an entry is on its way."""
        return name in self._runs and sequence in self._runs[name].flight

    def overlap(self, name: str, first: int, last: int) -> list[tuple[int, int]]:
        """Return which of these wait, in any state."""
        run = self._runs.get(name)
        return sorted(part for each in run.sets for part in each.overlap(first, last)) if run else []

    def recent(self, name: str) -> Mapping[int, Kept]:
        """Return the entries of a run that are in memory."""
        run = self._runs.get(name)
        return run.recent if run else {}

    def oldest(self) -> tuple[str, int] | None:
        """Return run and sequence number of the oldest waiting entry."""
        for run in self._runs.values():
            lowest = [each.lowest[0] for each in run.sets if each.lowest]
            if lowest:
                return run.name, min(lowest)
        return None

    def in_memory(self) -> Iterator[tuple[str, int, Kept]]:
        """Yield the entries in memory, oldest first within each run."""
        for run in self._runs.values():
            for sequence, kept in run.recent.items():
                yield run.name, sequence, kept

    def unwritten(self) -> Iterator[tuple[str, int, Kept]]:
        """Yield the entries that are in memory only, oldest first within each run."""
        return (each for each in self.in_memory() if not each[2].is_written)

    def written(self) -> Iterator[Kept]:
        """Yield the entries that are on flash but not synced."""
        for run in self._runs.values():
            yield from (kept for kept in run.recent.values() if kept.is_written)

    def forget_idle_runs(self, keep: frozenset[str]) -> None:
        """Drop runs of which nothing waits, except those named."""
        self._runs = {name: run for name, run in self._runs.items() if run.count or name in keep}

    def _let_go(self, run: _Run, first: int, last: int) -> None:
        recent = run.recent
        if last - first >= len(recent):
            sequences = [sequence for sequence in recent if first <= sequence <= last]
        else:
            sequences = [sequence for sequence in range(first, last + 1) if sequence in recent]
        for sequence in sequences:
            kept = recent.pop(sequence)
            self.recent_bytes -= len(kept.entry.body)
            if kept.shelf is not None:
                kept.shelf.live -= 1


def drafts(entries: Iterable[tuple[int, Origin, SpooledEntry]]) -> list[Draft]:
    """Return blocks of consecutive entries of one origin and one kind of stamp."""
    made: list[Draft] = []
    group: list[SpooledEntry] = []
    first, size_bytes, key = 0, 0, (Origin("", "", ""), Stamp.NONE)
    for sequence, origin, entry in entries:
        full = len(group) >= MAX_BLOCK_ENTRIES or size_bytes + len(entry.body) > MAX_BLOCK_BYTES
        if group and (full or sequence != first + len(group) or key != (origin, entry.stamp)):
            made.append(Draft(key[0], first, tuple(group)))
            group = []
        if not group:
            first, size_bytes, key = sequence, 0, (origin, entry.stamp)
        group.append(entry)
        size_bytes += len(entry.body)
    if group:
        made.append(Draft(key[0], first, tuple(group)))
    return made
