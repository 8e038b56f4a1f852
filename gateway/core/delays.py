"""Ever longer waits between attempts, with jitter so that a thousand gateways do not come back at once."""

from random import Random


class Delays:
    """The waits between attempts at one thing.

    Args:
        random: Draws the jitter: each wait is 50 to 100 % of its length.
        longest_s: From some attempt on the waits do not grow any more.
    """

    def __init__(self, random: Random, *, first_s: float = 0.5, longest_s: float = 30.0) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._length_s = first_s

    def next_s(self) -> float:
        """Return how long to wait now; the wait after it is twice as long."""
        length_s = min(self._length_s, self._longest_s)
        self._length_s = length_s * 2
        return length_s * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with the shortest wait again: the thing worked."""
        self._length_s = self._first_s
