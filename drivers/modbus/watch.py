"""Counters that do not count: torn by the device between two words, or 0 because it is still starting. Pure."""

from collections.abc import Mapping, Sequence
from math import inf

from drivers.modbus.spec import PointSpec
from drivers.modbus.unpack import FLOATS
from gateway.core.readout import Value

_WORD = 0xFFFF
_STARTING_S = 120.0


class CounterWatch:
    """The last value of each counter of one device."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._steps: dict[str, float] = {}
        self._zero_since_s: float | None = None

    def start(self, specs: Mapping[str, PointSpec]) -> None:
        """Watch the counters among these points."""
        self._steps = {name: _step(spec) for name, spec in specs.items() if spec.is_counter}

    def doubtful(self, points: Sequence[str], values: Sequence[Value]) -> list[str]:
        """Return the counters that went back, or on by as much as a torn high word makes: read them once more."""
        found = []
        for point, value in zip(points, values, strict=True):
            last = self._last.get(point)
            if last is not None and value is not None and not last <= value < last + self._steps.get(point, inf):
                found.append(point)
        return found

    def is_starting(self, points: Sequence[str], *, all_zero: bool, now_s: float) -> bool:
        """Return whether registers that are all 0 mean nothing: a counter among them was not 0 before.

        For two minutes only: a new meter may take the place of the old one.
        """
        if not all_zero or not any(self._last.get(point) for point in points):
            self._zero_since_s = None
            return False
        if self._zero_since_s is None:
            self._zero_since_s = now_s
        return now_s - self._zero_since_s < _STARTING_S

    def remember(self, points: Sequence[str], values: Sequence[Value]) -> None:
        """Keep the values of the counters."""
        self._zero_since_s = None
        for point, value in zip(points, values, strict=True):
            if value is not None and point in self._steps:
                self._last[point] = value


def _step(spec: PointSpec) -> float:
    """Return what one in the second word means, infinity where a counter has no second word of its own."""
    slot = spec.slots[0]
    whole = len(spec.slots) == 1 and spec.exponent is None and slot.words > 1 and slot.type not in FLOATS
    return _WORD * abs(spec.straight.factor) if whole else inf
