"""The flash ring: segments of one size, begun one after the other and used again in place. Used by one thread only."""

import re
from collections.abc import Sequence
from contextlib import suppress

from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from gateway.spool.ledger import Draft
from gateway.spool.order import Doubtful, Landed, WriteOrder
from gateway.spool.record import HEADER_BYTES, Kind, Origin, Record, encode_record, pack_block
from gateway.spool.segment import (
    PAGE_BYTES,
    Span,
    encode_header,
    encode_summary,
    join,
    span_of,
)

NAME = re.compile(r"ring-\d{6}\.seg")
LEAST_SEGMENTS = 4
_STRETCH_BYTES = 65_536


class FlashRing:
    """Writes records into the active segment, and begins the next one when it is full.

    Args:
        files: On flash.
        segment_bytes: Size of a segment, a multiple of the page.
        capacity: Most segments ever made.
    """

    def __init__(self, files: Files, *, segment_bytes: int, capacity: int) -> None:
        self.files = files
        self.segment_bytes = segment_bytes
        self.limit = segment_bytes - PAGE_BYTES
        """Records end before this offset."""
        self.capacity = max(LEAST_SEGMENTS, capacity)
        self.count = 0
        """Segments there are."""
        self.growth_refused = False
        """The last attempt to make a segment failed."""
        self.active: str | None = None
        self.generation = 0
        """Of the segment begun last."""
        self._position = 0
        self._dry = 0
        """Blocks of the active segment from here on may never have been written."""
        self._spans: list[Span] = []
        self._origin = Origin("0" * 16, "0" * 8, "0" * 16)
        self._unsynced: list[str] = []
        self._opened: list[tuple[str, int]] = []
        self._unused: list[str] = []
        self._numbers: set[int] = set()
        self._misshapen: set[str] = set()
        self._spare: list[str] = []

    @property
    def room_bytes(self) -> int:
        """What the active segment still takes."""
        return self.limit - self._position if self.active else 0

    @property
    def can_grow(self) -> bool:
        """Whether another segment can be had without giving up anything."""
        return bool(self._unused) or (self.count < self.capacity and not self.growth_refused)

    def adopt(self, names: Sequence[str], *, unused: Sequence[str], misshapen: Sequence[str], generation: int) -> None:
        """Take over the segments that were found.

        Args:
            names: All of them.
            unused: Those that hold nothing.
            misshapen: Those of another size, which must be made anew before they are used again.
            generation: The highest there is.
        """
        self.count = len(names)
        self._numbers = {int(name[5:11]) for name in names}
        self._unused = list(unused)
        self._misshapen = set(misshapen)
        self.generation = generation

    def resume(self, name: str, generation: int, *, position: int, spans: Sequence[Span]) -> None:
        """Go on writing a segment that was found."""
        self.active, self.generation, self._spans = name, generation, list(spans)
        self._position = position
        self._dry = position + -position % PAGE_BYTES

    def write(self, order: WriteOrder) -> Landed:
        """Write as much of the order as there is room for, and sync if it says so.

        Raises:
            Doubtful: a sync failed.
            SpoolError: the disk refused; nothing of the order counts as written.
        """
        landed = Landed()
        self._spare = [name for name in order.spare if name != self.active]
        try:
            for name, offset, length in order.blanks:
                self._store(name, offset, bytes(length), landed)
            for name, offset, length in order.again:
                self._rewrite(name, offset, length, landed)
            self._fill(order, landed)
        except SpoolError:
            # What a failed write left behind is unknown, so nothing may follow it in this segment.
            self.active = None
            raise
        if order.sync:
            self._sync()
            landed.synced = True
        landed.opened, self._opened = self._opened, []
        return landed

    def load(self, name: str) -> bytes:
        """Return a whole segment.

        Raises:
            SpoolError: it cannot be read.
        """
        return self.files.read(name)

    def _fill(self, order: WriteOrder, landed: Landed) -> None:
        records = [*order.notes, *order.copies, *map(_packed, order.drafts), *order.closing]
        is_fresh = False
        while records:
            room = self._room(records, order.reserve_bytes)
            if room:
                self._put(records[:room], landed)
                records = records[room:]
            elif is_fresh:
                raise SpoolError(f"a record of {len(records[0].payload)} bytes does not fit into a segment")
            elif not self._begin(order, landed):
                return
            is_fresh = not room

    def _room(self, records: Sequence[Record], reserve_bytes: int) -> int:
        """Return how many of the records the active segment still takes."""
        is_last = not self.can_grow and not self._spare
        room_bytes = self.room_bytes - (reserve_bytes if is_last else 0)
        for count, record in enumerate(records):
            room_bytes -= HEADER_BYTES + len(record.payload)
            if room_bytes < 0:
                return count
        return len(records)

    def _put(self, records: Sequence[Record], landed: Landed) -> None:
        frames = b"".join(encode_record(record, self.generation) for record in records)
        start = self._position
        aligned = start + -start % PAGE_BYTES
        # One page less to write is worth the rest of this one.
        if _pages(start, len(frames)) > _pages(aligned, len(frames)) and aligned + len(frames) <= self.limit:
            start = aligned
        name = self.active or ""
        self._store(name, start, self._padded(frames, start), landed)
        self._position = start + len(frames)
        landed.written += len(records)
        for record in records:
            if record.holds_entries:
                join(self._spans, span_of(record))
                landed.spans.append((name, span_of(record)))

    def _begin(self, order: WriteOrder, landed: Landed) -> bool:
        """Begin the next segment; return whether there was one to begin."""
        if not self._unused:
            landed.refusal = self._grow()
        is_fresh = bool(self._unused)
        name = self._take() if order.header else None
        if name is None or order.header is None:
            return False
        try:
            self._finish(landed)
            self.generation += 1
            header = order.header._replace(generation=self.generation)
            checkpoint = Record(Kind.CHECKPOINT, header.origin, count=len(order.state), time_ms=header.utc_ms)
            head = encode_header(header) + b"".join(
                encode_record(record, self.generation) for record in (checkpoint, *order.state)
            )
            self._dry = 0 if is_fresh else self.limit
            self._store(name, 0, self._padded(head, 0), landed)
        except SpoolError:
            if is_fresh:
                self._unused.insert(0, name)
            raise
        self._opened.append((name, self.generation))
        self.active, self._position, self._spans, self._origin = name, len(head), [], header.origin
        self._prepare()
        return True

    def _padded(self, chunk: bytes, start: int) -> bytes:
        """Return the chunk with zeros behind it, so that nothing old follows it in its page.

        In a segment never written before, the zeros go further: the first write to a block costs a journal commit,
        which is cheaper for many blocks at once.
        """
        end = start + len(chunk)
        stop = end + -end % PAGE_BYTES
        if stop > self._dry:
            self._dry = stop = end + -end % _STRETCH_BYTES
        return chunk + bytes(min(self.limit, stop) - end)

    def _finish(self, landed: Landed) -> None:
        """Write into the last page what the active segment holds, so that it need not be read at the next start."""
        if self.active:
            summary = encode_summary(self._spans, origin=self._origin, generation=self.generation)
            if summary is not None:
                self._store(self.active, self.limit, summary.ljust(PAGE_BYTES, b"\0"), landed)

    def _take(self) -> str | None:
        """Return a segment to write into: one never used, a new one, or the oldest that is not needed."""
        names = self._unused or self._spare
        if not names:
            return None
        name = names[0]
        if name in self._misshapen:
            self.files.allocate(name, size_bytes=self.segment_bytes)
            self._misshapen.discard(name)
        return names.pop(0)

    def _prepare(self) -> None:
        """Have the next segment ready, so that a full disk shows while the active one still has room."""
        if not self._unused:
            self._grow()

    def _grow(self) -> SpoolError | None:
        if self.count >= self.capacity:
            return None
        number = next(number for number in range(1, len(self._numbers) + 2) if number not in self._numbers)
        name = f"ring-{number:06}.seg"
        try:
            self.files.allocate(name, size_bytes=self.segment_bytes)
        except SpoolError as exc:
            self.growth_refused = True
            return exc
        self.growth_refused = False
        self._numbers.add(number)
        self._unused.append(name)
        self.count += 1
        return None

    def _rewrite(self, name: str, offset: int, length: int, landed: Landed) -> None:
        """Write what is there once more: a sync says nothing about pages that the system believes to be clean."""
        chunk = b""
        with suppress(SpoolError):
            chunk = self.files.read(name, offset=offset, size_bytes=length).rstrip(b"\0")
        if chunk:
            self._store(name, offset, chunk, landed)

    def _store(self, name: str, offset: int, chunk: bytes, landed: Landed) -> None:
        self.files.write(name, offset=offset, chunk=chunk)
        landed.size_bytes += len(chunk)
        if name not in self._unsynced:
            self._unsynced.append(name)

    def _sync(self) -> None:
        names, self._unsynced = self._unsynced, []
        for index, name in enumerate(names):
            try:
                self.files.sync(name)
            except SpoolError as exc:
                if self.active in names[index:]:
                    self.active = None
                raise Doubtful(str(exc), names[index:]) from exc


def _packed(draft: Draft) -> Record:
    return pack_block(draft.origin, draft.first, draft.entries)


def _pages(start: int, length: int) -> int:
    return -(-(start + length) // PAGE_BYTES) - start // PAGE_BYTES
