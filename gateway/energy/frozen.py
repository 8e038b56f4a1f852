"""Counters that stand still while energy flows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

FROZEN_KWH = 2.0
"""So much energy must have passed beside the counters of a device."""
FROZEN_S = 3600.0
LONGEST_STEP_S = 300.0
"""Between two looks at a device power is taken as constant for at most so long."""


@dataclass(slots=True)
class _Watch:
    counters: Mapping[str, float]
    since_s: float
    last_s: float
    passed_kwh: float = 0.0


class FrozenCounters:
    """Judges the energy counters of devices by their power."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str], _Watch] = {}

    def look(self, device: tuple[str, str], counters: Mapping[str, float], power_kw: float, *, now_s: float) -> bool:
        """Return whether the counters of a device stand still though energy passed.

        Args:
            device: Site and device.
            counters: Its energy counters.
            power_kw: Its power now, without sign.
            now_s: Monotonic clock.
        """
        watch = self._watches.get(device)
        if watch is None or not counters or dict(watch.counters) != dict(counters):
            self._watches[device] = _Watch(dict(counters), now_s, now_s)
            return False
        watch.passed_kwh += power_kw * min(now_s - watch.last_s, LONGEST_STEP_S) / 3600.0
        watch.last_s = now_s
        return watch.passed_kwh >= FROZEN_KWH and now_s - watch.since_s >= FROZEN_S
