"""Segments and blocks → one whole APDU. Pure.

Source: DLMS UA Green Book, sections 8.4.3 (segmentation) and 9.4.6.13 (general block transfer).
"""

from dataclasses import dataclass

from drivers.dlms.axdr import NotDlmsError, Reader
from drivers.dlms.hdlc import Frame
from drivers.dlms.long_frame import LongFrame

_LLC = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
_BLOCK = 0xE0
_LAST_BLOCK = 0x80
_LONGEST = 16384


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole APDU, or why pieces that were kept make none."""

    apdu: bytes = b""
    raw: bytes = b""
    reason: str = ""


class Assembly:
    """Keeps the pieces of one APDU until it is whole."""

    def __init__(self) -> None:
        self._segments = _Pieces()
        self._blocks = _Pieces()

    def take(self, frame: Frame, raw: bytes) -> list[Piece]:
        """Return what is whole, and what was given up, with one more HDLC frame."""
        if not frame.content:
            return []
        is_first = frame.content.startswith(_LLC)
        given_up = self._segments.give_up() if is_first else []
        content = frame.content[3:] if is_first else frame.content
        if not is_first and not self._segments and not (self._blocks and content[0] == _BLOCK):
            return [Piece(raw=raw, reason="segment without the segments before it")]
        if not self._segments.add(content, raw, owner=frame.addresses):
            return [*given_up, *self._segments.give_up()]
        return given_up if frame.more_follows else [*given_up, *self._whole()]

    def take_long(self, frame: LongFrame, raw: bytes) -> list[Piece]:
        """Return what is whole, and what was given up, with one more frame of M-Bus."""
        starts_anew = frame.number == 0 and self._segments.count & 0x0F
        given_up = self._segments.give_up() if starts_anew else []
        if frame.number != self._segments.count & 0x0F:
            return [*self._segments.give_up(), Piece(raw=raw, reason="segment without the segments before it")]
        if not self._segments.add(frame.content, raw, owner=frame.addresses):
            return [*given_up, *self._segments.give_up()]
        return [*given_up, *self._whole()] if frame.is_last else given_up

    def finish(self) -> list[Piece]:
        """Return what never became whole."""
        return [*self._segments.give_up(), *self._blocks.give_up()]

    def _whole(self) -> list[Piece]:
        apdu, raw = self._segments.drain()
        if not apdu or apdu[0] != _BLOCK:
            return [*self._blocks.give_up(), Piece(apdu, raw)]
        reader = Reader(apdu, 1)
        try:
            control = reader.take(1)[0]
            number = int.from_bytes(reader.take(2), "big")
            reader.take(2)
            content = reader.take(reader.length())
        except NotDlmsError as exc:
            return [*self._blocks.give_up(), Piece(raw=raw, reason=str(exc))]
        given_up = self._blocks.give_up() if number == 1 else []
        if number != self._blocks.count + 1:
            return [*self._blocks.give_up(), Piece(raw=raw, reason="block without the blocks before it")]
        if not self._blocks.add(content, raw):
            return self._blocks.give_up()
        if control & _LAST_BLOCK:
            return [*given_up, Piece(*self._blocks.drain())]
        return given_up


class _Pieces:
    """Some pieces in their order, all from one sender."""

    def __init__(self) -> None:
        self.count = 0
        self._content = bytearray()
        self._raw = bytearray()
        self._owner = b""

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, content: bytes, raw: bytes, *, owner: bytes = b"") -> bool:
        """Keep one more; return whether it belongs to those before and they are not too many."""
        belongs = not self.count or owner == self._owner
        self.count += 1
        self._owner = owner
        self._content += content
        self._raw += raw
        return belongs and len(self._content) <= _LONGEST

    def drain(self) -> tuple[bytes, bytes]:
        """Return the content and the frames it came in, and forget them."""
        taken = bytes(self._content), bytes(self._raw)
        self.count = 0
        self._content.clear()
        self._raw.clear()
        return taken

    def give_up(self) -> list[Piece]:
        """Return why the kept pieces make nothing, nothing where there are none."""
        if not self:
            return []
        return [Piece(raw=self.drain()[1], reason="the rest of a telegram in pieces is missing")]
