"""What an earlier process left on flash: read by the worker, judged without touching what is not ours."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from gateway.spool.anchors import Anchors, anchor_of
from gateway.spool.ranges import RangeSet
from gateway.spool.record import Kind, Record, unpack_ranges
from gateway.spool.ring import NAME
from gateway.spool.segment import (
    PAGE_BYTES,
    SEGMENT_HEADER_BYTES,
    Damage,
    Scan,
    Span,
    decode_header,
    decode_summary,
    is_ours,
    scan,
    spans_of,
)

_MOST_UNPROVEN = 8
"""Segments written once more after a start; more would be needed only after as many starts on a disk that refuses."""


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """One segment and what it holds."""

    name: str
    generation: int
    spans: tuple[Span, ...]
    scan: Scan | None
    """None where the summary was enough."""
    is_whole: bool
    """It has the size of a segment."""
    is_misleading: bool = False
    """Its summary names other entries than it holds: a power cut took these and not the summary."""


@dataclass(frozen=True, slots=True)
class Life:
    """The last sign of the process that wrote last."""

    run: str
    boot: str
    is_clean: bool
    """It stopped in good order."""
    has_tier: bool
    """It had a RAM tier, so that what flash lacks may be there."""
    instant_ms: int
    """Everything acquired before is durable, confirmed or declared."""
    last_time_ms: int
    """Greatest time it had given."""


@dataclass(slots=True)
class Notes:
    """What records say about entries."""

    anchors: Anchors = field(default_factory=Anchors)
    stored: dict[str, RangeSet] = field(default_factory=dict)
    """Run → confirmed by the store."""
    life: Life | None = None


@dataclass(slots=True)
class RingFound:
    """Everything on flash."""

    segments: list[FoundSegment] = field(default_factory=list)
    """In the order in which they were begun."""
    unused: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    unproven: list[tuple[str, int, int]] = field(default_factory=list)
    """Segment, offset, length of what the last process may have written without a sync."""
    unreadable: int = 0
    """Segments that may have held entries and say nothing any more."""


def read_notes(records: Iterable[Record], notes: Notes) -> None:
    """Take in what records say, in the order in which they were written."""
    for record in records:
        if record.kind is Kind.ANCHOR:
            notes.anchors = notes.anchors.plus(anchor_of(record))
        elif record.kind is Kind.RELEASED:
            stored = notes.stored.setdefault(record.origin.run, RangeSet())
            for first, last in unpack_ranges(record.payload):
                stored.add(first, last)
        else:
            notes.life = _later(notes.life, record)


def find_ring(files: Files, *, segment_bytes: int) -> RingFound:
    """Return what is on flash; what is not ours, or says nothing, is set aside.

    Raises:
        SpoolError: the directory cannot be read.
    """
    found = RingFound()
    for name in sorted(files.names()):
        if NAME.fullmatch(name) is None:
            files.set_aside(name)
            continue
        try:
            _find_segment(files, name, segment_bytes, found)
        except SpoolError:
            files.set_aside(name)
            found.unreadable += 1
    found.segments.sort(key=lambda segment: segment.generation)
    _find_notes(files, segment_bytes, found)
    return found


def _find_segment(files: Files, name: str, segment_bytes: int, found: RingFound) -> None:
    limit = segment_bytes - PAGE_BYTES
    header = decode_header(files.read(name, size_bytes=SEGMENT_HEADER_BYTES))
    tail = files.read(name, offset=limit, size_bytes=PAGE_BYTES + 1)
    is_whole = len(tail) == PAGE_BYTES
    spans = decode_summary(tail, header.generation) if header and is_whole else None
    if header and spans is not None:
        found.segments.append(FoundSegment(name, header.generation, tuple(spans), None, is_whole))
        return
    whole = files.read(name)
    result = scan(whole, limit=limit)
    if not is_whole:
        found.misshapen.append(name)
    if result.generation is not None:
        found.segments.append(_scanned(name, whole, segment_bytes, result))
    elif whole.count(0) == len(whole):
        found.unused.append(name)
    else:
        files.set_aside(name)
        found.misshapen = [other for other in found.misshapen if other != name]
        found.unreadable += is_ours(whole)


def _find_notes(files: Files, segment_bytes: int, found: RingFound) -> None:
    """Read the newest segment, which repeats all that counts of the others; where it does not, read them too."""
    if not found.segments:
        return
    _rescan(files, segment_bytes, found, [len(found.segments) - 1])
    newest = found.segments[-1].scan
    if newest is None or not _is_complete(newest.records):
        _rescan(files, segment_bytes, found, range(len(found.segments)))
    for segment in found.segments:
        if segment.scan is not None:
            read_notes(segment.scan.records, found.notes)
    _find_unproven(files, segment_bytes, found)


def _find_unproven(files: Files, segment_bytes: int, found: RingFound) -> None:
    """Find what this machine sees and a power cut may still take: the last round, however many segments it touched."""
    limit = segment_bytes - PAGE_BYTES
    for index in reversed(range(len(found.segments))):
        _rescan(files, segment_bytes, found, [index])
        segment = found.segments[index]
        if segment.scan is not None and segment.is_whole:
            found.unproven.append((segment.name, segment.scan.proven, segment.scan.end - segment.scan.proven))
            found.unproven.append((segment.name, limit, PAGE_BYTES))
        if len(found.segments) - index == _MOST_UNPROVEN or (segment.scan is not None and segment.scan.proven):
            return


def _rescan(files: Files, segment_bytes: int, found: RingFound, indexes: Iterable[int]) -> None:
    for index in indexes:
        segment = found.segments[index]
        if segment.scan is None:
            with suppress(SpoolError):
                whole = files.read(segment.name)
                scanned = _scanned(segment.name, whole, segment_bytes, scan(whole, limit=segment_bytes - PAGE_BYTES))
                if scanned.generation == segment.generation:
                    found.segments[index] = scanned


def _scanned(name: str, whole: bytes, segment_bytes: int, result: Scan) -> FoundSegment:
    limit = segment_bytes - PAGE_BYTES
    generation, spans = result.generation or 0, spans_of(result.records)
    is_whole = len(whole) == segment_bytes
    summary = decode_summary(whole[limit:], generation) if is_whole else None
    return FoundSegment(
        name=name,
        generation=generation,
        spans=tuple(spans),
        scan=result,
        is_whole=is_whole,
        is_misleading=summary is not None and summary != spans,
    )


def _is_complete(records: Sequence[Record]) -> bool:
    """Return whether the state at the start of a segment survived."""
    for index, record in enumerate(records):
        if record.kind is Kind.CHECKPOINT:
            state = records[index + 1 : index + 1 + record.count]
            return len(state) == record.count and not any(each.holds_entries for each in state)
    return False


def _later(life: Life | None, record: Record) -> Life | None:
    if record.kind in (Kind.MARK, Kind.CLEAN_STOP):
        return Life(
            run=record.origin.run,
            boot=record.origin.boot,
            is_clean=record.kind is Kind.CLEAN_STOP,
            has_tier=record.count > 0,
            instant_ms=record.time_ms,
            last_time_ms=record.first,
        )
    if life is None or not record.holds_entries:
        return life
    return replace(life, is_clean=False)


def lost_in(damage: Sequence[Damage]) -> tuple[list[Record], list[Damage]]:
    """Return the entries that damage names, and the damage that no longer says what it was."""
    named = [each.record for each in damage if each.record is not None and each.record.holds_entries]
    return named, [each for each in damage if each.record is None]
