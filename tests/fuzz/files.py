"""What lies on disks: segments of the spool, files that people write, captures of a line."""

import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress

from drivers.catalog import parse_profile
from gateway.core.collection import Collection
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site
from gateway.document.tree import Document, parse_document
from gateway.document.validation import validate
from gateway.sim.capture import CaptureTalker, parse_capture
from gateway.spool.reading import LoadedSegment
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
from gateway.spool.recovery import find_ring
from gateway.spool.segment import PAGE_BYTES, SegmentHeader, encode_header, encode_summary, spans_of
from tests.fakes_files import MemoryFiles
from tests.fuzz.codec import Codec, Way, same

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
GENERATION = 9
_SEGMENT_BYTES = 2 * PAGE_BYTES
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


def _with_summary(content: bytes) -> bytes:
    """Return a whole segment with these spans in its last page."""
    record = Record(Kind.SUMMARY, ORIGIN, count=len(content) // 57, payload=content[:3000])
    body = _segment(encode_record(pack_block(ORIGIN, 1, _entries(2)), GENERATION))
    page = encode_record(record, GENERATION)
    return body.ljust(PAGE_BYTES, b"\0") + page.ljust(PAGE_BYTES, b"\0")


def _run_segment(arriving: bytes) -> None:
    """Open a ring whose only segment this is, and read every entry in it."""
    files = MemoryFiles()
    files.put("ring-000000.seg", arriving if len(arriving) > PAGE_BYTES else arriving.ljust(_SEGMENT_BYTES, b"\0"))
    found = find_ring(files, segment_bytes=_SEGMENT_BYTES)
    for segment in found.segments:
        loaded = LoadedSegment(files.read(segment.name), generation=segment.generation, limit=_SEGMENT_BYTES)
        for run in loaded.runs():
            for block in loaded.blocks(run):
                entries = loaded.unpack(block)
                assert len(entries) in (0, block.count)
                # Of two blocks that claim the same entries, checksums right, either may be found, or none.
                loaded.find(run, block.first)
                loaded.readable_from(run, block.first)
                loaded.readable_to(run, block.last)


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
        ),
    )


def _summaries() -> Codec:
    spans = spans_of([pack_block(ORIGIN, 1, _entries(2)), pack_block(ORIGIN, 9, _entries(2, Stamp.NONE))])
    page = encode_summary(spans, origin=ORIGIN, generation=GENERATION)
    assert page is not None
    return Codec(
        name="spool-summary",
        run=_run_segment,
        ways=(Way(_with_summary, (page[HEADER_BYTES:], page[HEADER_BYTES:-57])),),
        words=(b"\0" * 8, b"\x01", b"\x02", b"\x03", bytes.fromhex(ORIGIN.run)),
        modules=("gateway/spool/segment.py", "gateway/spool/recovery.py"),
    )


def _text_runner(judge: Callable[[Document], object]) -> Callable[[bytes], None]:
    """Return what reads a file that a person wrote; only ConfigError may say that it is wrong."""

    def run(arriving: bytes) -> None:
        with suppress(ConfigError):
            judge(parse_document(arriving.decode("utf-8", "replace"), name="file.yaml"))

    return run


_YAML = (
    b": ",
    b"\n",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"!!int ",
    b"'",
    b'"',
    b"|\n ",
    b"\t",
    b"#",
    b"0x",
    b"1e999",
    b"~",
    b"? ",
    b"---\n",
    b"\xef\xbf\xbd",
    b"null",
    b"true",
    b"1s",
    b"\xc2\x85",
    b"- - - ",
)
_DOCUMENT = ("gateway/document/tree.py", "gateway/document/validation.py", "gateway/document/wording.py")
_HOSTILE_YAML = (
    b"[" * 40_000,
    b"{a: " * 40_000,
    b"- " * 40_000,
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b,*b]\n",
    b"9" * 40_000,
    b"a: " + b"9" * 40_000,
    b"\n".join(b"a%d: 1" % n for n in range(3_000)),
)


def _document(name: str, judge: Callable[[Document], object], seeds: tuple[bytes, ...], *files: str) -> Codec:
    return Codec(name, _text_runner(judge), (Way(same, seeds),), _YAML, (*_DOCUMENT, *files), _HOSTILE_YAML)


_SITE = (
    b"site: s\nlinks:\n- {id: a, tcp: h:502}\ndevices:\n- {id: m, profile: x/y, link: a, unit_id: 1, interval: 5s}\n",
    b"site: s\ntimezone: UTC\nlinks: []\ndevices: []\nbroker: {url: mqtt://h}\nspool: {size_mib: 8}\n",
    b"site: s\nlinks: [{id: b, serial: /dev/x, baudrate: 9600, parity: none}]\ndevices: []\n",
)
_COLLECTOR = (
    b"broker: {url: mqtt://h}\nsites: ['a-*']\nstores:\n- {kind: embedded, path: /x}\n",
    b"broker: {url: mqtt://h}\nsites: [a]\nstores: [{kind: influx, url: http://h, bucket: b, token: credential:t}]\n",
)
_HEAD = b"profile: a/b\nmaker: A\nmodel: B\nkind: electricity_meter\nsource: [{document: d, version: v}]\n"
_PROFILES = (
    _HEAD + b"protocol: modbus\ninterval: 1s\nmodbus: {table: holding, word_order: big}\npoints:\n"
    b"- {point: elec_voltage_l1, address: 0, type: uint32, unit: V}\n"
    b"tests: [{registers: {0: [0, 0]}, expect: {elec_voltage_l1: 0}}]\n",
    _HEAD + b"protocol: p1\ninterval: 1s\npoints:\n- {point: elec_energy_import, unit: kWh, obis: ['1-0:1.8.0']}\n"
    b"tests: [{telegram: '/x', expect: {elec_energy_import: 1}}]\n",
)
_CAPTURE = (
    (
        b'{"kvarter_capture": 1, "port": "p", "framing": "rtu"}\n'
        b'{"time": "2026-11-22T10:00:00.000Z", "direction": "out", "hex": "0103"}\n'
        b'{"time": "2026-11-22T10:00:00.100Z", "direction": "in", "hex": "010302"}\n'
    ),
    (
        b'{"kvarter_capture": 1, "port": "p", "framing": "tcp"}\n'
        b'{"time": "2026-11-22T10:00:00Z", "direction": "in", "hex": "01"}\n'
        b'{"time": "2026-11-22T10:00:09Z", "direction": "in", "hex": "02"}\n'
    ),
)


def _run_capture(arriving: bytes) -> None:
    with suppress(ConfigError):
        CaptureTalker(parse_capture(arriving, name="line.jsonl"))


def _captures() -> Codec:
    return Codec(
        name="capture",
        run=_run_capture,
        ways=(Way(same, _CAPTURE),),
        words=(
            b'"time"',
            b"null",
            b"\n",
            b"[",
            b"{",
            b"}",
            b'"',
            b"-1",
            b"1e999",
            b"NaN",
            b'"hex": ""',
            b"0001-01-01T00:00:00",
            b"9999-12-31",
            b"+24:00",
            b'"in"',
            b'"out"',
            b"\xff",
        ),
        modules=("gateway/sim/capture.py",),
        hostile=(b"[" * 40_000, _CAPTURE[0] + b"[" * 40_000 + b"\n{}\n", _CAPTURE[0] + b"9" * 40_000),
    )


def file_codecs() -> Sequence[Codec]:
    """Return the codecs of everything that lies on a disk."""
    vocabulary = load_vocabulary()
    return [
        _segments(),
        _summaries(),
        _document("site", lambda document: validate(document, Site), _SITE, "gateway/core/site.py"),
        _document(
            "collector", lambda document: validate(document, Collection), _COLLECTOR, "gateway/core/collection.py"
        ),
        _document(
            "profile", lambda document: parse_profile(document, vocabulary), _PROFILES, "drivers/profile_head.py"
        ),
        _captures(),
    ]
