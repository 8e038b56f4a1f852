"""Telegrams in bytes that may begin anywhere, be glued together or damaged. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from drivers.mbus.frame import Found, long_frame, look, why_broken
from drivers.mbus.records import BadTelegram
from drivers.mbus.telegram import read_telegram
from drivers.records.telegram import Damaged, Telegram

_MOST_NOISE: Final = 512


class MbusStream:
    """Implements TelegramStream: each long frame of a meter is one telegram; requests and acknowledgements are none."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()
        self._explained = 0
        """Bytes at the beginning of `_held` that belong to a frame already reported as damaged."""

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them."""
        self._held += chunk
        return list(self._find(is_end=False))

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over: an unfinished frame, and good ones inside it."""
        return [*self._find(is_end=True), *self._stray()]

    def _find(self, *, is_end: bool) -> Iterator[Telegram | Damaged]:
        held = self._held
        place = 0
        try:
            while place < len(held):
                found, size = look(held, place)
                if found is Found.INCOMPLETE and not is_end:
                    return
                if found is Found.NOTHING:
                    yield from self._skip(held, place)
                    size = 1
                elif found in (Found.BROKEN, Found.INCOMPLETE):
                    yield from self._broken(bytes(held[place : place + size]), found)
                    size = 1
                elif found is Found.LONG:
                    yield from self._stray()
                    self._explained = 0
                    yield from self._telegram(bytes(held[place : place + size]))
                self._explained = max(0, self._explained - size)
                place += size
        finally:
            del held[:place]

    def _skip(self, held: bytearray, place: int) -> Iterator[Damaged]:
        """Note a byte that belongs to no frame."""
        if self._explained > 0:
            return
        self._noise.append(held[place])
        if len(self._noise) >= _MOST_NOISE:
            yield from self._stray()

    def _broken(self, raw: bytes, found: Found) -> Iterator[Damaged]:
        """Report a frame that is none, once; what stands inside it is looked at again."""
        if self._explained > 0:
            return
        yield from self._stray()
        self._explained = len(raw)
        reason = why_broken(raw) if found is Found.BROKEN else f"a frame ends after {len(raw)} bytes"
        yield Damaged(reason, raw)

    def _stray(self) -> Iterator[Damaged]:
        """Report the bytes noted so far that belong to no frame."""
        if self._noise:
            yield Damaged(f"{len(self._noise)} bytes that belong to no frame", bytes(self._noise))
            self._noise.clear()

    def _telegram(self, raw: bytes) -> Iterator[Telegram | Damaged]:
        frame = long_frame(raw)
        if not frame.is_response:
            return
        try:
            telegram, _ = read_telegram(frame)
        except BadTelegram as exc:
            yield Damaged(str(exc), raw)
            return
        yield telegram
