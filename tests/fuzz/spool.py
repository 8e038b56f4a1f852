"""What lies on flash: segments of the spool, alone and several in a ring."""

import struct
import zlib
from collections.abc import Sequence
from functools import cache, partial

from gateway.spool.reading import LoadedSegment, Wish, collect
from gateway.spool.record import (
    HEADER_BYTES,
    MARKER,
    Kind,
    Origin,
    Record,
    SpooledEntry,
    Stamp,
    encode_entry,
    encode_record,
    pack_block,
    pack_origin,
    pack_ranges,
)
from gateway.spool.recovery import RingFound, find_ring
from gateway.spool.segment import PAGE_BYTES, SegmentHeader, encode_header, encode_summary, spans_of
from tests.fakes_files import MemoryFiles
from tests.fuzz.codec import Codec, Way

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
GENERATION = 9
_SEGMENT_BYTES = 2 * PAGE_BYTES
_MOST_SEGMENTS = 12
_WISHES = Wish("oldest", 2, 4096), Wish("newest", 4, 100)
_LENGTH_AT, _GENERATION_AT, _PAYLOAD_CRC_AT, _HEAD_CRC_AT = 8, 12, 64, 68
_HEADER_BYTES, _HEADER_CRC_AT = 64, 48
_BODY = b"kvarter,site=s,device=d elec_power_active=1.5,status=0i"


def _entries(count: int, stamp: Stamp = Stamp.CERTAIN) -> list[SpooledEntry]:
    return [SpooledEntry(_BODY, 1000 * n, 10**12 + 1000 * n, stamp) for n in range(1, 1 + count)]


def _segment(*records: bytes) -> bytes:
    return encode_header(SegmentHeader(GENERATION, ORIGIN, 1, 10**12)) + b"".join(records)


def _mended(content: bytes) -> bytes:
    """Return a segment whose checksums are right wherever a record begins."""
    segment = bytearray(content)
    if len(segment) >= _HEADER_BYTES:
        segment[_HEADER_CRC_AT : _HEADER_CRC_AT + 4] = zlib.crc32(segment[:_HEADER_CRC_AT]).to_bytes(4, "little")
    at = segment.find(MARKER)
    while at >= 0 and at + HEADER_BYTES <= len(segment):
        length, generation = struct.unpack_from("<II", segment, at + _LENGTH_AT)
        payload = segment[at + HEADER_BYTES : at + HEADER_BYTES + length]
        struct.pack_into("<I", segment, at + _PAYLOAD_CRC_AT, zlib.crc32(payload, generation))
        head = segment[at : at + _HEAD_CRC_AT]
        struct.pack_into("<I", segment, at + _HEAD_CRC_AT, zlib.crc32(head, generation))
        at = segment.find(MARKER, at + len(MARKER))
    return bytes(segment)


def _in_block(content: bytes) -> bytes:
    """Return a segment with one block, whose packed content is this behind the byte that counts its lines."""
    count, raw = (content[0] % 129, content[1:]) if content else (1, b"")
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    payload = packer.compress(raw) + packer.flush()
    block = Record(Kind.BLOCK, ORIGIN, 1, count, 1000, 10**12, 5000, Stamp.CERTAIN, payload)
    return _segment(encode_record(block, GENERATION))


@cache
def _bodies() -> tuple[bytes, ...]:
    """Return what may stand before a summary: entries, a round, a state, a segment that was left behind."""
    mark, again, anchor, released, state, block, next_block = (encode_record(each, GENERATION) for each in _records())
    old = encode_record(pack_block(ORIGIN, 1, _entries(2)), GENERATION - 1)
    return (
        _segment(block),
        _segment(state, anchor, released, mark, block, again),
        _segment(old),
        b"\1" * 64 + block,
        b"KVARTER\xf5" + bytes(56) + block[:-1],
        bytes(200),
        _segment(block, next_block, block).ljust(PAGE_BYTES - 20, b"\0") + MARKER,
        _mended(b"KVARTER\xf5\x09\0" + bytes(54) + block),
        encode_header(SegmentHeader(GENERATION - 1, ORIGIN, 1, 10**12)) + old,
    )


def _records() -> tuple[Record, ...]:
    return (
        Record(Kind.MARK, ORIGIN, first=10**12, count=1, time_ms=10**12),
        Record(Kind.MARK, ORIGIN, first=10**12, count=0, time_ms=10**12),
        Record(Kind.ANCHOR, ORIGIN, monotonic_ms=5000, time_ms=10**12, stamp=Stamp.CERTAIN),
        Record(Kind.RELEASED, ORIGIN, time_ms=1, payload=pack_ranges([(1, 4), (6, 9)])),
        Record(Kind.CHECKPOINT, ORIGIN, count=2),
        pack_block(ORIGIN, 1, _entries(2)),
        pack_block(ORIGIN, 3, _entries(2)),
    )


def _with_summary(content: bytes) -> bytes:
    """Return a whole segment with these spans in its last page, behind a body that the first byte chooses."""
    choice, spans = content[:1] or b"\0", content[1:3000]
    bodies = _bodies()
    # The count that the summary states is a lie where the highest bit says so.
    count = len(spans) // 57 + (choice[0] >> 7)
    page = encode_record(Record(Kind.SUMMARY, ORIGIN, count=count, payload=spans), GENERATION)
    return bodies[choice[0] % 0x40 % len(bodies)].ljust(PAGE_BYTES, b"\0") + page.ljust(PAGE_BYTES, b"\0")


def _ring(content: bytes) -> bytes:
    """Return several segments; each byte chooses what one of them is, and whether it has a summary."""
    spans = encode_summary(spans_of([pack_block(ORIGIN, 1, _entries(2))]), origin=ORIGIN, generation=GENERATION)
    assert spans is not None
    bodies = _bodies()
    parts = []
    for number, choice in enumerate(content[:_MOST_SEGMENTS]):
        body = bytearray(bodies[choice % 0x20 % len(bodies)])
        if choice & 0x40 and len(body) > _HEADER_BYTES:
            # Another generation: records in it that kept theirs are foreign to it.
            struct.pack_into("<I", body, 12, GENERATION + number)
        page = spans if choice & 0x80 else b""
        whole = bytes(body).ljust(PAGE_BYTES, b"\0") + page.ljust(PAGE_BYTES, b"\0")
        parts.append(_mended(whole) if choice & 0x40 else whole)
    return b"".join(parts)


def _run_segment(arriving: bytes) -> None:
    """Open a ring whose segments these bytes are, and read every entry in it."""
    files = MemoryFiles()
    files.put("notes.txt", b"not ours")
    parts = [arriving[at : at + _SEGMENT_BYTES] for at in range(0, len(arriving), _SEGMENT_BYTES)] or [b""]
    for number, part in enumerate(parts[:_MOST_SEGMENTS]):
        is_stump = len(part) < _HEADER_BYTES or len(part) > PAGE_BYTES
        files.put(f"ring-{number:06}.seg", part if is_stump else part.ljust(_SEGMENT_BYTES, b"\0"))
    found = find_ring(files, segment_bytes=_SEGMENT_BYTES)
    assert "notes.txt" in files.aside
    for segment in found.segments:
        if segment.scan is not None and not segment.spans:
            continue
        loaded = LoadedSegment(files.read(segment.name), generation=segment.generation, limit=_SEGMENT_BYTES)
        for run in loaded.runs():
            _read_run(loaded, run, found)


def _read_run(loaded: LoadedSegment, run: str, found: RingFound) -> None:
    for block in loaded.blocks(run):
        entries = loaded.unpack(block)
        assert len(entries) in (0, block.count)
        # Of two blocks that claim the same entries, checksums right, either may be found, or none.
        loaded.find(run, block.first - 1)
        loaded.readable_from(run, block.first)
        loaded.readable_to(run, block.last)
        loaded.neighbours(run, block.first, block.last)
        for wish in _WISHES[block.first & 1 :]:
            batch = collect(
                partial(loaded.find, run), (run, block.first, block.last), wish, anchors=found.notes.anchors
            )
            assert batch is None or 0 < len(batch.lines) == batch.last - batch.first + 1 <= wish.max_lines


def _blocks() -> bytes:
    """Return the content of a block before it is packed."""
    inflate = zlib.decompressobj(-15)
    return b"\x03" + inflate.decompress(pack_block(ORIGIN, 1, _entries(3)).payload)


def _segments() -> Codec:
    block = encode_record(pack_block(ORIGIN, 3, _entries(3)), GENERATION)
    entry = encode_entry(_entries(1)[0], 1, origin=pack_origin(ORIGIN), generation=GENERATION)
    anchor = encode_record(
        Record(Kind.ANCHOR, ORIGIN, monotonic_ms=5000, time_ms=10**12, stamp=Stamp.CERTAIN), GENERATION
    )
    released = encode_record(
        Record(Kind.RELEASED, ORIGIN, time_ms=1, payload=pack_ranges([(1, 4), (6, 9)])), GENERATION
    )
    mark = encode_record(Record(Kind.MARK, ORIGIN, first=10**12, count=1, time_ms=10**12), GENERATION)
    clean = encode_record(Record(Kind.CLEAN_STOP, ORIGIN, first=10**12, time_ms=10**12), GENERATION)
    state = encode_record(Record(Kind.CHECKPOINT, ORIGIN, count=2), GENERATION)
    return Codec(
        name="spool-segment",
        run=_run_segment,
        ways=(
            Way(
                _mended, (_segment(mark, entry), _segment(state, anchor, released, mark, block), _segment(entry, clean))
            ),
            Way(_in_block, (_blocks(), b"\x01" + b"\0" * 24)),
            Way(lambda content: _mended(content).ljust(PAGE_BYTES + 77, b"\0"), (_bodies()[1], _bodies()[7])),
            Way(_ring, (b"\1", b"\2\3", b"\4\5\6", b"\x80\x81"), is_dear=True),
        ),
        words=(MARKER, *(MARKER + bytes((kind,)) for kind in Kind), b"\0\0\0\0", b"\x09\0\0\0", b"KVARTER\xf5"),
        modules=(
            "gateway/spool/record.py",
            "gateway/spool/segment.py",
            "gateway/spool/recovery.py",
            "gateway/spool/reading.py",
        ),
        hostile=(
            _mended(_segment(MARKER + b"\x02\x01\x01\x00" + b"\xff" * 4 + b"\x09\0\0\0" + b"\0" * 56)),
            _mended(_segment(MARKER * 10_000)),
            _in_block(b"\x01" + b"\0" * 30_000_000),
            *(_ring(bytes((choice,)) * _MOST_SEGMENTS) for choice in (0, 1, 0x80, 0x81)),
        ),
    )


def _summaries() -> Codec:
    spans = spans_of([pack_block(ORIGIN, 1, _entries(2)), pack_block(ORIGIN, 9, _entries(2, Stamp.NONE))])
    page = encode_summary(spans, origin=ORIGIN, generation=GENERATION)
    assert page is not None
    return Codec(
        name="spool-summary",
        run=_run_segment,
        ways=(
            Way(_with_summary, tuple(bytes((number,)) + page[HEADER_BYTES:] for number in (*range(9), 0x80, 0x81))),
            Way(_mended, (_with_summary(b"\1" + page[HEADER_BYTES:]), _bodies()[4], b"KV")),
            Way(_ring, (b"\x80\x81", b"\1\x80", b"\x80"), is_dear=True),
            Way(lambda content: _mended(content)[:5000], (_with_summary(b"\0" + page[HEADER_BYTES:]),)),
        ),
        words=(b"\0" * 8, b"\x01", b"\x02", b"\x03", bytes.fromhex(ORIGIN.run)),
        modules=("gateway/spool/segment.py", "gateway/spool/recovery.py"),
        hostile=tuple(_ring(bytes((choice,)) * _MOST_SEGMENTS) for choice in (0, 1, 0x80, 0x81)),
    )


def spool_codecs() -> Sequence[Codec]:
    """Return the codecs of the spool."""
    return [_segments(), _summaries()]
