"""A power that repeats every day, and what it adds up to: integrated exactly, so that no counter ever goes back."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

DAY_MS: Final = 86_400_000
STEP_MS: Final = 30_000
NODES: Final = DAY_MS // STEP_MS
EPOCH_MS: Final = 1_767_225_600_000
"""2026-01-01 UTC: when simulated counters started."""


class Course:
    """Linear between nodes 30 s apart, the same every day.

    Args:
        nodes: Milliwatts at each node of a day.
    """

    def __init__(self, nodes: Sequence[int]) -> None:
        if len(nodes) != NODES:
            raise ValueError(f"a course has {NODES} nodes, not {len(nodes)}")
        self.nodes = tuple(nodes)

    def power_w(self, utc_ms: int) -> float:
        """Return the power at an instant."""
        index, rest = divmod((utc_ms - EPOCH_MS) % DAY_MS, STEP_MS)
        first, second = self.nodes[index], self.nodes[(index + 1) % NODES]
        return (first + (second - first) * rest / STEP_MS) / 1000.0

    def energy_uj(self, utc_ms: int) -> int:
        """Return the microjoules of positive power since the epoch."""
        return self._taken.until(utc_ms)

    def returned_uj(self, utc_ms: int) -> int:
        """Return the microjoules of negative power since the epoch, as a number that grows."""
        return self._returned.until(utc_ms)

    def scaled(self, factor: float) -> "Course":
        """Return the course with every power multiplied."""
        return Course([round(node * factor) for node in self.nodes])

    @cached_property
    def _taken(self) -> "_Integral":
        return _Integral(self.nodes)

    @cached_property
    def _returned(self) -> "_Integral":
        return _Integral([-node for node in self.nodes])


def total(courses: Sequence[Course]) -> Course:
    """Return the sum of the courses, exact at every instant."""
    return Course([sum(nodes) for nodes in zip(*(course.nodes for course in courses), strict=True)])


class _Integral:
    """Sums of the positive part of a course, in whole milliwatt-milliseconds."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._nodes = nodes
        self._sums = [0]
        for index in range(NODES):
            self._sums.append(self._sums[-1] + self._within(index, STEP_MS))

    def until(self, utc_ms: int) -> int:
        days, rest = divmod(utc_ms - EPOCH_MS, DAY_MS)
        index, rest = divmod(rest, STEP_MS)
        return days * self._sums[-1] + self._sums[index] + self._within(index, rest)

    def _within(self, index: int, elapsed_ms: int) -> int:
        """Return the sum from a node to an instant before the next, rounded down and therefore never falling."""
        first, second = self._nodes[index], self._nodes[(index + 1) % NODES]
        rise = second - first
        if first <= 0 and second <= 0:
            return 0
        if first < 0:
            reached = rise * elapsed_ms + STEP_MS * first
            return reached * reached // (2 * STEP_MS * rise) if reached > 0 else 0
        if second < 0 and elapsed_ms * -rise > STEP_MS * first:
            return first * first * STEP_MS // (2 * -rise)
        return (2 * STEP_MS * first * elapsed_ms + rise * elapsed_ms * elapsed_ms) // (2 * STEP_MS)
