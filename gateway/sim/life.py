"""A plausible life for any point of the vocabulary: consistent in itself, the same for the same seed and instant."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.quantity import Vocabulary
from gateway.sim.behaviour import Behaviour, Habits
from gateway.sim.electric import ELECTRIC
from gateway.sim.encode import Value
from gateway.sim.plan import Plan
from gateway.sim.surroundings import surrounding
from gateway.sim.thermal import THERMAL

_OTHER_PHASE: Final = re.compile(r".*_l[23]")


class Life:
    """Values of one device that nobody chose.

    Args:
        points: Names that will be asked for.
        vocabulary: What they are.
        plan: The device's day.
        seed: The same seed gives the same life.
    """

    def __init__(self, points: Iterable[str], vocabulary: Vocabulary, *, plan: Plan, seed: int = 0) -> None:
        names = tuple(points)
        habits = Habits(plan, seed=seed, three_phase=any(_OTHER_PHASE.fullmatch(name) for name in names))
        self._behaviours: dict[str, Behaviour] = {}
        for name in names:
            build = ELECTRIC.get(name) or THERMAL.get(name) or surrounding(vocabulary[name])
            self._behaviours[name] = build(habits)

    def values(self, points: Iterable[str], *, utc_ms: int) -> Mapping[str, Value]:
        """Return the points' values at an instant, in the vocabulary's unit."""
        return {name: self._behaviours[name](utc_ms) for name in points}
