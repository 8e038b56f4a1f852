"""Where the power goes, and what a disk then holds of what it was told: pure."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from random import Random

from tests.powercut.recorder import FLUSH, Written

SECTOR_BYTES = 512
DROPPED, TORN = 0.4, 0.2
"""Share of the writes after the last flush of which nothing, or only some sectors, arrived."""
Cut = tuple[int, int]
"""How many of the recorded writes and flushes had reached the disk, and the instant."""


def cuts(recording: Sequence[Written], random: Random, *, between_ns: tuple[int, int], count: int) -> list[Cut]:
    """Return so many cuts in ascending time: half of them anywhere, half in the middle of what is being written."""
    stamps = [each.at_ns for each in recording]
    begin, end = (bisect_right(stamps, at_ns) for at_ns in between_ns)
    found: list[Cut] = []
    for number in range(count):
        if number % 2 and begin < end:
            index = random.randrange(begin, end)
            found.append((index, stamps[index]))
        else:
            at_ns = random.randrange(*between_ns)
            found.append((bisect_right(stamps, at_ns), at_ns))
    return sorted(found)


class Platter:
    """Holds what is safe on a disk; goes forward through a recording.

    Args:
        content: Of the disk before the recording.
        recording: What it was told.
    """

    def __init__(self, content: bytes, recording: Sequence[Written]) -> None:
        self._safe = bytearray(content)
        self._recording = recording
        self._position = 0

    def cut(self, index: int, random: Random) -> bytearray:
        """Return what is there when the power goes after so many writes and flushes; never before an earlier cut."""
        flushed = next(
            (i + 1 for i in range(index - 1, self._position - 1, -1) if self._recording[i].offset == FLUSH),
            self._position,
        )
        for written in self._recording[self._position : flushed]:
            _apply(self._safe, written.offset, written.chunk)
        self._position = flushed
        left = bytearray(self._safe)
        pending = [each for each in self._recording[flushed:index] if each.offset != FLUSH]
        for written in random.sample(pending, len(pending)):
            for offset, chunk in _survivors(written, random):
                _apply(left, offset, chunk)
        return left


def _survivors(written: Written, random: Random) -> Iterator[tuple[int, bytes]]:
    fate = random.random()
    if fate < DROPPED:
        return
    if fate >= DROPPED + TORN:
        yield written.offset, written.chunk
        return
    for start in range(0, len(written.chunk), SECTOR_BYTES):
        if random.random() < 0.5:
            yield written.offset + start, written.chunk[start : start + SECTOR_BYTES]


def _apply(content: bytearray, offset: int, chunk: bytes) -> None:
    if offset != FLUSH:
        content[offset : offset + len(chunk)] = chunk
