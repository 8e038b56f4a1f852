import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.spool.record import (
    HEADER_BYTES,
    MAX_SEQUENCE,
    MAX_TIME_MS,
    Kind,
    Origin,
    Record,
    SpooledEntry,
    Stamp,
    boot_tag,
    encode_entry,
    encode_record,
    pack_block,
    pack_origin,
    pack_ranges,
    read_record,
    unpack_entries,
    unpack_ranges,
)

ORIGIN = Origin("0123456789abcdef", "89abcdef", "fedcba9876543210")
GENERATIONS = st.integers(0, 2**32 - 1)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[int, list[SpooledEntry]]:
    """Consecutive entries as the spool makes them: one kind of stamp, times within the wire format."""
    stamp = draw(st.sampled_from(Stamp))
    entry = st.builds(
        SpooledEntry,
        body=st.binary(max_size=200),
        monotonic_ms=st.integers(0, 10**11),
        time_ms=st.integers(0, MAX_TIME_MS),
        stamp=st.just(stamp),
    )
    return draw(st.integers(1, MAX_SEQUENCE - 200)), draw(st.lists(entry, min_size=1, max_size=20))


@given(blocks(), GENERATIONS)
def test_a_block_comes_back_as_it_was(block: tuple[int, list[SpooledEntry]], generation: int) -> None:
    """What is packed, encoded, read and unpacked is the same, whatever lines and times are in it."""
    first, entries = block
    found = read_record(encode_record(pack_block(ORIGIN, first, entries), generation), 0)
    assert found is not None
    assert found.intact
    assert found.generation == generation
    assert found.record.origin == ORIGIN
    assert (found.record.first, found.record.last) == (first, first + len(entries) - 1)
    assert unpack_entries(found.record) == tuple(entries)
    assert found.record.time_ms == min(entry.time_ms for entry in entries)


@given(blocks(), GENERATIONS)
def test_a_single_entry_comes_back_as_it_was(block: tuple[int, list[SpooledEntry]], generation: int) -> None:
    """The record of the RAM tier holds one line as it is."""
    first, (entry, *_) = block
    text = encode_entry(entry, first, origin=pack_origin(ORIGIN), generation=generation)
    found = read_record(text, 0)
    assert found is not None
    assert (found.record.kind, found.record.first, found.end) == (Kind.ENTRY, first, len(text))
    assert unpack_entries(found.record) == (entry,)


@given(blocks(), GENERATIONS, GENERATIONS)
def test_a_record_of_another_generation_never_passes(
    block: tuple[int, list[SpooledEntry]], generation: int, other: int
) -> None:
    """The CRCs are seeded: a header that is made to claim another generation is no header."""
    text = bytearray(encode_record(pack_block(ORIGIN, *block), generation))
    text[12:16] = other.to_bytes(4, "little")
    found = read_record(bytes(text), 0)
    assert (found is not None) == (generation == other)


@given(blocks(), st.data())
def test_a_flipped_bit_is_noticed(block: tuple[int, list[SpooledEntry]], data: st.DataObject) -> None:
    """One wrong bit anywhere makes the header unreadable or the payload not intact."""
    text = bytearray(encode_record(pack_block(ORIGIN, *block), 7))
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    text[bit // 8] ^= 1 << bit % 8
    found = read_record(bytes(text), 0)
    assert (found is None) if bit < 8 * HEADER_BYTES else (found is not None and not found.intact)


@pytest.mark.parametrize(
    "record",
    [
        Record(Kind.BLOCK, ORIGIN, first=0, count=1),
        Record(Kind.BLOCK, ORIGIN, first=1, count=0),
        Record(Kind.BLOCK, ORIGIN, first=1, count=129),
        Record(Kind.ENTRY, ORIGIN, first=1, count=2),
        Record(Kind.BLOCK, ORIGIN, first=MAX_SEQUENCE, count=2),
        Record(Kind.MARK, ORIGIN, time_ms=MAX_TIME_MS + 1),
        Record(Kind.MARK, ORIGIN, time_ms=MAX_TIME_MS, span_ms=1),
        Record(Kind.MARK, ORIGIN, time_ms=-1),
    ],
)
def test_a_header_that_makes_no_sense_is_none(record: Record) -> None:
    """A right CRC does not make an impossible record possible."""
    assert read_record(encode_record(record, 1), 0) is None


def _with_kind(kind: int, stamp: int) -> bytes:
    text = bytearray(encode_record(Record(Kind.MARK, ORIGIN), 1))
    text[4:6] = bytes((kind, stamp))
    text[68:72] = zlib.crc32(bytes(text[:68]), 1).to_bytes(4, "little")
    return bytes(text)


def test_an_unknown_kind_is_none() -> None:
    """A kind or a stamp of a later version is not read as something else."""
    assert read_record(_with_kind(Kind.MARK, 0), 0) is not None
    assert read_record(_with_kind(99, 0), 0) is None
    assert read_record(_with_kind(Kind.MARK, 3), 0) is None


def test_a_cut_record_is_none() -> None:
    """A record that ends behind the end of the file is not there."""
    text = encode_record(Record(Kind.RELEASED, ORIGIN, payload=b"12345678"), 1)
    assert read_record(text[:-1], 0) is None
    assert read_record(text[: HEADER_BYTES - 1], 0) is None


@given(st.binary(max_size=300), st.integers(1, 128))
def test_a_payload_that_is_no_block_gives_no_entries(payload: bytes, count: int) -> None:
    """Whatever stands behind a right CRC, unpacking it ends, and gives entries of the count or none."""
    entries = unpack_entries(Record(Kind.BLOCK, ORIGIN, first=1, count=count, payload=payload))
    assert entries is None or len(entries) == count


@given(st.binary(max_size=300), st.integers(1, 4))
def test_a_packed_payload_that_is_no_block_gives_no_entries(raw: bytes, count: int) -> None:
    """Columns that do not fit the lines give nothing, never lines that nobody wrote."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    payload = packer.compress(raw) + packer.flush()
    entries = unpack_entries(Record(Kind.BLOCK, ORIGIN, first=1, count=count, payload=payload))
    assert entries is None or sum(len(entry.body) for entry in entries) == len(raw) - 24 * count


def test_a_bomb_is_not_unpacked() -> None:
    """A payload that unpacks to more than a block can hold costs no more memory than a block."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = packer.compress(bytes(100_000_000)) + packer.flush()
    assert unpack_entries(Record(Kind.BLOCK, ORIGIN, first=1, count=1, payload=payload)) is None


def test_times_beyond_the_wire_format_give_no_entries() -> None:
    """A block whose columns run away has no entries."""
    block = pack_block(ORIGIN, 1, [SpooledEntry(b"x", 5, 10, Stamp.CERTAIN)])
    shifted = Record(Kind.BLOCK, ORIGIN, first=1, count=1, monotonic_ms=10**14, payload=block.payload)
    assert unpack_entries(shifted) is None


@given(st.binary(max_size=100))
def test_ranges_from_any_bytes_are_ranges(payload: bytes) -> None:
    """A released record names only ranges that can be."""
    assert all(0 < first <= last <= MAX_SEQUENCE for first, last in unpack_ranges(payload))


def test_ranges_come_back() -> None:
    """A released record holds what was put into it."""
    assert unpack_ranges(pack_ranges([(1, 5), (9, 9)])) == [(1, 5), (9, 9)]


def test_any_boot_id_makes_a_tag() -> None:
    """A boot id becomes 16 hexadecimal digits, and equal ids equal ones."""
    tag = boot_tag("6b4f2a1e-93c1-4a62-b5a6-2f7a27e1a2c3\n")
    assert len(bytes.fromhex(tag)) == 8
    assert tag == boot_tag("6b4f2a1e-93c1-4a62-b5a6-2f7a27e1a2c3\n") != boot_tag("")
