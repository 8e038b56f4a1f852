"""SML telegrams in a stream of bytes. Pure."""

from collections.abc import Iterator, Sequence

from drivers.records.telegram import Damaged, Telegram
from drivers.sml.messages import parse_file
from drivers.sml.telegram import to_telegram
from drivers.sml.tl import NotSmlError
from drivers.sml.transport import START, cut

_ENDS = b"\x1b\x1b\x1b\x1b"


class SmlStream:
    """Implements TelegramStream."""

    def __init__(self) -> None:
        self._buffer = b""
        self._unseen = 0
        """Where what arrived since the last look begins."""

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""
        self._unseen = max(0, len(self._buffer) - 7)
        self._buffer += chunk
        if _ENDS not in self._buffer[self._unseen :] and len(self._buffer) < len(START) * 1024:
            return ()
        return list(self._found(is_over=False))

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
        found = list(self._found(is_over=True))
        self._buffer = b""
        return found

    def _found(self, *, is_over: bool) -> Iterator[Telegram | Damaged]:
        """Yield what the buffer holds, and keep the part that may still become a frame."""
        octets, start = self._buffer, 0
        while True:
            start = octets.find(START, start)
            if start < 0:
                self._buffer = octets[len(octets) - min(len(octets), len(START) - 1) :]
                return
            frame = cut(octets, start)
            if frame is None and not is_over:
                self._buffer = octets[start:]
                return
            end, reason = (len(octets), "frame without an end") if frame is None else (frame.end, frame.reason)
            raw = octets[start:end]
            finding = Damaged(reason, raw) if frame is None or reason else _opened(frame.payload, raw)
            if isinstance(finding, Telegram):
                yield finding
                start = end
                continue
            # A good frame may begin inside a damaged one.
            inner = octets.find(START, start + 1, end + len(START))
            start = end if inner < 0 else inner
            yield Damaged(finding.reason, raw[: max(len(START), start - (end - len(raw)))])


def _opened(payload: bytes, raw: bytes) -> Telegram | Damaged:
    try:
        return to_telegram(parse_file(payload), raw)
    except NotSmlError as exc:
        return Damaged(str(exc), raw)
