"""Which readouts are on their way into the stores and which are there since lately: pure.

A gateway that waits too long for a receipt sends the same readouts again, perhaps cut into other batches. A sequence
number is never issued twice with different content, so ranges say enough.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

Range = tuple[int, int]
"""First and last sequence number, both included."""

_RUNS = 20_000


class Standing(Enum):
    """What is known of a batch that arrives."""

    NEW = auto()
    UNDER_WAY = auto()
    """All of it is; its receipt will follow."""
    STORED = auto()
    """All of it is, since lately; its receipt may be repeated."""


@dataclass(slots=True)
class _Run:
    under_way: list[Range] = field(default_factory=list)
    stored: list[Range] = field(default_factory=list)
    """In the present period, merged."""
    stored_before: list[Range] = field(default_factory=list)
    """In the period before."""
    period: int = 0
    repeats: list[Range] = field(default_factory=list)
    """Batches that wait for a receipt because others hold their readouts."""

    def lately(self) -> list[Range]:
        return _merged([*self.stored, *self.stored_before])


class Ledger:
    """Tells what comes again from what is new.

    Args:
        remembered_s: Stored readouts are known for this time, and at most twice as long.
    """

    def __init__(self, *, remembered_s: float) -> None:
        self._remembered_s = remembered_s
        self._runs: OrderedDict[tuple[str, str], _Run] = OrderedDict()

    def arrive(self, site: str, run: str, batch: Range, *, now_s: float) -> Standing:
        """Return the standing of a batch, and note it: it is under way now if it is new."""
        known = self._run(site, run, now_s)
        if _covers(known.lately(), batch):
            return Standing.STORED
        if _covers(_merged([*known.lately(), *known.under_way]), batch):
            if batch not in known.under_way and batch not in known.repeats:
                known.repeats.append(batch)
            return Standing.UNDER_WAY
        known.under_way.append(batch)
        return Standing.NEW

    def store(self, site: str, run: str, batch: Range, *, now_s: float) -> list[Range]:
        """Note that a batch is in every store; return what gets a receipt now: the batch, and what it answers."""
        known = self._run(site, run, now_s)
        _discard(known.under_way, batch)
        known.stored = _merged([*known.stored, batch])
        lately = known.lately()
        answered = [each for each in known.repeats if _covers(lately, each)]
        known.repeats = [each for each in known.repeats if each not in answered]
        return [batch, *answered]

    def abandon(self, site: str, run: str, batch: Range, *, now_s: float) -> None:
        """Note that a batch did not get into every store: neither it nor what waits for it gets a receipt."""
        known = self._run(site, run, now_s)
        _discard(known.under_way, batch)
        left = _merged([*known.lately(), *known.under_way])
        known.repeats = [each for each in known.repeats if _covers(left, each)]

    def _run(self, site: str, run: str, now_s: float) -> _Run:
        known = self._runs.setdefault((site, run), _Run())
        self._runs.move_to_end((site, run))
        if len(self._runs) > _RUNS:
            self._runs.popitem(last=False)
        period = int(now_s / self._remembered_s)
        if period != known.period:
            known.stored_before = known.stored if period == known.period + 1 else []
            known.stored, known.period = [], period
        return known


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _covers(merged: Iterable[Range], batch: Range) -> bool:
    return any(first <= batch[0] and batch[1] <= last for first, last in merged)


def _discard(ranges: list[Range], batch: Range) -> None:
    if batch in ranges:
        ranges.remove(batch)
