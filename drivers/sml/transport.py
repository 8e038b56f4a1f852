"""The transport layer of SML, version 1: escape sequences, padding, and the checksum of a whole frame. Pure.

Source: BSI TR-03109-1, annex IV, Smart Message Language 1.04, section 8.
"""

from dataclasses import dataclass

from drivers.records.crc import crc_kermit, crc_x25

_ESCAPE = b"\x1b\x1b\x1b\x1b"
START = _ESCAPE + b"\x01\x01\x01\x01"
_VERSION_2 = b"\x02\x02\x02\x02"
_END = 0x1A
_MOST_PADDING = 3
LONGEST = 8192
"""Octets of a frame; the longest ones that meters send (signed lists) have some 1,500."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stood between a start and the end that belongs to it."""

    end: int
    """Index behind it."""
    payload: bytes = b""
    """Without escape sequences and padding."""
    reason: str = ""
    """What is wrong with it, empty where nothing is."""


def cut(octets: bytes, start: int) -> Frame | None:
    """Return the frame whose start sequence stands at an index, None where its end has not arrived."""
    parts: list[bytes] = []
    at = start + len(START)
    while True:
        found = octets.find(_ESCAPE, at)
        if (len(octets) if found < 0 else found) - start >= LONGEST:
            return Frame(start + LONGEST, reason="frame without an end")
        if found < 0 or found + 8 > len(octets):
            return None
        meaning = octets[found + 4 : found + 8]
        if meaning == _ESCAPE:
            parts.append(octets[at : found + 4])
            at = found + 8
        elif meaning[0] == _END:
            parts.append(octets[at:found])
            return _closed(octets[start : found + 8], b"".join(parts), found + 8)
        elif meaning == START[4:]:
            return Frame(found, reason="frame without an end: the next one begins")
        elif meaning[0] == _ESCAPE[0] and meaning != _VERSION_2:
            # Four of five 0x1B: the first of them is content.
            parts.append(octets[at : found + 1])
            at = found + 1
        else:
            return Frame(found + 4, reason=f"escape sequence {meaning.hex(' ')} means nothing")


def _closed(frame: bytes, content: bytes, end: int) -> Frame:
    padding, sent = frame[-3], frame[-2:]
    checked = frame[:-2]
    if sent != crc_x25(checked).to_bytes(2, "little"):
        kermit = crc_kermit(checked)
        if sent not in (kermit.to_bytes(2, "little"), kermit.to_bytes(2, "big")):
            return Frame(end, reason="checksum of the frame is wrong")
    if padding > _MOST_PADDING or padding > len(content) or any(content[len(content) - padding :]):
        return Frame(end, reason=f"padding of {padding} octets is impossible")
    return Frame(end, content[: len(content) - padding])
