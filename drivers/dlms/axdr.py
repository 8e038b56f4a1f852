"""A-XDR, the encoding of DLMS values. Pure.

Source: IEC 62056-6-2 and 62056-5-3 (DLMS UA Blue Book 4.1.5 and Green Book 9.5), IEC 61334-6.
"""

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple

_DEEPEST = 12
_MOST_VALUES = 4096
_ARRAY, _STRUCTURE, _BOOLEAN, _BIT_STRING, _COMPACT_ARRAY = 0x01, 0x02, 0x03, 0x04, 0x13
_OCTET_STRING, _VISIBLE_STRING, _UTF8_STRING, _BCD, _ENUM = 0x09, 0x0A, 0x0C, 0x0D, 0x16
_FLOAT, _FLOAT_32, _FLOAT_64 = 0x07, 0x17, 0x18
_DATE_TIME, _DATE, _TIME = 0x19, 0x1A, 0x1B
_NULL, _DO_NOT_CARE = 0x00, 0xFF
_HIGHEST_DIGIT = 9
_LONG_LENGTH = 0x80
_INTEGERS: Mapping[int, tuple[int, bool]] = MappingProxyType(
    {
        0x05: (4, True),
        0x06: (4, False),
        0x0F: (1, True),
        0x10: (2, True),
        0x11: (1, False),
        0x12: (2, False),
        0x14: (8, True),
        0x15: (8, False),
    }
)
"""Tag → octets, and whether it is signed."""
_FLOATS: Mapping[int, str] = MappingProxyType({_FLOAT: ">f", _FLOAT_32: ">f", _FLOAT_64: ">d"})
_TIMES: Mapping[int, int] = MappingProxyType({_DATE_TIME: 12, _DATE: 5, _TIME: 4})


class NotDlmsError(ValueError):
    """The octets do not follow DLMS."""


class Enumerated(NamedTuple):
    """A code, for example of a unit."""

    code: int


class Text(NamedTuple):
    """A visible string."""

    text: str


class Items(NamedTuple):
    """A structure or an array."""

    values: Sequence["Value"]
    spans: Sequence[tuple[int, int]]
    """Where each stood in the octets."""


Value = None | bool | int | Decimal | bytes | Enumerated | Text | Items
"""Octet strings, bit strings and times are bytes."""


class Reader:
    """Reads values one after another."""

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at
        self._left = _MOST_VALUES

    def value(self) -> Value:
        """Return the next value.

        Raises:
            NotDlmsError: there is none.
        """
        return self._tagged(self.take(1)[0], 0)

    def take(self, count: int) -> bytes:
        """Return the next octets.

        Raises:
            NotDlmsError: there are fewer.
        """
        end = self.at + count
        if end > len(self.octets):
            raise NotDlmsError("a value is longer than its telegram")
        taken, self.at = self.octets[self.at : end], end
        return taken

    def length(self) -> int:
        """Return a length of one octet, or of as many as the first one says.

        Raises:
            NotDlmsError: there is none.
        """
        first = self.take(1)[0]
        return first if first < _LONG_LENGTH else int.from_bytes(self.take(first & 0x7F), "big")

    def _tagged(self, tag: int, depth: int) -> Value:
        self._count()
        if tag in _INTEGERS:
            octets, is_signed = _INTEGERS[tag]
            return int.from_bytes(self.take(octets), "big", signed=is_signed)
        if tag in (_OCTET_STRING, _VISIBLE_STRING, _UTF8_STRING):
            content = self.take(self.length())
            return content if tag == _OCTET_STRING else Text(content.decode("utf-8", "replace"))
        if tag in (_ARRAY, _STRUCTURE, _COMPACT_ARRAY):
            if depth >= _DEEPEST:
                raise NotDlmsError("structures are nested too deep")
            return self._compact(depth) if tag == _COMPACT_ARRAY else self._items(depth)
        return self._rare(tag)

    def _rare(self, tag: int) -> Value:
        if tag in (_NULL, _DO_NOT_CARE):
            return None
        if tag in (_ENUM, _BOOLEAN, _BCD):
            return _small(tag, self.take(1)[0])
        if tag in _FLOATS:
            code = _FLOATS[tag]
            number: float = struct.unpack(code, self.take(struct.calcsize(code)))[0]
            # Seven digits are what 32 bits hold: 0.1 stays 0.1.
            said = f"{number:.7g}" if code == ">f" else repr(number)
            return Decimal(said) if isfinite(number) else None
        if tag in _TIMES or tag == _BIT_STRING:
            return self.take(_TIMES[tag] if tag in _TIMES else (self.length() + 7) // 8)
        raise NotDlmsError(f"type 0x{tag:02X} does not exist")

    def _items(self, depth: int) -> Items:
        count = self.length()
        if count > len(self.octets) - self.at:
            raise NotDlmsError("a list is longer than its telegram")
        values: list[Value] = []
        spans: list[tuple[int, int]] = []
        for _ in range(count):
            start = self.at
            values.append(self._tagged(self.take(1)[0], depth + 1))
            spans.append((start, self.at))
        return Items(values, spans)

    def _compact(self, depth: int) -> Items:
        """Return an array whose type stands once, before all its contents."""
        kind = self._description(depth)
        size = self.length()
        end = self.at + size
        if end > len(self.octets):
            raise NotDlmsError("a compact array is longer than its telegram")
        values: list[Value] = []
        spans: list[tuple[int, int]] = []
        while self.at < end:
            start = self.at
            values.append(self._described(kind, depth + 1))
            if self.at == start:
                raise NotDlmsError("a compact array of nothing")
            spans.append((start, self.at))
        if self.at != end:
            raise NotDlmsError("a compact array does not end with a value")
        return Items(values, spans)

    def _description(self, depth: int) -> "_Kind":
        self._count()
        tag = self.take(1)[0]
        if depth >= _DEEPEST:
            raise NotDlmsError("structures are nested too deep")
        if tag == _ARRAY:
            count = int.from_bytes(self.take(2), "big")
            return _Kind(tag, (self._description(depth + 1),), count)
        if tag == _STRUCTURE:
            parts = tuple(self._description(depth + 1) for _ in range(self._bounded(self.length())))
            if parts:
                return _Kind(tag, parts)
        if tag in (_STRUCTURE, _COMPACT_ARRAY):
            raise NotDlmsError("a compact array of nothing, or of compact arrays")
        return _Kind(tag)

    def _described(self, kind: "_Kind", depth: int) -> Value:
        if not kind.parts:
            return self._tagged(kind.tag, depth)
        values: list[Value] = []
        spans: list[tuple[int, int]] = []
        for _ in range(kind.length):
            for part in kind.parts:
                self._count()
                start = self.at
                values.append(self._described(part, depth + 1))
                spans.append((start, self.at))
        return Items(values, spans)

    def _bounded(self, count: int) -> int:
        if count > len(self.octets) - self.at:
            raise NotDlmsError("a list is longer than its telegram")
        return count

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NotDlmsError(f"more than {_MOST_VALUES} values")


def _small(tag: int, octet: int) -> Value:
    if tag == _ENUM:
        return Enumerated(octet)
    if tag == _BOOLEAN:
        return octet != 0
    tens, ones = octet >> 4, octet & 0x0F
    if max(tens, ones) > _HIGHEST_DIGIT:
        raise NotDlmsError(f"{octet:02X} is no BCD")
    return tens * 10 + ones


class _Kind(NamedTuple):
    """The type of a compact array's contents."""

    tag: int
    parts: tuple["_Kind", ...] = ()
    length: int = 1
