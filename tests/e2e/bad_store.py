"""A store that misbehaves in every way once, and refuses some lines for good."""

from tests.stores.scripted_server import Answer, Asked


class BadStore:
    """A store that answers in every bad way once, then slowly, then well; some lines it refuses for good."""

    def __init__(self) -> None:
        self._answers = [
            Answer(503, b"busy"),
            Answer(429, b"too many", {"Retry-After": "1"}),
            Answer(204, cut_after=9),
            Answer(trickles_s=0.02),
        ]
        self.taken: set[bytes] = set()

    def answer(self, asked: Asked) -> Answer:
        """Return the next answer; one that comes to its end says that the lines are taken."""
        if len(self._answers) > 1:
            return self._answers.pop(0)
        if any(map(self.is_refused, asked.lines)):
            return Answer(400, b'{"error": "no such field"}')
        self.taken.update(asked.lines)
        return self._answers.pop(0) if self._answers else Answer()

    def times(self, measurement: str = "kvarter") -> set[int]:
        """Times of what is taken."""
        return {time_ms_of(line) for line in self.taken if line.startswith(f"{measurement},".encode())}

    @staticmethod
    def is_refused(line: bytes) -> bool:
        """Whether a line is one that is never taken."""
        return line.startswith(b"kvarter,") and BadStore.never_takes(time_ms_of(line))

    @staticmethod
    def never_takes(time_ms: int) -> bool:
        """Whether a readout of this instant is never taken: every fifth."""
        return time_ms // 1000 % 5 == 0


def time_ms_of(line: bytes) -> int:
    """Return the time of a line."""
    return int(line.rpartition(b" ")[2]) // 1_000_000
