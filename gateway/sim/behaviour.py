"""What every simulated quantity is made of: a course, counters over it, and waves around a mean."""

import math
import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Final

from gateway.sim.course import DAY_MS, EPOCH_MS, STEP_MS, Course
from gateway.sim.plan import DEFROST, HOT_WATER, SPACE_HEATING, Plan

Behaviour = Callable[[int], float]
"""UTC in milliseconds → value in the vocabulary's unit."""

UJ_PER_KWH: Final = 3.6e12
COEFFICIENT_OF_PERFORMANCE: Final = 3.2
_THREE_PHASES: Final = {"l1": 0.41, "l2": 0.33, "l3": 0.26}
_HOUR_MS: Final = 3_600_000


class Habits:
    """One device's day, and the numbers that make it differ from its neighbours.

    Args:
        plan: What it does in a day.
        seed: The same seed gives the same life.
        three_phase: Its power is shared out to three phases; else all of it flows in the first.
    """

    def __init__(self, plan: Plan, *, seed: int, three_phase: bool) -> None:
        self.plan = plan
        self.shares: Mapping[str, float] = _THREE_PHASES if three_phase else {"l1": 1.0, "l2": 0.0, "l3": 0.0}
        self._seed = seed

    def power(self, utc_ms: int) -> float:
        """Return the watts that flow into the device."""
        return self.plan.power.power_w(utc_ms)

    def load(self, utc_ms: int) -> float:
        """Return the power as a part of the rated one, whatever its direction."""
        return abs(self.power(utc_ms)) / self.plan.peak_w

    def state(self, utc_ms: int) -> int:
        """Return the code of the plan."""
        return self.plan.states[node_of(utc_ms)]

    def chance(self, key: str) -> float:
        """Return a number from 0 to 1 that belongs to this device and this key."""
        return zlib.crc32(f"{self._seed} {key}".encode()) / 2**32

    def first(self, key: str, *, most: float) -> float:
        """Return the reading that a counter of this device had at the epoch, at least a tenth of the most."""
        return round(most * (0.1 + 0.9 * self.chance(key)), 3)

    def energy(self, key: str, sum_uj: Callable[[int], int], *, factor: float = 1.0, most: float = 4000.0) -> Behaviour:
        """Return a counter in kWh (or whatever the factor makes of it) over microjoules."""
        first = self.first(key, most=most)
        return lambda utc_ms: max(0.0, first + factor * (sum_uj(utc_ms) / UJ_PER_KWH))

    def steady(self, key: str, *, per_hour: float, most: float = 4000.0) -> Behaviour:
        """Return a counter that grows by the same amount every hour."""
        first = self.first(key, most=most)
        return lambda utc_ms: max(0.0, first + (utc_ms - EPOCH_MS) * (per_hour / _HOUR_MS))

    def wave(self, key: str, *, mean: float, swing: float = 0.0, ripple: float = 0.0) -> Behaviour:
        """Return a number that swings around the mean once a day, and ripples about twice a minute."""
        angle = 2 * math.pi * self.chance(key)

        def value(utc_ms: int) -> float:
            day = 2 * math.pi * (utc_ms % DAY_MS) / DAY_MS
            quick = 2 * math.pi * (utc_ms % 31_000) / 31_000
            return mean + swing * math.sin(day + angle) + ripple * math.sin(quick + 3 * angle)

        return value

    @cached_property
    def heating(self) -> Course:
        """Heat for the rooms, where the device is a heat pump."""
        return self.plan.only(SPACE_HEATING).scaled(COEFFICIENT_OF_PERFORMANCE)

    @cached_property
    def hot_water(self) -> Course:
        """Heat for hot water, where the device is a heat pump."""
        return self.plan.only(HOT_WATER).scaled(COEFFICIENT_OF_PERFORMANCE)

    @cached_property
    def running(self) -> Course:
        """1 W while the compressor runs."""
        on = {SPACE_HEATING, HOT_WATER, DEFROST}
        return Course([1000 if state in on else 0 for state in self.plan.states])


def occurrences(nodes: Sequence[int], utc_ms: int) -> int:
    """Return how often something has happened since the epoch that happens at these nodes of every day."""
    days, rest = divmod(utc_ms - EPOCH_MS, DAY_MS)
    return days * len(nodes) + bisect_right(nodes, rest // STEP_MS)


def node_of(utc_ms: int) -> int:
    """Return the number of the last node of the day that has passed."""
    return (utc_ms - EPOCH_MS) % DAY_MS // STEP_MS
