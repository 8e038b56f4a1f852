"""A batch: one comment line that says what follows, then one line per sequence number."""

import re
import zlib
from collections.abc import Iterable

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
    lines = tuple(_join_comments(rest.split(b"\n")))
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
        WireError: the bytes are not gzip, are cut short, or hold more than a batch may.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(message, MAX_BATCH_BYTES)
    except zlib.error as exc:
        raise WireError(f"compressed batch cannot be unpacked: {exc}") from exc
    if not unpacker.eof:
        raise WireError("compressed batch is cut short or holds more than a batch may")
    return text


def _join_comments(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Yield lines, each with the comment line that stands before it."""
    comment = b""
    for line in lines:
        if line.startswith(b"#"):
            comment = line + b"\n"
        elif line:
            yield comment + line
            comment = b""
