"""What registers of an unknown device may mean: each way of reading them, for a person who knows the display. Pure."""

import struct
from collections.abc import Iterator, Sequence
from math import isfinite

from drivers.scan.found import SurveyRow

_LEAST, _MOST = 1e-3, 1e8
"""Floats outside of these are rather not floats."""
_SHORTEST_TEXT = 3
"""Registers."""
_BITS = ("coil", "discrete")
_SIGN_32, _SIGN_16 = 1 << 31, 1 << 15


def candidates(row: SurveyRow) -> Iterator[str]:
    """Yield a line for each value that may begin in a run of registers, what it would be read as first."""
    words, index = row.registers, 0
    if row.table in _BITS:
        for offset, bit in enumerate(words):
            yield f"{_entry(row.address + offset, 'bit')}  # {bit}"
        return
    while index < len(words):
        size, line = _candidate(row.address + index, words[index:])
        yield line
        index += size


def _candidate(address: int, words: Sequence[int]) -> tuple[int, str]:
    """Return how many registers the likeliest reading takes, and its line."""
    zeros = next((count for count, word in enumerate(words) if word), len(words))
    if zeros > 1:
        last = address + zeros - 1
        return zeros, f"# 0x{address:04X} to 0x{last:04X}: 0"
    text = _text(words)
    if text:
        count = (len(text) + 1) // 2
        return count, f"{_entry(address, f'string, count: {count}')}  # {text!r}"
    readings = "; ".join(_readings(words))
    for order in ("big", "little"):
        if len(words) > 1 and _is_likely(_float(words, order)):
            return 2, f"{_entry(address, f'float32, word_order: {order}')}  # {words[0]:04X} {words[1]:04X}: {readings}"
    kind = "int16" if words[0] >= _SIGN_16 else "uint16"
    return 1, f"{_entry(address, kind)}  # {words[0]:04X}: {readings}"


def _entry(address: int, kind: str) -> str:
    return f"# - {{point: POINT, address: 0x{address:04X}, type: {kind}, unit: UNIT}}"


def _readings(words: Sequence[int]) -> Iterator[str]:
    """Yield what the first register is alone, and with the one behind it in both word orders."""
    yield f"uint16 {words[0]}" + (f", int16 {words[0] - (1 << 16)}" if words[0] >= _SIGN_16 else "")
    if len(words) == 1:
        return
    for order in ("big", "little"):
        high, low = (words[0], words[1]) if order == "big" else (words[1], words[0])
        whole = high << 16 | low
        said = f"uint32 {whole}" + (f", int32 {whole - (1 << 32)}" if whole >= _SIGN_32 else "")
        number = _float(words, order)
        yield f"{order} {said}" + (f", float32 {number:.7g}" if _is_likely(number) else "")


def _float(words: Sequence[int], order: str) -> float:
    high, low = (words[0], words[1]) if order == "big" else (words[1], words[0])
    (number,) = struct.unpack(">f", struct.pack(">HH", high, low))
    return float(number)


def _is_likely(number: float) -> bool:
    return isfinite(number) and _LEAST <= abs(number) <= _MOST


def _text(words: Sequence[int]) -> str:
    """Return the text at the beginning, empty where it is too short to be one."""
    octets = struct.pack(f">{len(words)}H", *words)
    end = next((index for index, octet in enumerate(octets) if not 0x20 <= octet < 0x7F), len(octets))  # noqa: PLR2004 - ASCII
    text = octets[:end].decode("ascii")
    return text if end >= 2 * _SHORTEST_TEXT else ""
