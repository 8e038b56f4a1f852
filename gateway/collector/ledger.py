"""Which batches are in hand and which were stored lately: pure."""

from collections import OrderedDict

Key = tuple[str, str, int, int]
"""Site, run, first and last: what a receipt names."""


class Ledger:
    """Tells a batch that comes again from a new one.

    Args:
        remembered_s: A stored batch is known again within this time.
        capacity: Stored batches remembered.
    """

    def __init__(self, *, remembered_s: float, capacity: int = 10_000) -> None:
        self._remembered_s = remembered_s
        self._capacity = capacity
        self._in_hand: set[Key] = set()
        self._stored: OrderedDict[Key, tuple[int, float]] = OrderedDict()

    def begin(self, key: Key) -> None:
        """Note that a batch is on its way into the stores."""
        self._in_hand.add(key)

    def abandon(self, key: Key) -> None:
        """Note that a batch did not get into every store."""
        self._in_hand.discard(key)

    def finish(self, key: Key, digest: int, now_s: float) -> None:
        """Note that a batch is in every store."""
        self._in_hand.discard(key)
        self._stored[key] = (digest, now_s)
        self._stored.move_to_end(key)
        if len(self._stored) > self._capacity:
            self._stored.popitem(last=False)

    def is_in_hand(self, key: Key) -> bool:
        """Return whether the batch is on its way: its receipt will come."""
        return key in self._in_hand

    def is_stored(self, key: Key, digest: int, now_s: float) -> bool:
        """Return whether exactly this message was stored lately: its receipt may be repeated."""
        known, stored_s = self._stored.get(key, (None, 0.0))
        return known == digest and now_s - stored_s <= self._remembered_s
