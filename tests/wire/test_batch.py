"""Batches: their header, their lines, their compression."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import WireError
from gateway.core.protocols import Batch
from gateway.wire.batch import MAX_BATCH_BYTES, compress, decode_batch, decompress, encode_batch

LINES = (
    b"kvarter,site=a,device=b elec_power_active=1.5,status=0i 1795320300061000000",
    b'# {"text": "meter exchanged"}\nkvarter_event,site=a,kind=note,cause=person from=1i,to=2i,count=0i 2000000',
    b"kvarter,site=a,device=b status=2i 1795320301061000000",
)
BATCH = Batch("9f3c7e21a04b55d0", 88120, 88122, "5f0c9a1e", LINES)
MESSAGE = encode_batch("soenderborg-12", BATCH)
HEADER = b"# kvarter/1 site=soenderborg-12 run=9f3c7e21a04b55d0 first=88120 last=88122 catalogue=5f0c9a1e\n"


def test_batch_is_the_message_of_the_design() -> None:
    """A batch is one comment line that says what follows, then its lines."""
    assert HEADER + b"\n".join(LINES) + b"\n" == MESSAGE


def test_comment_travels_with_its_event() -> None:
    """The comment line before an event belongs to the event's own sequence number."""
    assert decode_batch(MESSAGE) == ("soenderborg-12", BATCH)


@given(
    site=st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True),
    run=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    first=st.integers(0, 10**17),
    lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=20),
)
def test_batch_comes_back(site: str, run: str, first: int, lines: list[bytes]) -> None:
    """Encoded and decoded, plain or compressed, a batch is the same batch."""
    batch = Batch(run, first, first + len(lines) - 1, "00000000", tuple(lines))
    message = encode_batch(site, batch)
    assert decode_batch(message) == decode_batch(decompress(compress(message))) == (site, batch)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\n",
        HEADER,
        MESSAGE[:-1],
        MESSAGE[:-20],
        MESSAGE + b"kvarter\n",
        MESSAGE + b"\n",
        MESSAGE + b"# {}\n",
        MESSAGE.replace(b"kvarter_event", b"# {}\nkvarter_event"),
        MESSAGE.replace(LINES[2] + b"\n", b"# {}\n"),
        MESSAGE.replace(b"first=88120", b"first=88119"),
        MESSAGE.replace(b"first=88120", b"first=88123"),
        MESSAGE.replace(b"run=9f3c7e21a04b55d0", b"run=9F3C7E21A04B55D0"),
        MESSAGE.replace(b"run=9f3c7e21a04b55d0 ", b""),
        MESSAGE.replace(b"site=soenderborg-12", b"site=A"),
        MESSAGE.replace(b"catalogue=5f0c9a1e", b"catalogue=5f0c9a1"),
        MESSAGE.replace(b"# kvarter/1 ", b"# kvarter/1  "),
        MESSAGE.replace(b"\n", b"\r\n"),
        LINES[0],
        b'{"time": 1}',
        b"\xff\xfe",
    ],
)
def test_message_that_is_no_batch_is_refused(message: bytes) -> None:
    """A header that is not ours, or other lines than it says, raises WireError."""
    with pytest.raises(WireError):
        decode_batch(message)


def test_batch_of_a_later_version_is_named() -> None:
    """A batch of a version that this program does not know says so."""
    with pytest.raises(WireError, match="batch of version 2; this program knows 1"):
        decode_batch(MESSAGE.replace(b"kvarter/1", b"kvarter/2"))


def test_oversized_batch_is_refused() -> None:
    """A message of more bytes than a batch may have is not looked into."""
    with pytest.raises(WireError, match=f"the limit is {MAX_BATCH_BYTES}"):
        decode_batch(HEADER + b"x" * MAX_BATCH_BYTES)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_a_wire_error(message: bytes) -> None:
    """No message raises anything but WireError, compressed or not."""
    with pytest.raises(WireError):
        decode_batch(message)
    with pytest.raises(WireError):
        decompress(message)


@pytest.mark.parametrize("size", [0, 1, MAX_BATCH_BYTES - 1, MAX_BATCH_BYTES])
def test_compression_returns_the_message(size: int) -> None:
    """Up to the largest batch, unpacking returns what was packed, in the standard's own format."""
    message = bytes(size)
    assert decompress(compress(message)) == message
    assert gzip.decompress(compress(message)) == message


def test_one_byte_too_many_is_refused() -> None:
    """What unpacks to one byte more than a batch may hold is refused."""
    with pytest.raises(WireError, match="holds more than"):
        decompress(compress(bytes(MAX_BATCH_BYTES + 1)))


def test_compression_bomb_is_bounded() -> None:
    """What would unpack to a hundred batches takes the memory of a few before it is refused."""
    bomb = compress(bytes(100 * MAX_BATCH_BYTES))
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="holds more than"):
            decompress(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * MAX_BATCH_BYTES


def test_oversized_compressed_message_is_refused() -> None:
    """A compressed message that is larger than any batch is not unpacked."""
    with pytest.raises(WireError, match="compressed batch of"):
        decompress(compress(b"x") + bytes(MAX_BATCH_BYTES))


@given(at=st.integers(0, len(compress(MESSAGE)) - 1), bit=st.integers(0, 7))
def test_flipped_bit_never_passes(at: int, bit: int) -> None:
    """A compressed batch with one flipped bit is refused, or unpacks to the same bytes."""
    packed = bytearray(compress(MESSAGE))
    packed[at] ^= 1 << bit
    try:
        assert decompress(bytes(packed)) == MESSAGE
    except WireError:
        return


@given(cut=st.integers(0, len(compress(MESSAGE)) - 1))
def test_cut_compressed_batch_is_refused(cut: int) -> None:
    """Every proper beginning of a compressed batch is refused."""
    with pytest.raises(WireError):
        decompress(compress(MESSAGE)[:cut])


@pytest.mark.parametrize("tail", [b"x", compress(MESSAGE), b"\0"])
def test_something_behind_a_compressed_batch_is_refused(tail: bytes) -> None:
    """A second member or foreign bytes behind the first raise WireError."""
    with pytest.raises(WireError):
        decompress(compress(MESSAGE) + tail)
