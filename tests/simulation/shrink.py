"""Which of the faults of a failing run it takes: delta debugging (Zeller, Hildebrandt 2002)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part that still fails, and no longer does when any single item is left out.

    Args:
        items: Fail together.
        fails: Whether a part fails.
    """
    kept, parts = list(items), 2
    if fails([]):
        return []
    while len(kept) >= 2:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if fails(rest):
                kept, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return kept
