"""Records: what stands in a segment, each behind a header by which it is found again after any damage.

A header is 72 bytes, little-endian: resync marker, kind, stamp, count, length of the payload, generation, run,
catalogue, boot, first sequence, monotonic, time, span, CRC of the payload, CRC of the header. Both CRCs are seeded with
the generation of the segment, so what is left of an earlier use of the file never passes for new.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

MARKER = b"\xf1\x9d\xc6\xb3"
"""Not ASCII, so it cannot stand in a line."""
MAX_TIME_MS = 10**13 - 1
"""The year 2286; more does not fit the wire format."""
MAX_INSTANT_MS = 2**53
"""On the monotonic clock, or between it and UTC."""
FOREVER_MS = 2**62
"""An anchor up to here fixes a whole boot."""
MAX_SEQUENCE = 2**60 - 1
MAX_BLOCK_ENTRIES = 128
MAX_BLOCK_BYTES = 32_768
"""Of the lines of one block, before packing, except where a single line is longer."""
MAX_BODY_BYTES = 131_072

_HEAD = struct.Struct("<4sBBHII20sQqqII")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEAD.size + _CRC.size
_PAIR = struct.Struct("<QQ")
_COLUMNS = 3
_MAX_RAW_BYTES = MAX_BLOCK_ENTRIES * 8 * _COLUMNS + MAX_BLOCK_BYTES + MAX_BODY_BYTES


class Kind(IntEnum):
    """What a record says; the numbers are the format's and never change."""

    ENTRY = 1
    """One line as it is."""
    BLOCK = 2
    """Several lines of consecutive sequence numbers, packed."""
    ANCHOR = 3
    """Entries of a boot that were acquired up to `monotonic` have the time monotonic + `time`."""
    RELEASED = 4
    """Ranges of a run that the store has confirmed."""
    MARK = 5
    """A sign of life. All before `time` is durable; `first` is the greatest time given, `count` 1 with a RAM tier."""
    CLEAN_STOP = 6
    """As a mark, and nothing of this run follows."""
    CHECKPOINT = 7
    """The next `count` records say everything about older segments that is not in them."""
    SUMMARY = 8
    """Which entries the segment holds."""


class Stamp(IntEnum):
    """What is known about the time of an entry."""

    NONE = 0
    """It waits for an anchor; its time is what the wall clock said."""
    CERTAIN = 1
    UNCERTAIN = 2
    """No time service vouches for it, and its line does not say so yet."""


_KINDS = frozenset(map(int, Kind))
_STAMPS = frozenset(map(int, Stamp))


class Origin(NamedTuple):
    """Where entries come from, each as hexadecimal digits."""

    run: str
    catalogue: str
    boot: str


class SpooledEntry(NamedTuple):
    """One line with its time."""

    body: bytes
    monotonic_ms: int
    time_ms: int
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Record:
    """One record; which fields count depends on its kind."""

    kind: Kind
    origin: Origin
    first: int = 0
    count: int = 0
    monotonic_ms: int = 0
    time_ms: int = 0
    span_ms: int = 0
    """From the earliest to the latest time in it."""
    stamp: Stamp = Stamp.NONE
    payload: bytes = b""

    @property
    def last(self) -> int:
        """Sequence number of its last entry."""
        return self.first + self.count - 1

    @property
    def holds_entries(self) -> bool:
        """Whether it is made of lines."""
        return self.kind in (Kind.ENTRY, Kind.BLOCK)


@dataclass(frozen=True, slots=True)
class Found:
    """A record whose header is right."""

    record: Record
    generation: int
    end: int
    """Offset behind it."""
    intact: bool
    """Whether its payload is right too."""


def boot_tag(boot_id: str) -> str:
    """Return 16 hexadecimal digits for a boot id of any form."""
    return hashlib.sha256(boot_id.encode()).hexdigest()[:16]


def pack_origin(origin: Origin) -> bytes:
    """Return the 20 bytes by which a header names its origin."""
    return bytes.fromhex(origin.run + origin.catalogue + origin.boot)


def encode_entry(entry: SpooledEntry, sequence: int, *, origin: bytes, generation: int) -> bytes:
    """Return the record of one entry; `origin` as `pack_origin` gives it, because this is on the way of every value."""
    body, monotonic_ms, time_ms, stamp = entry
    crc = zlib.crc32(body, generation)
    head = _HEAD.pack(MARKER, 1, stamp, 1, len(body), generation, origin, sequence, monotonic_ms, time_ms, 0, crc)
    return b"%b%b%b" % (head, _CRC.pack(zlib.crc32(head, generation)), body)


def encode_record(record: Record, generation: int) -> bytes:
    """Return the bytes of any record."""
    head = _HEAD.pack(
        MARKER,
        record.kind,
        record.stamp,
        record.count,
        len(record.payload),
        generation,
        pack_origin(record.origin),
        record.first,
        record.monotonic_ms,
        record.time_ms,
        record.span_ms,
        zlib.crc32(record.payload, generation),
    )
    return head + _CRC.pack(zlib.crc32(head, generation)) + record.payload


def read_record(segment: bytes, offset: int) -> Found | None:
    """Return the record at the offset, None when no header stands there that we wrote."""
    head = segment[offset : offset + HEADER_BYTES]
    if len(head) < HEADER_BYTES or not head.startswith(MARKER):
        return None
    _, kind, stamp, count, length, generation, origin, first, monotonic_ms, time_ms, span_ms, crc = _HEAD.unpack_from(
        head
    )
    if zlib.crc32(head[: _HEAD.size], generation) != _CRC.unpack_from(head, _HEAD.size)[0]:
        return None
    start = offset + HEADER_BYTES
    end = start + length
    if kind not in _KINDS or stamp not in _STAMPS or end > len(segment):
        return None
    payload = segment[start:end]
    text = origin.hex()
    record = Record(
        kind=Kind(kind),
        origin=Origin(text[:16], text[16:24], text[24:]),
        first=first,
        count=count,
        monotonic_ms=monotonic_ms,
        time_ms=time_ms,
        span_ms=span_ms,
        stamp=Stamp(stamp),
        payload=payload,
    )
    if not _plausible(record):
        return None
    return Found(record, generation, end, zlib.crc32(payload, generation) == crc)


def pack_block(origin: Origin, first: int, entries: Sequence[SpooledEntry]) -> Record:
    """Return one record of consecutive entries that have the same kind of stamp."""
    columns = (
        *_deltas(entries[0].monotonic_ms, [entry.monotonic_ms for entry in entries]),
        *_deltas(0, [entry.time_ms - entry.monotonic_ms for entry in entries]),
        *(len(entry.body) for entry in entries),
    )
    raw = struct.pack(f"<{len(columns)}q", *columns) + b"".join(entry.body for entry in entries)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    times = [entry.time_ms for entry in entries]
    return Record(
        kind=Kind.BLOCK,
        origin=origin,
        first=first,
        count=len(entries),
        monotonic_ms=entries[0].monotonic_ms,
        time_ms=min(times),
        span_ms=min(max(times) - min(times), 2**32 - 1),
        stamp=entries[0].stamp,
        payload=packer.compress(raw) + packer.flush(),
    )


def unpack_entries(record: Record) -> tuple[SpooledEntry, ...] | None:
    """Return the entries of a record, None when its payload is not what `pack_block` makes."""
    if record.kind is Kind.ENTRY:
        return (SpooledEntry(record.payload, record.monotonic_ms, record.time_ms, record.stamp),)
    raw = _inflate(record.payload)
    size = record.count * 8
    if raw is None or len(raw) < size * _COLUMNS:
        return None
    steps, offsets, lengths = (
        struct.unpack_from(f"<{record.count}q", raw, size * column) for column in range(_COLUMNS)
    )
    if min(lengths) < 0 or sum(lengths) != len(raw) - size * _COLUMNS:
        return None
    entries: list[SpooledEntry] = []
    monotonic_ms, offset_ms, start = record.monotonic_ms, 0, size * _COLUMNS
    for step, offset, length in zip(steps, offsets, lengths, strict=True):
        monotonic_ms += step
        offset_ms += offset
        if not 0 <= monotonic_ms + offset_ms <= MAX_TIME_MS:
            return None
        body = raw[start : start + length]
        entries.append(SpooledEntry(body, monotonic_ms, monotonic_ms + offset_ms, record.stamp))
        start += length
    return tuple(entries)


def pack_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return the payload of a released record."""
    return b"".join(_PAIR.pack(first, last) for first, last in ranges)


def unpack_ranges(payload: bytes) -> list[tuple[int, int]]:
    """Return the ranges of a released record, without those that cannot be."""
    whole = len(payload) - len(payload) % _PAIR.size
    return [(first, last) for first, last in _PAIR.iter_unpack(payload[:whole]) if 0 < first <= last <= MAX_SEQUENCE]


def _plausible(record: Record) -> bool:
    """Return whether what passed the CRC makes sense, so that nothing behind it need ask again."""
    if record.kind is Kind.ANCHOR:
        return abs(record.time_ms) <= MAX_INSTANT_MS and abs(record.monotonic_ms) <= FOREVER_MS
    if abs(record.monotonic_ms) > MAX_INSTANT_MS:
        return False
    if record.kind in (Kind.MARK, Kind.CLEAN_STOP) and record.first > MAX_TIME_MS:
        return False
    if not 0 <= record.time_ms <= record.time_ms + record.span_ms <= MAX_TIME_MS:
        return False
    if not record.holds_entries:
        return True
    whole = record.count == 1 if record.kind is Kind.ENTRY else 1 <= record.count <= MAX_BLOCK_ENTRIES
    return whole and record.first >= 1 and record.last <= MAX_SEQUENCE


def _inflate(payload: bytes) -> bytes | None:
    unpacker = zlib.decompressobj(-15)
    try:
        raw = unpacker.decompress(payload, _MAX_RAW_BYTES)
    except zlib.error:
        return None
    return raw if unpacker.eof else None


def _deltas(start: int, numbers: Sequence[int]) -> Iterable[int]:
    """Yield what each number is above the one before it; small differences pack well."""
    return (number - before for before, number in pairwise((start, *numbers)))
