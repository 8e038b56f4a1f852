"""Gives each readout its one UTC instant: strictly increasing per device, and marked where nobody vouches for it."""

from dataclasses import dataclass

from gateway.core.clock import Clock
from gateway.core.readout import Event

SYNCHRONISATION_PATIENCE_S = 600.0
"""Readouts wait so long for the first synchronisation, then they are stamped and marked."""
STEP_MS = 1000
"""A wall clock that leaves the monotonic clock by more than this has stepped."""
STEP_PATIENCE_S = 600.0
"""A stepped clock is believed when it has kept its new time so long."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time of one readout."""

    time_ms: int
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """UTC minus monotonic of this boot, known from now on."""

    offset_ms: int
    uncertain: bool


class Stamper:
    """Turns monotonic instants into UTC.

    Args:
        clock: Time.
        floor_ms: Greatest time given before the start; every new one is later.
    """

    def __init__(self, clock: Clock, *, floor_ms: int) -> None:
        self._clock = clock
        self._floor_ms = floor_ms
        self._news: list[Anchor | Event] = []
        self._started_s = clock.monotonic()
        self._offset_ms: int | None = None
        self._vouched = False
        self._stepped_at_s: float | None = None
        self._last_ms: dict[str, int] = {}

    @property
    def anchored(self) -> bool:
        """Whether readouts get their time at once."""
        return self._offset_ms is not None

    def news(self) -> list[Anchor | Event]:
        """Return what became known about the clock since the last call."""
        news, self._news = self._news, []
        return news

    def stamp(self, device: str, monotonic_s: float) -> Stamp | None:
        """Return the time of a readout, None while synchronisation is waited for."""
        self.observe()
        if self._offset_ms is None:
            return None
        time_ms = round(monotonic_s * 1000) + self._offset_ms
        earliest = self._last_ms.get(device, self._floor_ms) + 1
        uncertain = not self._vouched or self._stepped_at_s is not None or earliest - time_ms > STEP_MS
        time_ms = max(time_ms, earliest)
        self._last_ms[device] = time_ms
        return Stamp(time_ms, uncertain)

    def observe(self) -> None:
        """Look at the clock: take the first offset, notice synchronisation and steps."""
        now_s = self._clock.monotonic()
        seen_ms = self._clock.utc_ms() - round(now_s * 1000)
        synchronised = self._clock.synchronised()
        if self._offset_ms is None:
            waited = now_s - self._started_s >= SYNCHRONISATION_PATIENCE_S
            if synchronised or waited or not self._clock.awaited():
                self._adopt(seen_ms, vouched=synchronised)
                self._news.append(Anchor(seen_ms, not synchronised))
            return
        if not self._vouched and synchronised:
            self._change(seen_ms, cause="synchronised")
            return
        if abs(seen_ms - self._offset_ms) <= STEP_MS:
            self._follow(seen_ms)
            return
        if self._stepped_at_s is None:
            self._stepped_at_s = now_s
        elif now_s - self._stepped_at_s >= STEP_PATIENCE_S and (synchronised or not self._vouched):
            # What a time service once vouched for, only it may change: other times would meet rows of another hour.
            self._change(seen_ms, cause="step")

    def _follow(self, seen_ms: int) -> None:
        """Keep to a disciplined clock, which drifts against the monotonic one."""
        self._offset_ms = seen_ms
        self._stepped_at_s = None

    def _adopt(self, offset_ms: int, *, vouched: bool) -> None:
        now_ms = round(self._clock.monotonic() * 1000) + offset_ms
        if vouched and self._floor_ms - now_ms > STEP_MS:
            # Before the start the clock ran ahead; who waits for it to come true marks every time until then.
            self._news.append(Event("clock", "step", self._floor_ms, now_ms, 0))
            self._floor_ms = 0
        self._offset_ms = offset_ms
        self._vouched = vouched
        self._stepped_at_s = None

    def _change(self, offset_ms: int, *, cause: str) -> None:
        """Believe another time than before; where it lies back, this is the one place where times may decrease."""
        before_ms = self._offset_ms or 0
        now_ms = round(self._clock.monotonic() * 1000)
        self._adopt(offset_ms, vouched=self._clock.synchronised())
        if offset_ms < before_ms - STEP_MS:
            self._last_ms.clear()
            self._floor_ms = 0
        if abs(offset_ms - before_ms) > STEP_MS:
            self._news.append(Event("clock", cause, now_ms + before_ms, now_ms + offset_ms, 0))
