"""Counters that stand still while energy flows, and days that end incomplete. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

FROZEN_KWH = 2.0
"""So much energy must have passed beside the counters of a device."""
FROZEN_S = 3600.0
LONGEST_STEP_S = 300.0
"""Between two looks at a device power is taken as constant for at most so long."""
COMPLETE = 0.95


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


@dataclass(frozen=True, slots=True)
class Day:
    """How complete a day was, as far as it was watched."""

    since_ms: int
    due: int
    got: int


class Yesterdays:
    """Keeps how the day before ended, for each device."""

    def __init__(self) -> None:
        self._today: dict[tuple[str, str], Day] = {}
        self._yesterday: dict[tuple[str, str], Day] = {}

    def look(self, device: tuple[str, str], today: Day) -> float | None:
        """Return the share of yesterday's readouts that came, None where that is not known.

        Args:
            device: Site and device.
            today: Since the start of the local day, or of the program.
        """
        before = self._today.get(device)
        if before is not None and before.since_ms != today.since_ms:
            self._yesterday[device] = before
        self._today[device] = today
        yesterday = self._yesterday.get(device)
        return yesterday.got / yesterday.due if yesterday is not None and yesterday.due else None
