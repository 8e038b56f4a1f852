"""The fakes that tests share: each implements a seam of gateway.core and nothing else."""

import asyncio
from itertools import count


class FakeClock:
    """A clock that moves only when told; sleepers wake in order of their time."""

    def __init__(self, *, utc_ms: int = 1_795_320_000_000, monotonic_s: float = 1000.0) -> None:
        self._utc_ms = float(utc_ms)
        self._monotonic_s = monotonic_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self.is_synchronised = True
        self.is_awaited = True

    def utc_ms(self) -> int:
        return int(self._utc_ms)

    def monotonic(self) -> float:
        return self._monotonic_s

    def synchronised(self) -> bool:
        return self.is_synchronised

    def awaited(self) -> bool:
        return self.is_awaited

    async def sleep_until(self, monotonic_s: float) -> None:
        if monotonic_s <= self._monotonic_s:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        sleeper = (monotonic_s, next(self._order), future)
        self._sleepers.append(sleeper)
        try:
            await future
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def step_wall(self, milliseconds: int) -> None:
        """Set the wall clock forward or back, as a time service or a person does."""
        self._utc_ms += milliseconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its own instant and letting it run."""
        end = self._monotonic_s + seconds
        while due := sorted(s for s in self._sleepers if s[0] <= end and not s[2].done()):
            self._move_to(due[0][0])
            self._sleepers.remove(due[0])
            due[0][2].set_result(None)
            await settle()
        self._move_to(end)
        await settle()

    def _move_to(self, monotonic_s: float) -> None:
        self._utc_ms += (monotonic_s - self._monotonic_s) * 1000
        self._monotonic_s = monotonic_s


async def settle() -> None:
    """Let every task that can run, run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
