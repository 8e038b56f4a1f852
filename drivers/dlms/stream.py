"""DLMS push telegrams in a stream of bytes, in HDLC frames or in long frames of M-Bus. Pure."""

import re
from collections.abc import Iterator, Sequence

from drivers.dlms.assembly import Assembly, Piece
from drivers.dlms.axdr import NotDlmsError
from drivers.dlms.hdlc import FLAG, Frame, cut
from drivers.dlms.long_frame import LongFrame, cut_long
from drivers.dlms.protection import Keys
from drivers.dlms.push import parse_push
from drivers.dlms.telegram import to_telegram
from drivers.records.telegram import Damaged, Telegram

_STARTS = re.compile(rb"\x7e[\xa0-\xaf]|\x68(.)\1\x68[\x53\x73]", re.DOTALL)
_LONGEST_START = 5


class DlmsStream:
    """Implements TelegramStream.

    Args:
        key: The encryption key, 16 or 32 octets; 32 may also be encryption and authentication key of 16 each.
        authentication_key: Of the same length; without it the tag of a telegram is not checked.
    """

    def __init__(self, key: bytes | None = None, authentication_key: bytes | None = None) -> None:
        self._keys = Keys(key, authentication_key)
        self._buffer = b""
        self._assembly = Assembly()

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""
        self._buffer += chunk
        return list(self._found(is_over=False))

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
        found = list(self._found(is_over=True))
        self._buffer = b""
        found += [self._opened(piece) for piece in self._assembly.finish()]
        return found

    def _found(self, *, is_over: bool) -> Iterator[Telegram | Damaged]:
        octets, at = self._buffer, 0
        while True:
            match = _STARTS.search(octets, at)
            if match is None:
                self._buffer = octets[max(at, len(octets) - _LONGEST_START + 1) :]
                return
            start = match.start()
            frame = cut(octets, start) if octets[start] == FLAG else cut_long(octets, start)
            if frame is None and not is_over:
                self._buffer = octets[start:]
                return
            if frame is None or frame.reason:
                # A good frame may begin inside a damaged one.
                at = start + 1
                following = _STARTS.search(octets, at)
                end = len(octets) if frame is None else frame.end
                end = end if following is None else min(end, following.start())
                yield Damaged("frame without an end" if frame is None else frame.reason, octets[start:end])
                continue
            yield from self._taken(frame, octets[start : frame.end])
            # One flag may close a frame and open the next.
            at = frame.end - 1 if isinstance(frame, Frame) else frame.end

    def _taken(self, frame: Frame | LongFrame, raw: bytes) -> Iterator[Telegram | Damaged]:
        pieces = self._assembly.take(frame, raw) if isinstance(frame, Frame) else self._assembly.take_long(frame, raw)
        for piece in pieces:
            yield self._opened(piece)

    def _opened(self, piece: Piece) -> Telegram | Damaged:
        if piece.reason:
            return Damaged(piece.reason, piece.raw)
        try:
            return to_telegram(parse_push(piece.apdu, self._keys), piece.raw)
        except NotDlmsError as exc:
            return Damaged(str(exc), piece.raw)
