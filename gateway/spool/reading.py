"""From entries to batches: in memory, or in the bytes of one segment. Pure."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.protocols import Batch
from gateway.spool.anchors import Anchors
from gateway.spool.ledger import Order, Stretch
from gateway.spool.record import Origin, Record, SpooledEntry, unpack_entries
from gateway.spool.segment import scan

Lookup = Callable[[int], tuple[SpooledEntry, Origin] | None]
"""Sequence number → entry, None where it is not at hand."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a batch may be."""

    order: Order
    max_lines: int
    max_bytes: int


class LoadedSegment:
    """The entries of one segment, unpacked block by block as they are asked for."""

    def __init__(self, segment: bytes, *, generation: int, limit: int) -> None:
        self._blocks: dict[str, list[Record]] = {}
        found = scan(segment, limit=limit)
        for record in found.records if found.generation == generation else ():
            if record.holds_entries:
                self._blocks.setdefault(record.origin.run, []).append(record)
        for blocks in self._blocks.values():
            blocks.sort(key=_first)
        self._unpacked: tuple[Record, tuple[SpooledEntry, ...]] | None = None

    def runs(self) -> list[str]:
        """Return the runs that have entries here."""
        return list(self._blocks)

    def blocks(self, run: str) -> list[Record]:
        """Return the blocks of a run in ascending order."""
        return self._blocks.get(run, [])

    def find(self, run: str, sequence: int) -> tuple[SpooledEntry, Origin] | None:
        """Return one entry, None when it is not here or cannot be read."""
        blocks = self._blocks.get(run, [])
        index = bisect_right(blocks, sequence, key=_first) - 1
        if index < 0 or blocks[index].last < sequence:
            return None
        block = blocks[index]
        entries = self.unpack(block)
        return (entries[sequence - block.first], block.origin) if entries else None

    def unpack(self, block: Record) -> tuple[SpooledEntry, ...]:
        """Return the entries of a block, none when it cannot be read."""
        if self._unpacked is None or self._unpacked[0] is not block:
            self._unpacked = (block, unpack_entries(block) or ())
        return self._unpacked[1]

    def readable_from(self, run: str, sequence: int) -> int | None:
        """Return the lowest sequence number from here upwards that can be read."""
        for block in self._blocks.get(run, []):
            if block.last >= sequence and self.unpack(block):
                return max(block.first, sequence)
        return None

    def readable_to(self, run: str, sequence: int) -> int | None:
        """Return the highest sequence number from here downwards that can be read."""
        for block in reversed(self._blocks.get(run, [])):
            if block.first <= sequence and self.unpack(block):
                return min(block.last, sequence)
        return None

    def neighbours(self, run: str, first: int, last: int) -> tuple[Record | None, Record | None]:
        """Return the blocks next to a stretch that is missing here."""
        blocks = self._blocks.get(run, [])
        before = next((block for block in reversed(blocks) if block.last < first), None)
        return before, next((block for block in blocks if block.first > last), None)


def collect(lookup: Lookup, stretch: Stretch, wish: Wish, *, anchors: Anchors) -> Batch | None:
    """Return what of the stretch fits into one batch, None when its end to start from is not at hand.

    A single line is taken however long it is, so that none can stand in the way for ever.
    """
    run, first, last = stretch
    step = 1 if wish.order == "oldest" else -1
    sequence = start = first if wish.order == "oldest" else last
    lines: list[bytes] = []
    size_bytes, catalogue = 0, ""
    while first <= sequence <= last and len(lines) < wish.max_lines:
        found = lookup(sequence)
        line = anchors.line(found[0], found[1].boot) if found else None
        if found is None or line is None or (lines and found[1].catalogue != catalogue):
            break
        size_bytes += len(line) + 1
        if lines and size_bytes > wish.max_bytes:
            break
        lines.append(line)
        catalogue = found[1].catalogue
        sequence += step
    if not lines:
        return None
    if wish.order == "oldest":
        return Batch(run, start, sequence - 1, catalogue, tuple(lines))
    return Batch(run, sequence + 1, start, catalogue, tuple(reversed(lines)))


def _first(record: Record) -> int:
    return record.first
