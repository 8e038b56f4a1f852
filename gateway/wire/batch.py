"""A batch: one comment line that says what follows, then one line per sequence number."""

import re
import zlib
from collections.abc import Iterator

from gateway.core.errors import WireError
from gateway.core.protocols import Batch

VERSION = 1
MAX_BATCH_BYTES = 1_048_576
"""Of the text, before compression; a collector refuses more."""

_HEADER = re.compile(
    rb"# kvarter/(?P<version>\d{1,3}) site=(?P<site>[a-z0-9_-]{1,64}) run=(?P<run>[0-9a-f]{16}) "
    rb"first=(?P<first>\d{1,18}) last=(?P<last>\d{1,18}) catalogue=(?P<catalogue>[0-9a-f]{8})"
)


def encode_batch(site: str, batch: Batch) -> bytes:
    """Return the message that carries the batch."""
    header = (
        f"# kvarter/{VERSION} site={site} run={batch.run} first={batch.first} last={batch.last} "
        f"catalogue={batch.catalogue}"
    )
    return b"\n".join((header.encode(), *batch.lines, b""))


def decode_batch(message: bytes) -> tuple[str, Batch]:
    """Return the site and the batch; lines are not looked into.

    Raises:
        WireError: the header is not ours, or the number of lines is not what it says.
    """
    if len(message) > MAX_BATCH_BYTES:
        raise WireError(f"batch of {len(message)} bytes; the limit is {MAX_BATCH_BYTES}")
    header, _, rest = message.partition(b"\n")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise WireError(f"not a batch of ours: {header[:80]!r}")
    if int(match["version"]) != VERSION:
        raise WireError(f"batch of version {int(match['version'])}; this program knows {VERSION}")
    first, last = int(match["first"]), int(match["last"])
    lines = tuple(_join_comments(rest))
    if len(lines) != last - first + 1:
        raise WireError(f"{len(lines)} lines in a batch from {first} to {last}")
    site, run, catalogue = (match[name].decode() for name in ("site", "run", "catalogue"))
    return site, Batch(run, first, last, catalogue, lines)


def compress(message: bytes) -> bytes:
    """Return the message in gzip format."""
    packer = zlib.compressobj(level=6, wbits=31)
    return packer.compress(message) + packer.flush()


def decompress(message: bytes) -> bytes:
    """Return what `compress` packed, never more than a batch may hold.

    Raises:
        WireError: the bytes are not exactly one gzip member, or it holds more than a batch may.
    """
    if len(message) > MAX_BATCH_BYTES:
        raise WireError(f"compressed batch of {len(message)} bytes; the limit is {MAX_BATCH_BYTES}")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(message, MAX_BATCH_BYTES + 1)
    except zlib.error as exc:
        raise WireError(f"compressed batch cannot be unpacked: {exc}") from exc
    if len(text) > MAX_BATCH_BYTES:
        raise WireError(f"compressed batch holds more than {MAX_BATCH_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise WireError("compressed batch is cut short, or something follows it")
    return text


def _join_comments(text: bytes) -> Iterator[bytes]:
    """Yield lines, each with the comment line that stands before it.

    Raises:
        WireError: a line is empty, a comment has no line, or the text does not end with a line feed.
    """
    *lines, rest = text.split(b"\n")
    if rest:
        raise WireError(f"batch is cut short: {rest[:80]!r}")
    comment = b""
    for line in lines:
        if line.startswith(b"#") and not comment:
            comment = line + b"\n"
        elif line.startswith(b"#") or not line:
            raise WireError("a comment in a batch stands before no line, or a line is empty")
        else:
            yield comment + line
            comment = b""
    if comment:
        raise WireError("the comment at the end of a batch stands before no line")
