"""Where the models of a SunSpec device stand. Pure: it says what to read next and is given what was read.

Source: SunSpec Device Information Model Specification, version 1.1, chapters 4 to 6.
"""

import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from drivers.profile import LAST_ADDRESS

MARKER = b"SunS"
COMMON_MODEL = 1
_END_MODELS = (0xFFFF, 0)
"""The standard's end, and what stands behind a device that forgot it."""
_MOST_MODELS = 100
_HEADER_WORDS = 2
_MARKER_WORDS = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """One model of a device."""

    model: int
    start: int
    """Address of its id."""
    length: int
    """Registers behind id and length, as the device says."""


Walk = Generator[tuple[int, int], bytes | None, tuple[Placed, ...]]
"""Yields address and count, is sent the registers or None where they were refused, returns the models."""


def walk(bases: Sequence[int]) -> Walk:
    """Find the marker at one of the bases and follow the chain of models; nothing where there is no marker.

    Args:
        bases: Where the marker may stand.
    """
    for index, base in enumerate(bases):
        # Different lengths, so that on a serial bus no answer can be taken for the next one.
        held = yield base, _MARKER_WORDS + _HEADER_WORDS - index % 3
        if held is not None and held.startswith(MARKER):
            return (yield from _follow(base + _MARKER_WORDS))
    return ()


def _follow(address: int) -> Walk:
    found: list[Placed] = []
    while len(found) < _MOST_MODELS and address + _HEADER_WORDS - 1 <= LAST_ADDRESS:
        held = yield address, _HEADER_WORDS
        if held is None or len(held) < 2 * _HEADER_WORDS:
            break
        model, length = struct.unpack_from(">HH", held)
        if model in _END_MODELS:
            break
        found.append(Placed(model, address, length))
        address += _HEADER_WORDS + length
    return tuple(found)
