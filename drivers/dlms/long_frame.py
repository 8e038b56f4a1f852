"""DLMS in long frames of M-Bus, as meters in Austria and Luxembourg push it. Pure.

Source: EN 13757-2 (frame format FT 1.2) and EN 13757-3, annex on DLMS; Green Book, section 10.5 (M-Bus profile).
"""

from dataclasses import dataclass

START = 0x68
_STOP = 0x16
_HEAD, _TAIL = 4, 2
_LINK_AND_TRANSPORT = 5
_OVERFLOW = 256
_LAST, _NUMBER = 0x10, 0x0F


@dataclass(frozen=True, slots=True)
class LongFrame:
    """One segment."""

    end: int
    """Index behind its stop octet."""
    addresses: bytes = b""
    content: bytes = b""
    number: int = 0
    """Of the segment, from 0."""
    is_last: bool = False
    reason: str = ""
    """What is wrong with it, empty where nothing is."""


def cut_long(octets: bytes, start: int) -> LongFrame | None:
    """Return the frame that starts at an index, None while its end is awaited."""
    length = octets[start + 1]
    # Sagemcom counts past 255 in one octet.
    if length < _LINK_AND_TRANSPORT:
        length += _OVERFLOW
    end = start + _HEAD + length + _TAIL
    if len(octets) < end:
        return None
    body = octets[start + _HEAD : end - _TAIL]
    if octets[end - 1] != _STOP:
        return LongFrame(end, reason="frame does not end where its length says")
    if sum(body) & 0xFF != octets[end - 2]:
        return LongFrame(end, reason="checksum of the frame is wrong")
    control = body[2]
    return LongFrame(
        end, body[1:2] + body[3:5], body[_LINK_AND_TRANSPORT:], control & _NUMBER, is_last=bool(control & _LAST)
    )
