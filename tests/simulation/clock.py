"""True time, and the clock of one machine since it was switched on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.loop import START_S

EPOCH_MS = 1_795_320_000_000
"""UTC when the simulation begins."""
_LATE_S = 2e-6
_BOOTED_S = 7.0
"""On the monotonic clock when our program starts."""


@dataclass
class TrueTime:
    """The UTC that nobody in the simulation is told."""

    leaps: int = 0
    """Leap seconds inserted so far."""
    now_s: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    """Returns seconds on the loop."""

    def utc_ms(self) -> float:
        """Return the true UTC."""
        return EPOCH_MS + (self.now_s() - START_S) * 1000 - self.leaps * 1000


@dataclass
class SimClock:
    """Implements Clock: a wall clock that may be wrong, and a crystal that drifts."""

    true: TrueTime
    booted_s: float
    """On the loop."""
    drift_ppm: float = 0.0
    """Of the crystal against true time."""
    error_ms: float = 0.0
    """Of the wall clock, while no time service corrects it."""
    is_synchronised: bool = True
    _free_since_s: float = field(default=0.0, init=False)

    def utc_ms(self) -> int:
        wandered_ms = 0.0
        if not self.is_synchronised:
            wandered_ms = (self.true.now_s() - self._free_since_s) * self.drift_ppm / 1000
        return int(self.true.utc_ms() + self.error_ms + wandered_ms)

    def monotonic(self) -> float:
        return _BOOTED_S + (self.true.now_s() - self.booted_s) * (1 + self.drift_ppm * 1e-6)

    def synchronised(self) -> bool:
        return self.is_synchronised

    def awaited(self) -> bool:
        return True

    async def sleep_until(self, monotonic_s: float) -> None:
        left_s = (monotonic_s - self.monotonic()) / (1 + self.drift_ppm * 1e-6)
        # A real loop wakes late, never early by a rounding error.
        await asyncio.sleep(left_s + _LATE_S if left_s > 0 else 0.0)

    def lose(self, error_ms: float) -> None:
        """Let the wall clock be wrong from now on, without a time service; the kernel forgets that it was right."""
        self.error_ms = error_ms
        self.is_synchronised = False
        self._free_since_s = self.true.now_s()

    def glitch(self, error_ms: float) -> None:
        """Let the wall clock be wrong while the time service vouches for it."""
        self.error_ms = error_ms

    def find(self) -> None:
        """Let the time service set the wall clock."""
        self.error_ms = 0.0
        self.is_synchronised = True
