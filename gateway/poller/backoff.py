"""How often a device that fails is still asked, and what all of them together may cost the bus. Pure."""

from dataclasses import dataclass

FAILURES_BEFORE_BACKOFF = 2
"""A single lost telegram is not a dead device."""
LONGEST_PROBE_INTERVAL_S = 300.0
PROBE_SHARE = 0.05
"""Of the bus, for all backed-off devices together (promise `isolation`)."""


@dataclass(slots=True)
class _Failing:
    failures: int = 0
    probe_at_s: float = 0.0


class Backoff:
    """Decides for one bus whether a poll is sent, and learns from what became of it."""

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}
        self._budget_from_s = 0.0

    def allows(self, device: str, now_s: float) -> bool:
        """Return whether the device may be asked now."""
        state = self._failing.get(device)
        if state is None or state.failures < FAILURES_BEFORE_BACKOFF:
            return True
        return now_s >= state.probe_at_s and now_s >= self._budget_from_s

    def succeeded(self, device: str) -> bool:
        """Note an answer; return whether the device had been failing."""
        return self._failing.pop(device, None) is not None

    def failed(self, device: str, *, now_s: float, cost_s: float, interval_s: float) -> int:
        """Note a failure that kept the bus busy for `cost_s`; return how many came in a row."""
        state = self._failing.setdefault(device, _Failing())
        probing = state.failures >= FAILURES_BEFORE_BACKOFF
        state.failures += 1
        doubled = interval_s * 2.0 ** min(state.failures - FAILURES_BEFORE_BACKOFF + 1, 20)
        state.probe_at_s = now_s + min(doubled, LONGEST_PROBE_INTERVAL_S)
        if probing:
            self._budget_from_s = now_s + cost_s * (1 / PROBE_SHARE - 1)
        return state.failures

    def backed_off(self) -> tuple[str, ...]:
        """Return the devices that are asked less often than planned."""
        return tuple(name for name, state in self._failing.items() if state.failures >= FAILURES_BEFORE_BACKOFF)
