"""Seeded mutations: bits, stretches, numbers at their limits, words of the protocol, and crossings of two inputs."""

import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

from tests.fuzz.codec import MOST_BYTES, Codec

_EDGES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_WIDE = tuple(
    struct.pack(form, number)
    for form, numbers in (
        ("<H", (0x7FFF, 0xFFFF)), (">H", (0x7FFF, 0xFFFF)), ("<I", (0x7FFFFFFF, 0xFFFFFFFF)),
        (">I", (0x7FFFFFFF, 0xFFFFFFFF)), ("<q", (-1, 2**63 - 1)), (">q", (-1, 2**63 - 1)),
    )
    for number in numbers
)  # fmt: skip
T = TypeVar("T")
_DEAR_SHARE = 0.1
_SHARES = (8, 8, 8, 16)
"""Longest stretch of one mutation."""


class Mutator:
    """Yields inputs for one codec, the same ones for the same seed."""

    def __init__(self, codec: Codec, seed: int) -> None:
        self._random = Random(f"{codec.name} {seed}")  # noqa: S311 - the same inputs at each run
        self._seeds = codec.seeds()
        self._dear = codec.dear_seeds()
        self._cheap = self._seeds[: len(self._seeds) - len(self._dear)] or self._seeds
        self._words = codec.words
        self._ways = len(codec.ways) + 1
        self._kinds: Sequence[Callable[[bytearray, int], None]] = (
            self._flip, self._flip, self._edge, self._remove, self._repeat, self._word, self._word, self._cross,
            self._wide,
        )  # fmt: skip

    def inputs(self, count: int) -> Iterator[bytes]:
        """Yield so many inputs."""
        random = self._random
        yield from self._seeds[:count]
        for _ in range(count - len(self._seeds)):
            seeds = self._dear if self._dear and random.random() < _DEAR_SHARE else self._cheap
            # random() is several times cheaper than randrange(), and nothing else here costs as much.
            spoilt = bytearray(seeds[int(random.random() * len(seeds))])
            for _ in range(1 + int(random.random() * random.random() * 6)):
                place = 1 + int(random.random() * len(spoilt)) if len(spoilt) > 1 else 1
                self._kinds[int(random.random() * len(self._kinds))](spoilt, place)
            yield bytes(spoilt[:MOST_BYTES])

    def _flip(self, spoilt: bytearray, place: int) -> None:
        if place < len(spoilt):
            spoilt[place] ^= 1 << int(self._random.random() * 8)

    def _edge(self, spoilt: bytearray, place: int) -> None:
        spoilt[place : place + 1] = bytes((self._pick(_EDGES),))

    def _remove(self, spoilt: bytearray, place: int) -> None:
        del spoilt[place : place + 1 + int(self._random.random() * self._pick(_SHARES))]

    def _repeat(self, spoilt: bytearray, place: int) -> None:
        size = 1 + int(self._random.random() * self._pick(_SHARES))
        spoilt[place:place] = spoilt[place : place + size]

    def _word(self, spoilt: bytearray, place: int) -> None:
        if self._words:
            word = self._pick(self._words)
            replaced = len(word) if self._random.random() < 0.5 else 0
            spoilt[place : place + replaced] = word

    def _wide(self, spoilt: bytearray, place: int) -> None:
        number = self._pick(_WIDE)
        spoilt[place : place + len(number)] = number

    def _cross(self, spoilt: bytearray, place: int) -> None:
        other = self._pick(self._seeds)
        start = 1 + int(self._random.random() * len(other))
        spoilt[place:] = other[start:]

    def _pick(self, among: Sequence[T]) -> T:
        return among[int(self._random.random() * len(among))]
