"""Segments: the bytes of one file, from a header through records to the summary in its last page. Pure.

Between records stands nothing but zeros, so whatever else is found there has been a record, and is reported as damage.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from gateway.spool.record import (
    HEADER_BYTES,
    MARKER,
    MAX_SEQUENCE,
    Found,
    Kind,
    Origin,
    Record,
    Stamp,
    encode_record,
    pack_origin,
    read_record,
)

VERSION = 1
PAGE_BYTES = 4096
"""What a file system writes at once; the last page is the summary's."""
_MAGIC = b"KVARTER\xf5"
_HEADER = struct.Struct("<8sHHI20sQq")
_CRC = struct.Struct("<I")
SEGMENT_HEADER_BYTES = 64
"""Records start here."""
_SPAN = struct.Struct("<8s8sQQqqqB")
_MERGED_ENTRIES = 4096
"""Spans stay short, so that the time of an entry can be told from the times of its span."""


class SegmentHeader(NamedTuple):
    """What stands at the start of a segment."""

    generation: int
    """Counts up with every segment begun; the highest is the newest."""
    origin: Origin
    first: int
    """Next sequence number of the run that began it."""
    utc_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive entries of one run in one segment."""

    run: str
    boot: str
    first: int
    last: int
    stamp: Stamp
    monotonic_ms: int
    """Of the first."""
    time_ms: int
    """Earliest."""
    last_ms: int
    """Latest."""

    def joined(self, other: "Span") -> "Span | None":
        """Return both as one, None when the other does not continue this one."""
        same = (self.run, self.boot, self.stamp) == (other.run, other.boot, other.stamp)
        if not same or other.first != self.last + 1 or other.last - self.first >= _MERGED_ENTRIES:
            return None
        times = (min(self.time_ms, other.time_ms), max(self.last_ms, other.last_ms))
        return replace(self, last=other.last, time_ms=times[0], last_ms=times[1])


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that have been a record."""

    offset: int
    length: int
    record: Record | None
    """What it was, where its header can still be read."""
    after_ms: int | None
    """Latest time in the record before it."""
    before_ms: int | None
    """Earliest time in the record behind it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment holds."""

    header: SegmentHeader | None
    generation: int | None
    """None: there is nothing of ours."""
    records: tuple[Record, ...]
    damage: tuple[Damage, ...]
    end: int
    """Offset behind the last record."""
    proven: int
    """Offset up to which everything was synced before what follows was written."""


def encode_header(header: SegmentHeader) -> bytes:
    """Return the first 64 bytes of a segment."""
    head = _HEADER.pack(_MAGIC, VERSION, 0, header.generation, pack_origin(header.origin), header.first, header.utc_ms)
    return (head + _CRC.pack(zlib.crc32(head))).ljust(SEGMENT_HEADER_BYTES, b"\0")


def decode_header(segment: bytes) -> SegmentHeader | None:
    """Return the header, None when it is damaged or not ours."""
    head = segment[:SEGMENT_HEADER_BYTES]
    if len(head) < SEGMENT_HEADER_BYTES:
        return None
    if zlib.crc32(head[: _HEADER.size]) != _CRC.unpack_from(head, _HEADER.size)[0]:
        return None
    magic, version, _, generation, origin, first, utc_ms = _HEADER.unpack_from(head)
    if magic != _MAGIC or version != VERSION:
        return None
    text = origin.hex()
    return SegmentHeader(generation, Origin(text[:16], text[16:24], text[24:]), first, utc_ms)


def is_ours(segment: bytes) -> bool:
    """Return whether unreadable bytes may have been a segment of this version; one of another says so."""
    return not segment.startswith(_MAGIC) or segment[len(_MAGIC) : len(_MAGIC) + 2] == VERSION.to_bytes(2, "little")


def span_of(record: Record) -> Span:
    """Return where the entries of a record stand in sequence and time."""
    return Span(
        run=record.origin.run,
        boot=record.origin.boot,
        first=record.first,
        last=record.last,
        stamp=record.stamp,
        monotonic_ms=record.monotonic_ms,
        time_ms=record.time_ms,
        last_ms=record.time_ms + record.span_ms,
    )


def spans_of(records: Sequence[Record]) -> list[Span]:
    """Return the spans of all entries, joined where they continue one another."""
    spans: list[Span] = []
    for record in records:
        if record.holds_entries:
            join(spans, span_of(record))
    return spans


def join(spans: list[Span], span: Span) -> None:
    """Append a span, joined with the last one where it continues it."""
    joined = spans[-1].joined(span) if spans else None
    if joined is None:
        spans.append(span)
    else:
        spans[-1] = joined


def encode_summary(spans: Sequence[Span], *, origin: Origin, generation: int) -> bytes | None:
    """Return the record for the last page, None when the spans do not fit."""
    payload = b"".join(
        _SPAN.pack(
            bytes.fromhex(span.run),
            bytes.fromhex(span.boot),
            span.first,
            span.last,
            span.monotonic_ms,
            span.time_ms,
            span.last_ms,
            span.stamp,
        )
        for span in spans
    )
    if HEADER_BYTES + len(payload) > PAGE_BYTES:
        return None
    return encode_record(Record(Kind.SUMMARY, origin, count=len(spans), payload=payload), generation)


def decode_summary(page: bytes, generation: int) -> list[Span] | None:
    """Return the spans, None when there is no summary of this generation."""
    found = read_record(page, 0)
    if found is None or not found.intact or found.generation != generation or found.record.kind is not Kind.SUMMARY:
        return None
    if len(found.record.payload) != found.record.count * _SPAN.size:
        return None
    spans = [
        Span(run.hex(), boot.hex(), first, last, Stamp(stamp), monotonic_ms, time_ms, last_ms)
        for run, boot, first, last, monotonic_ms, time_ms, last_ms, stamp in _SPAN.iter_unpack(found.record.payload)
        if stamp in (0, 1, 2) and 0 < first <= last <= MAX_SEQUENCE
    ]
    return spans if len(spans) == found.record.count else None


def scan(segment: bytes, *, limit: int | None = None, padded: bool = True) -> Scan:
    """Return every record of the segment's generation, and what was damaged between them.

    Args:
        segment: The file, or what is left of it.
        limit: Records end before this offset.
        padded: Zeros follow the last record up to the end of its page.
    """
    limit = len(segment) if limit is None else min(limit, len(segment))
    places = _search(segment, limit)
    header = decode_header(segment)
    generations = [found.generation for _, found in places if found.intact]
    if header is None and not generations:
        return Scan(None, None, (), (), SEGMENT_HEADER_BYTES, 0)
    generation = header.generation if header else max(generations)
    ours = [(offset, found) for offset, found in places if found.generation == generation]
    good = [(offset, found) for offset, found in ours if found.intact]
    broken = [(offset, found) for offset, found in ours if not found.intact]
    end = good[-1][1].end if good else SEGMENT_HEADER_BYTES
    tail = min(limit, end + -end % PAGE_BYTES) if padded and good else end
    damage = _damage(segment, good, broken, tail)
    return Scan(header, generation, tuple(found.record for _, found in good), damage, end, _proven(good))


def _proven(good: Sequence[tuple[int, Found]]) -> int:
    """Return where the last round started: each starts with a mark, and a run that marks again has synced the last one.

    The first mark of a run proves nothing: what the run before it left is only synced together with that mark.
    """
    marks: list[tuple[int, str]] = []
    state = 0
    for offset, found in good:
        if state == 0 and found.record.kind is Kind.MARK:
            marks.append((offset, found.record.origin.run))
        state = found.record.count if found.record.kind is Kind.CHECKPOINT else max(0, state - 1)
    again = [offset for (_, before), (offset, run) in pairwise(marks) if run == before]
    return again[-1] if again else 0


def _search(segment: bytes, limit: int) -> list[tuple[int, Found]]:
    """Return every place where a header stands; behind a broken record, and inside it, the search goes on."""
    places: list[tuple[int, Found]] = []
    offset = segment.find(MARKER, SEGMENT_HEADER_BYTES, limit)
    while offset >= 0:
        found = read_record(segment, offset)
        if found is not None and found.end > limit:
            found = None
        if found is not None:
            places.append((offset, found))
        step = found.end if found is not None and found.intact else offset + 1
        offset = segment.find(MARKER, step, limit)
    return places


def _damage(
    segment: bytes, good: Sequence[tuple[int, Found]], broken: Sequence[tuple[int, Found]], tail: int
) -> tuple[Damage, ...]:
    """Return what is neither a record nor zeros, from the header to the tail."""
    damage: list[Damage] = []
    start, after_ms = SEGMENT_HEADER_BYTES, None
    for offset, found in good:
        damage += _between(segment, (start, offset), broken, (after_ms, _earliest(found.record)))
        start, after_ms = found.end, _latest(found.record) or after_ms
    tail = max([tail, *(found.end for offset, found in broken if offset >= start)])
    return (*damage, *_between(segment, (start, tail), broken, (after_ms, None)))


def _between(
    segment: bytes, stretch: tuple[int, int], broken: Sequence[tuple[int, Found]], times: tuple[int | None, int | None]
) -> list[Damage]:
    """Return the broken records in a stretch, and whatever else in it is not zero."""
    damage: list[Damage] = []
    start, stop = stretch
    for offset, found in broken:
        if start <= offset < stop:
            damage += _unknown(segment, start, offset, times)
            damage.append(Damage(offset, min(found.end, stop) - offset, found.record, *times))
            start = min(found.end, stop)
    return damage + _unknown(segment, start, stop, times)


def _unknown(segment: bytes, start: int, stop: int, times: tuple[int | None, int | None]) -> list[Damage]:
    if segment.count(b"\0", start, stop) == stop - start:
        return []
    return [Damage(start, stop - start, None, *times)]


def _earliest(record: Record) -> int | None:
    return record.time_ms if record.kind is not Kind.ANCHOR and record.time_ms else None


def _latest(record: Record) -> int | None:
    return record.time_ms + record.span_ms if record.kind is not Kind.ANCHOR and record.time_ms else None
