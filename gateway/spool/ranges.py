"""A set of integers, kept as the fewest ranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """Integers in disjoint inclusive ranges that never touch, in ascending order."""

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._count = 0
        for first, last in ranges:
            self.add(first, last)

    @property
    def count(self) -> int:
        """How many integers it holds."""
        return self._count

    @property
    def lowest(self) -> tuple[int, int] | None:
        """The first range, None when it is empty."""
        return (self._firsts[0], self._lasts[0]) if self._firsts else None

    @property
    def highest(self) -> tuple[int, int] | None:
        """The last range, None when it is empty."""
        return (self._firsts[-1], self._lasts[-1]) if self._firsts else None

    def add(self, first: int, last: int) -> int:
        """Take in every integer from first to last; return how many of them are new."""
        _check(first, last)
        if self._lasts and first == self._lasts[-1] + 1:
            self._lasts[-1] = last
            self._count += last - first + 1
            return last - first + 1
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        before = sum(map(_length, self._firsts[low:high], self._lasts[low:high]))
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]
        added = last - first + 1 - before
        self._count += added
        return added

    def remove(self, first: int, last: int) -> int:
        """Take out every integer from first to last; return how many of them were there."""
        _check(first, last)
        low = bisect_left(self._lasts, first)
        high = bisect_right(self._firsts, last)
        if low >= high:
            return 0
        removed = sum(map(_length, self._firsts[low:high], self._lasts[low:high]))
        ends = ((self._firsts[low], first - 1), (last + 1, self._lasts[high - 1]))
        kept = [(start, end) for start, end in ends if start <= end]
        self._firsts[low:high] = [start for start, _ in kept]
        self._lasts[low:high] = [end for _, end in kept]
        removed -= sum(end - start + 1 for start, end in kept)
        self._count -= removed
        return removed

    def overlap(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the parts of first to last that are in the set."""
        low = bisect_left(self._lasts, first)
        high = bisect_right(self._firsts, last)
        return [
            (max(first, start), min(last, end))
            for start, end in zip(self._firsts[low:high], self._lasts[low:high], strict=True)
        ]

    def covers(self, first: int, last: int) -> bool:
        """Return whether every integer from first to last is in the set."""
        index = bisect_left(self._lasts, first)
        return index < len(self._firsts) and self._firsts[index] <= first and last <= self._lasts[index]

    def first_gap(self, start: int) -> int:
        """Return the lowest integer from start upwards that is not in the set."""
        index = bisect_left(self._lasts, start)
        if index < len(self._firsts) and self._firsts[index] <= start:
            return self._lasts[index] + 1
        return start

    def __contains__(self, number: int) -> bool:
        return self.covers(number, number)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"


def _length(first: int, last: int) -> int:
    return last - first + 1


def _check(first: int, last: int) -> None:
    if first > last:
        raise ValueError(f"a range from {first} to {last} is empty")
