"""Telegrams cut out of a stream by their first line and their end mark: bounded, and past any damage. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from drivers.iec62056.checksum import seven_bits
from drivers.records.telegram import Damaged, Telegram

LONGEST: Final = 65536
"""Bytes of a telegram."""
_STARTS: Final = 4
"""So many beginnings before one end are tried: the first and the last ones."""
_LONGEST_LINE: Final = 80
Judge = Callable[[bytes], Telegram | Damaged]
End = Callable[[bytearray, int], int | None]
"""Buffer in seven bits, and where to look from → the place behind the first end mark."""


class Frames:
    """Cuts pieces that begin like a telegram and end with an end mark.

    Args:
        start: How a telegram begins; in seven bits.
        end: Finds the end of one, as early as it is certain.
    """

    def __init__(self, *, start: re.Pattern[bytes], end: End) -> None:
        self._start = start
        self._end = end
        self._raw = bytearray()
        self._plain = bytearray()
        """The same without parity."""
        self._is_open = False
        """The buffer begins like a telegram."""
        self._is_synchronised = False
        """An end was seen: the next end without a beginning is that of a telegram that lost it."""
        self._looked = 0
        """Up to there is no end mark."""

    def findings(self, chunk: bytes, judge: Judge) -> list[Telegram | Damaged]:
        """Take bytes; return the telegrams that are complete with them, and what is none."""
        found: list[Telegram | Damaged] = []
        for place in range(0, len(chunk), LONGEST):
            part = chunk[place : place + LONGEST]
            self._raw += part
            self._plain += part if part.isascii() else seven_bits(part)
            for piece in self._pieces():
                found.extend([piece] if isinstance(piece, Damaged) else self.first_good(piece, judge))
        return found

    def rest(self) -> bytes:
        """Return what began like a telegram and has no end yet, and forget it."""
        rest = bytes(self._raw) if self._is_open else b""
        self._drop(len(self._raw))
        self._is_open = False
        return rest

    def first_good(self, piece: bytes, judge: Judge) -> Iterator[Telegram | Damaged]:
        """Yield the telegram that ends the piece, and before it as damaged what stands in front of it."""
        starts = [match.start() for match in self._start.finditer(piece if piece.isascii() else seven_bits(piece))]
        tried = starts if len(starts) <= _STARTS else [starts[0], *starts[1 - _STARTS :]]
        first: Damaged | None = None
        for start in tried:
            finding = judge(piece[start:] if start else piece)
            if isinstance(finding, Telegram):
                if start:
                    yield Damaged("cut off: another telegram begins inside it", piece[:start])
                yield finding
                return
            first = first or finding
        yield first or Damaged("it does not begin like a telegram", piece)

    def _pieces(self) -> Iterator[bytes | Damaged]:
        while True:
            seen = max(0, self._looked - _LONGEST_LINE)
            end = self._end(self._plain, seen)
            if not self._is_open:
                start = self._start.search(self._plain, seen)
                if end is not None and (start is None or end <= start.start()):
                    yield from self._without_beginning(end)
                    continue
                if start is not None:
                    self._drop(start.start())
                    self._is_open = True
                    continue
            if end is not None:
                yield self._drop(end)
                self._is_open, self._is_synchronised = False, True
                continue
            self._looked = len(self._plain)
            if len(self._raw) <= LONGEST:
                return
            yield from self._too_long()

    def _without_beginning(self, end: int) -> Iterator[Damaged]:
        lost = self._drop(end)
        if self._is_synchronised:
            yield Damaged("its beginning is lost", lost)
        self._is_synchronised = True

    def _too_long(self) -> Iterator[Damaged]:
        """Go on where the last telegram inside begins, behind the first byte."""
        if self._is_open:
            yield Damaged(f"more than {LONGEST} bytes without an end", bytes(self._raw[:LONGEST]))
        inside = [match.start() for match in self._start.finditer(self._plain, 1)]
        self._drop(inside[-1] if inside else len(self._raw) - _LONGEST_LINE)
        self._is_open = bool(inside)

    def _drop(self, count: int) -> bytes:
        dropped = bytes(self._raw[:count])
        del self._raw[:count]
        del self._plain[:count]
        self._looked = 0
        return dropped
