"""What has arrived and is not yet checked: a queue with a limit in bytes."""

import asyncio
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of a site."""

    site: str
    leaf: str
    """Which of its topics."""
    payload: bytes


class Intake:
    """Takes what fits; the rest comes again for want of a receipt."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._arrivals: deque[Arrival] = deque()
        self._filled = asyncio.Event()

    def put(self, arrival: Arrival) -> bool:
        """Take a message, or return False where there is no room for it."""
        if self._held_bytes + len(arrival.payload) > self._capacity_bytes:
            return False
        self._held_bytes += len(arrival.payload)
        self._arrivals.append(arrival)
        self._filled.set()
        return True

    @property
    def is_calm(self) -> bool:
        """Whether at least half of the room is free."""
        return self._held_bytes * 2 <= self._capacity_bytes

    async def get(self) -> Arrival:
        """Return the next message when there is one."""
        while not self._arrivals:
            self._filled.clear()
            await self._filled.wait()
        arrival = self._arrivals.popleft()
        self._held_bytes -= len(arrival.payload)
        return arrival
