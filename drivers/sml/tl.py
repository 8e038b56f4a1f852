"""Type-length fields of SML and the values behind them. Pure.

Source: BSI TR-03109-1, annex IV, Smart Message Language 1.04, section 6.
"""

from collections.abc import Sequence
from typing import NamedTuple

_OCTETS, _BOOLEAN, _SIGNED, _UNSIGNED, _LIST = 0, 4, 5, 6, 7
_DEEPEST = 12
_MOST_LENGTH_FIELDS = 4
_WIDEST = 8


class NotSmlError(ValueError):
    """The octets do not follow SML."""


class Number(NamedTuple):
    """An integer as it was encoded."""

    value: int
    octets: int
    """Its width; meters leave out leading octets as they like."""
    is_signed: bool


Value = bytes | bool | Number | Sequence["Value"]


class Reader:
    """Reads values one after another."""

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at

    def value(self, depth: int = 0) -> Value:
        """Return the next value; an optional one that is left out is b"".

        Raises:
            NotSmlError: there is none.
        """
        kind, length = self._head()
        if kind == _LIST:
            if depth >= _DEEPEST:
                raise NotSmlError("lists are nested too deep")
            return [self.value(depth + 1) for _ in range(self._bounded(length))]
        content = self._take(length)
        if kind == _OCTETS:
            return content
        if kind == _BOOLEAN and length == 1:
            return content != b"\x00"
        if kind in (_SIGNED, _UNSIGNED) and 1 <= length <= _WIDEST:
            is_signed = kind == _SIGNED
            return Number(int.from_bytes(content, "big", signed=is_signed), length, is_signed)
        raise NotSmlError(f"type {kind} with {length} octets does not exist")

    def list_of(self, *counts: int) -> int:
        """Enter a list and return its length, which is one of those named; any if none is.

        Raises:
            NotSmlError: something else stands here.
        """
        kind, length = self._head()
        if kind != _LIST or (counts and length not in counts):
            raise NotSmlError(f"a list of {' or '.join(map(str, counts)) or 'entries'} was due")
        return self._bounded(length)

    def is_left_out(self) -> bool:
        """Return whether an optional value is left out here, and step over its mark."""
        if self.octets[self.at : self.at + 1] != b"\x01":
            return False
        self.at += 1
        return True

    def _head(self) -> tuple[int, int]:
        """Return type, and length of the content in octets or entries."""
        first = self._take(1)[0]
        length, fields, field = first & 0x0F, 1, first
        while field & 0x80:
            if fields >= _MOST_LENGTH_FIELDS:
                raise NotSmlError("a length has too many fields")
            field = self._take(1)[0]
            length = length << 4 | field & 0x0F
            fields += 1
        kind = first >> 4 & 0x07
        if kind == _LIST:
            return kind, length
        if length < fields:
            raise NotSmlError("a length is shorter than its own field")
        return kind, length - fields

    def _bounded(self, count: int) -> int:
        if count > len(self.octets) - self.at:
            raise NotSmlError("a list is longer than its frame")
        return count

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.octets):
            raise NotSmlError("a value is longer than its frame")
        taken, self.at = self.octets[self.at : end], end
        return taken
