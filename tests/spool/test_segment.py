from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.spool.record import Kind, Origin, Record, SpooledEntry, Stamp, encode_record, pack_block
from gateway.spool.segment import (
    PAGE_BYTES,
    SEGMENT_HEADER_BYTES,
    Scan,
    SegmentHeader,
    decode_header,
    decode_summary,
    encode_header,
    encode_summary,
    is_ours,
    scan,
    spans_of,
)

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
GENERATION = 9
SIZE = 16_384
LIMIT = SIZE - PAGE_BYTES


def _record(first: int, *, lines: int = 3, body: bytes = b"kvarter,site=s,device=d elec_power_active=1.5") -> Record:
    entries = [SpooledEntry(body, 1000 * n, 10**12 + 1000 * n, Stamp.CERTAIN) for n in range(first, first + lines)]
    return pack_block(ORIGIN, first, entries)


def _records(count: int) -> list[Record]:
    return [_record(1 + 3 * index, body=b"x" * (index % 7)) for index in range(count)]


def _segment(records: list[Record], *, generation: int = GENERATION, over: bytes = bytes(SIZE)) -> bytes:
    """A segment as the ring writes it: into the file as it is, zeros to the end of the page."""
    text = encode_header(SegmentHeader(generation, ORIGIN, 1, 10**12))
    text += b"".join(encode_record(record, generation) for record in records)
    text += bytes(-len(text) % PAGE_BYTES)
    return text + over[len(text) :]


def _kept(found: Scan) -> list[Record]:
    return list(found.records)


@given(st.integers(0, 40))
def test_every_record_is_found(count: int) -> None:
    """An undamaged segment gives its records in order and no damage."""
    found = scan(_segment(_records(count)), limit=LIMIT)
    assert _kept(found) == _records(count)
    assert not found.damage
    assert found.header == SegmentHeader(GENERATION, ORIGIN, 1, 10**12)


@settings(max_examples=300)
@given(st.integers(1, 40), st.lists(st.integers(0, 8 * LIMIT - 1), min_size=1, max_size=64, unique=True))
def test_flipped_bits_cost_at_most_as_many_records(count: int, bits: list[int]) -> None:
    """N flipped bits lose at most n records, wherever they are, and never give a record that was not written."""
    records = _records(count)
    segment = bytearray(_segment(records))
    for bit in bits:
        segment[bit // 8] ^= 1 << bit % 8
    kept = _kept(scan(bytes(segment), limit=LIMIT))
    assert all(record in records for record in kept)
    assert len(kept) >= count - len(bits)


@settings(max_examples=300)
@given(st.integers(1, 40), st.integers(0, LIMIT), st.binary(min_size=1, max_size=600))
def test_overwritten_bytes_cost_what_they_touched(count: int, offset: int, noise: bytes) -> None:
    """Records outside of a damaged stretch all survive, and the stretch is reported when it hit one."""
    records = _records(count)
    whole = _segment(records)
    stop = min(LIMIT, offset + len(noise))
    segment = whole[:offset] + noise[: stop - offset] + whole[stop:]
    position, untouched = SEGMENT_HEADER_BYTES, []
    for record in records:
        end = position + len(encode_record(record, GENERATION))
        if end <= offset or position >= stop or segment[position:end] == whole[position:end]:
            untouched.append(record)
        position = end
    found = scan(segment, limit=LIMIT)
    assert _kept(found) == untouched
    lost_inside = (
        any(record.first < untouched[-1].first for record in records if record not in untouched) if untouched else False
    )
    assert found.damage or not lost_inside


@given(st.integers(1, 40), st.integers(0, SIZE))
def test_a_cut_file_keeps_what_is_left(count: int, size: int) -> None:
    """A file that ends too soon gives every record that ends before its end."""
    records = _records(count)
    position, left = SEGMENT_HEADER_BYTES, []
    for record in records:
        position += len(encode_record(record, GENERATION))
        if position <= size:
            left.append(record)
    assert _kept(scan(_segment(records)[:size], limit=LIMIT)) == left


@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, GENERATION - 1))
def test_recycled_bytes_never_parse(new: int, old: int, generation: int) -> None:
    """What a file held before it was used again does not come back, however much of it is left."""
    before = _segment([_record(10_000 + 3 * index) for index in range(old)], generation=generation)
    found = scan(_segment(_records(new), over=before), limit=LIMIT)
    assert _kept(found) == _records(new)
    assert not found.damage


@given(st.integers(1, 40), st.integers(0, 40))
def test_a_lost_header_loses_nothing(new: int, old: int) -> None:
    """Without header the highest generation is the segment's own."""
    before = _segment([_record(10_000 + 3 * index) for index in range(old)], generation=GENERATION - 1)
    segment = bytes(SEGMENT_HEADER_BYTES) + _segment(_records(new), over=before)[SEGMENT_HEADER_BYTES:]
    found = scan(segment, limit=LIMIT)
    assert found.header is None
    assert (found.generation, _kept(found)) == (GENERATION, _records(new))


def test_damage_names_what_it_can() -> None:
    """A broken payload is named by its header; a broken header is placed in time by its neighbours."""
    records = _records(9)
    segment = bytearray(_segment(records))
    ends = [SEGMENT_HEADER_BYTES]
    for record in records:
        ends.append(ends[-1] + len(encode_record(record, GENERATION)))
    segment[ends[3] - 1] ^= 1
    segment[ends[5] + 8] ^= 1
    named, nameless = scan(bytes(segment), limit=LIMIT).damage
    assert named.record is not None
    assert (named.record.first, named.record.count) == (7, 3)
    assert nameless.record is None
    assert (nameless.offset, nameless.length) == (ends[5], ends[6] - ends[5])
    assert (nameless.after_ms, nameless.before_ms) == (records[4].time_ms + records[4].span_ms, records[6].time_ms)


def test_a_torn_last_record_is_damage() -> None:
    """The page in which the last record ends holds nothing but zeros behind it."""
    records = _records(3)
    text = encode_record(_record(100), GENERATION)
    segment = bytearray(_segment(records))
    end = scan(bytes(segment), limit=LIMIT).end
    segment[end : end + 60] = text[:60]
    found = scan(bytes(segment), limit=LIMIT)
    assert _kept(found) == records
    assert [damage.offset for damage in found.damage] == [end]


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_scanned(noise: bytes) -> None:
    """Bytes of somebody else give nothing."""
    found = scan(noise)
    assert (found.generation, found.records) == (None, ())


def test_a_summary_says_which_entries_there_are() -> None:
    """Blocks that continue one another are one span; the summary gives the spans back."""
    spans = spans_of([*_records(4), _record(100), Record(Kind.MARK, ORIGIN)])
    assert [(span.first, span.last) for span in spans] == [(1, 12), (100, 102)]
    page = encode_summary(spans, origin=ORIGIN, generation=GENERATION)
    assert page is not None
    assert decode_summary(page.ljust(PAGE_BYTES, b"\0"), GENERATION) == spans
    assert decode_summary(page, GENERATION + 1) is None
    assert decode_summary(page[:-1] + b"\0\0", GENERATION) is None


def test_too_many_spans_have_no_summary() -> None:
    """What does not fit into the page is not written; the segment is read as a whole then."""
    spans = spans_of([_record(1 + 10 * index) for index in range(100)])
    assert encode_summary(spans, origin=ORIGIN, generation=GENERATION) is None


@given(st.binary(max_size=200))
def test_any_summary_can_be_read(payload: bytes) -> None:
    """A summary with a right CRC and any content gives spans that can be, or none."""
    record = Record(Kind.SUMMARY, ORIGIN, count=len(payload) // 57, payload=payload)
    spans = decode_summary(encode_record(record, GENERATION), GENERATION)
    assert spans is None or all(0 < span.first <= span.last for span in spans)


def test_another_version_is_not_ours() -> None:
    """A segment of a later version is recognised, so that it is neither read nor declared as lost."""
    segment = _segment(_records(1))
    later = segment[:8] + b"\x02\x00" + segment[10:]
    assert decode_header(later) is None
    assert not is_ours(later)
    assert is_ours(segment)
