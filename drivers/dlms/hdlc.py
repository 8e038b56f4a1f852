"""HDLC frames of type 3: length, addresses, checksums. Pure.

Source: IEC 62056-46 (DLMS UA Green Book, section 8.4).
"""

from dataclasses import dataclass

from drivers.records.crc import crc_x25

FLAG = 0x7E
_SEGMENT = 0x08
_HIGH_LENGTH = 0x07
_CHECKSUM = 2
_ADDRESS_LENGTHS = (1, 2, 4)
_LONGEST_HEADER = 2 + 4 + 4 + 1 + _CHECKSUM
_SHORTEST = 2 + 1 + 1 + 1 + _CHECKSUM


@dataclass(frozen=True, slots=True)
class Frame:
    """What stood between two flags."""

    end: int
    """Index behind the closing flag."""
    addresses: bytes = b""
    """Destination and source, as they stood there."""
    content: bytes = b""
    more_follows: bool = False
    """It is a segment, and not the last one."""
    reason: str = ""
    """What is wrong with it, empty where nothing is."""


def cut(octets: bytes, start: int) -> Frame | None:
    """Return the frame whose opening flag and format octet stand at an index, None while its end is awaited."""
    if len(octets) < start + 3:
        return None
    length = (octets[start + 1] & _HIGH_LENGTH) << 8 | octets[start + 2]
    body = octets[start + 1 : start + 1 + length]
    header = _header(body)
    reason = _start_fault(body, header, length)
    if reason:
        return Frame(start + 3, reason=reason)
    end = start + length + 2
    if header is None or len(octets) < end:
        return None
    if octets[end - 1] != FLAG:
        return Frame(end, reason="frame does not end where its length says")
    if not _agrees(body):
        return Frame(end, reason="checksum of the frame is wrong")
    content = body[header + _CHECKSUM : -_CHECKSUM]
    return Frame(end, body[2 : header - 1], content, bool(body[0] & _SEGMENT))


def _start_fault(body: bytes, header: int | None, length: int) -> str:
    """Return what is wrong with what is there of a header, empty where nothing is so far."""
    if length < _SHORTEST:
        return f"frame of {length} octets is too short"
    if header is None:
        return "an address has no end" if len(body) >= min(length, _LONGEST_HEADER) else ""
    has_content = length > header + _CHECKSUM
    # The checksum of the header unmasks a false start before its long wait for an end.
    if has_content and len(body) >= header + _CHECKSUM and not _agrees(body[: header + _CHECKSUM]):
        return "checksum of the header is wrong"
    return ""


def _header(body: bytes) -> int | None:
    """Return how long format, addresses and control are, None where an address does not end."""
    at = 2
    for _ in range(2):
        lengths = (each for each in _ADDRESS_LENGTHS if body[at + each - 1 : at + each] and body[at + each - 1] & 1)
        taken = next(lengths, None)
        if taken is None:
            return None
        at += taken
    return at + 1


def _agrees(checked: bytes) -> bool:
    return crc_x25(checked[:-_CHECKSUM]).to_bytes(_CHECKSUM, "little") == checked[-_CHECKSUM:]
