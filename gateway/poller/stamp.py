"""Gives each readout its one UTC instant: strictly increasing per device, and marked where nobody vouches for it."""

from dataclasses import dataclass

from gateway.core.clock import Clock
from gateway.core.readout import Event
from gateway.wire.line import told_apart

SYNCHRONISATION_PATIENCE_S = 600.0
"""Readouts wait so long for the first synchronisation, then they are stamped and marked."""
STEP_MS = 1000
"""A wall clock that leaves the monotonic clock by more than this has stepped."""
STEP_PATIENCE_S = 600.0
"""A stepped clock is believed when it has kept its new time so long."""
LONGEST_REST_MS = 90 * 86_400_000
"""A clock that at the start lies further behind the last time given is believed as a stepped one is."""


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


@dataclass(frozen=True, slots=True)
class Footing:
    """What one process knows of the clock of this boot, and the next one may rely on."""

    since_s: float
    """Monotonic instant from which on readouts waited for their time."""
    anchor: Anchor | None = None
    """None while synchronisation is waited for."""

    def is_about(self, other: "Footing") -> bool:
        """Return whether it makes no difference on which of both the next process relies."""
        if self.anchor is None or other.anchor is None or self.anchor.uncertain != other.anchor.uncertain:
            return self == other
        return abs(self.anchor.offset_ms - other.anchor.offset_ms) < STEP_MS // 10


class Stamper:
    """Turns monotonic instants into UTC.

    Args:
        clock: Time.
        floor_ms: Greatest time given before the start; every new one is later.
        footing: What the process before knew, where it ran in this boot.
    """

    def __init__(self, clock: Clock, *, floor_ms: int, footing: Footing | None = None) -> None:
        self._clock = clock
        self._floor_ms = floor_ms
        self._news: list[Anchor | Event] = []
        self._since_s = footing.since_s if footing else clock.monotonic()
        self._offset_ms: int | None = None
        self._vouched = False
        self._stepped_at_s: float | None = None
        self._last_ms: dict[str, int] = {}
        if footing and footing.anchor:
            self._offset_ms, self._vouched = footing.anchor.offset_ms, not footing.anchor.uncertain
            self._news.append(footing.anchor)
            if self._vouched and floor_ms - self._now_ms(footing.anchor.offset_ms) > STEP_MS:
                # The clock once ran ahead, and the process before knew and said it.
                self._floor_ms = 0

    @property
    def anchored(self) -> bool:
        """Whether readouts get their time at once."""
        return self._offset_ms is not None

    @property
    def footing(self) -> Footing:
        """What the next process of this boot may rely on."""
        offset_ms = self._offset_ms
        return Footing(self._since_s, None if offset_ms is None else Anchor(offset_ms, not self._vouched))

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
        time_ms = told_apart(max(time_ms, earliest), uncertain=uncertain)
        self._last_ms[device] = time_ms
        return Stamp(time_ms, uncertain)

    def observe(self) -> None:
        """Look at the clock: take the first offset, notice synchronisation and steps."""
        now_s = self._clock.monotonic()
        seen_ms = self._clock.utc_ms() - round(now_s * 1000)
        synchronised = self._clock.synchronised()
        if self._offset_ms is None:
            self._begin(seen_ms, now_s, vouched=synchronised)
            return
        if not self._vouched and synchronised:
            self._change(seen_ms, cause="synchronised")
            return
        if not self._vouched:
            # Whoever does not know the time never goes back in it, since rows would be overwritten.
            seen_ms = max(seen_ms, self._offset_ms)
        if abs(seen_ms - self._offset_ms) <= STEP_MS:
            self._follow(seen_ms)
            return
        if self._stepped_at_s is None:
            self._stepped_at_s = now_s
        elif now_s - self._stepped_at_s >= STEP_PATIENCE_S and (synchronised or not self._vouched):
            # What a time service once vouched for, only it may change: other times would meet rows of another hour.
            self._change(seen_ms, cause="step")

    def _begin(self, seen_ms: int, now_s: float, *, vouched: bool) -> None:
        """Take the first offset, when it can be believed or there was enough waiting."""
        if not vouched:
            # The first readout that waits was acquired after the last time given.
            seen_ms = max(seen_ms, self._floor_ms + 1 - round(self._since_s * 1000))
        is_awaited = self._clock.awaited() and now_s - self._since_s < SYNCHRONISATION_PATIENCE_S
        if is_awaited and not (vouched and self._is_plausible(round(now_s * 1000) + seen_ms)):
            return
        self._adopt(seen_ms, vouched=vouched)
        self._news.append(Anchor(seen_ms, not vouched))

    def _is_plausible(self, now_ms: int) -> bool:
        """Return whether the time fits to the last one that was given."""
        return not self._floor_ms or self._floor_ms - STEP_MS <= now_ms <= self._floor_ms + LONGEST_REST_MS

    def _follow(self, seen_ms: int) -> None:
        """Keep to a disciplined clock, which drifts against the monotonic one."""
        self._offset_ms = seen_ms
        self._stepped_at_s = None

    def _adopt(self, offset_ms: int, *, vouched: bool) -> None:
        now_ms = self._now_ms(offset_ms)
        if vouched and self._floor_ms - now_ms > STEP_MS:
            # Before the start the clock ran ahead; who waits for it to come true marks every time until then.
            self._news.append(Event("clock", "step", self._floor_ms, now_ms, 0))
            self._floor_ms = 0
        self._offset_ms = offset_ms
        self._vouched = vouched
        self._stepped_at_s = None

    def _now_ms(self, offset_ms: int) -> int:
        return round(self._clock.monotonic() * 1000) + offset_ms

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
