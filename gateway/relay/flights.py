"""What is on its way and without receipt, and how much of the backlog may be: pure."""

from collections import OrderedDict
from dataclasses import dataclass
from math import inf

LEAST_BYTES = 65_536
BATCH_BYTES = 262_144
BATCHES = 8

_Key = tuple[str, int, int]


@dataclass(slots=True)
class Flight:
    """One batch that was sent."""

    run: str
    first: int
    last: int
    catalogue: str
    size_bytes: int
    sent_s: float
    """On `Clock.monotonic`."""
    is_backfill: bool
    acknowledged_s: float | None = None
    """When the broker had it."""


class Flights:
    """Batches sent and not receipted; only what was sent can be released by a receipt.

    Args:
        resend_s: A batch without receipt for this time is overdue: the spool offers it again.
        remembered: Overdue batches whose late receipt still counts.
    """

    def __init__(self, *, resend_s: float, remembered: int = 10_000) -> None:
        self._resend_s = resend_s
        self._remembered = remembered
        self._airborne: OrderedDict[_Key, Flight] = OrderedDict()
        self._overdue: OrderedDict[_Key, Flight] = OrderedDict()
        self.backfill = 0
        """Batches of backlog in the air."""
        self.backfill_bytes = 0

    def launch(self, flight: Flight) -> None:
        """Note that a batch is on its way, perhaps once more."""
        key = (flight.run, flight.first, flight.last)
        self._overdue.pop(key, None)
        self._forget(self._airborne.pop(key, None))
        self._airborne[key] = flight
        if flight.is_backfill:
            self.backfill += 1
            self.backfill_bytes += flight.size_bytes

    def land(self, run: str, first: int, last: int) -> Flight | None:
        """Return the flight that a receipt names, None when no such batch is on its way."""
        key = (run, first, last)
        flight = self._airborne.pop(key, None)
        self._forget(flight)
        return flight or self._overdue.pop(key, None)

    def overdue(self, now_s: float) -> list[Flight]:
        """Return the flights that became overdue since the last call; they no longer count as in the air."""
        late: list[Flight] = []
        while self._airborne:
            key, flight = next(iter(self._airborne.items()))
            if now_s - flight.sent_s < self._resend_s:
                break
            del self._airborne[key]
            self._forget(flight)
            self._overdue[key] = flight
            late.append(flight)
        while len(self._overdue) > self._remembered:
            self._overdue.popitem(last=False)
        return late

    def _forget(self, flight: Flight | None) -> None:
        if flight is not None and flight.is_backfill:
            self.backfill -= 1
            self.backfill_bytes -= flight.size_bytes


class Pace:
    """How many bytes of backlog may be in the air, so that a new reading never queues behind more than 2 s of it.

    Prompt receipts let it grow and late ones shrink it; what the collector needs at best, from the broker's
    acknowledgement to its receipt, is not queueing and does not count. After a loss, one small batch at a time asks
    whether anybody answers again.
    """

    def __init__(self, *, prompt_s: float = 0.7, late_s: float = 1.2) -> None:
        self._prompt_s = prompt_s
        self._late_s = late_s
        self._budget_bytes = LEAST_BYTES
        self._storing_s = inf

    @property
    def batch_bytes(self) -> int:
        """Size of the next batch."""
        return min(self._budget_bytes, BATCH_BYTES)

    def allows(self, flights: Flights) -> bool:
        """Return whether one more batch may be sent."""
        if flights.backfill == 0:
            return True
        return flights.backfill < BATCHES and flights.backfill_bytes + self.batch_bytes <= self._budget_bytes

    def landed(self, flight: Flight, now_s: float) -> None:
        """Learn from a receipt."""
        acknowledged_s = now_s if flight.acknowledged_s is None else flight.acknowledged_s
        self._storing_s = min(self._storing_s, now_s - acknowledged_s)
        if not flight.is_backfill:
            return
        queueing_s = now_s - flight.sent_s - self._storing_s
        if queueing_s < self._prompt_s:
            self._budget_bytes = min(self._budget_bytes + max(flight.size_bytes, LEAST_BYTES), BATCHES * BATCH_BYTES)
        elif queueing_s > self._late_s:
            self._budget_bytes = max(self._budget_bytes - flight.size_bytes, LEAST_BYTES)

    def lost(self) -> None:
        """Learn from a batch that got no receipt, or from a lost connection."""
        self._budget_bytes = LEAST_BYTES
        self._storing_s = inf
