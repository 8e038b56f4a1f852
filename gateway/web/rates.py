"""How often somebody may ask. Pure: time comes in."""

from collections import OrderedDict
from dataclasses import dataclass

_REMEMBERED = 1000
"""Visitors; the one that was quiet longest is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_s: float


class Rate:
    """Lets each visitor do something so many times at once, and then ever again at a pace.

    Args:
        burst: Times at once.
        per_s: Pace.
    """

    def __init__(self, *, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, visitor: str, *, now_s: float) -> bool:
        """Return whether the visitor may do it now; if so, it counts."""
        bucket = self._filled(visitor, now_s)
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def wait_s(self, visitor: str, *, now_s: float) -> float:
        """Return how long the visitor has to wait until it is allowed."""
        return max(0.0, (1 - self._filled(visitor, now_s).left) / self._per_s)

    def forgive(self, visitor: str) -> None:
        """Begin anew with the visitor."""
        self._buckets.pop(visitor, None)

    def _filled(self, visitor: str, now_s: float) -> _Bucket:
        bucket = self._buckets.setdefault(visitor, _Bucket(self._burst, now_s))
        self._buckets.move_to_end(visitor)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now_s - bucket.filled_s) * self._per_s)
        bucket.filled_s = now_s
        return bucket
