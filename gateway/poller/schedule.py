"""What is due on one bus, earliest deadline first; aligned to the wall clock, absolute, without drift. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

SAME_INSTANT_S = 0.02
"""Instants of one device that differ by less are one: floats of two intervals never agree to the last digit."""


@dataclass(frozen=True, slots=True)
class PointGroup:
    """Points of one device that share an interval."""

    device: str
    points: tuple[str, ...]
    interval_s: float


@dataclass(frozen=True, slots=True)
class Poll:
    """One read that is due: all groups of one device that fall on the same instant."""

    device: str
    points: tuple[str, ...]
    due_s: float
    """On the monotonic clock."""
    missed: int
    """Earlier instants of the fastest of these groups that passed without a poll."""


@dataclass(slots=True)
class _Slot:
    group: PointGroup
    due_s: float

    @property
    def deadline_s(self) -> float:
        return self.due_s + self.group.interval_s


class Schedule:
    """The polls of one bus.

    Args:
        groups: All point groups on the bus.
        now_s: Monotonic clock.
        utc_s: Wall clock at the same instant.
    """

    def __init__(self, groups: Iterable[PointGroup], *, now_s: float, utc_s: float) -> None:
        self._slots = [_Slot(group, aligned_after(group.interval_s, now_s, utc_s)) for group in groups]
        self._merged: dict[tuple[int, ...], tuple[str, ...]] = {}

    def renew(self, groups: Iterable[PointGroup], *, now_s: float, utc_s: float) -> None:
        """Take other groups; one that was there before keeps its next instant."""
        before = {slot.group: slot for slot in self._slots}
        self._slots = [
            before.get(group) or _Slot(group, aligned_after(group.interval_s, now_s, utc_s)) for group in groups
        ]
        self._merged.clear()  # its keys name slots, and a new slot may stand where an old one stood

    @property
    def next_due_s(self) -> float | None:
        """Monotonic instant of the next poll, None when there is nothing to poll."""
        return min((slot.due_s for slot in self._slots), default=None)

    def take(self, *, now_s: float, utc_s: float) -> Poll | None:
        """Return the due poll with the earliest deadline and plan its next instant; None when nothing is due."""
        due = [slot for slot in self._slots if slot.due_s <= now_s]
        if not due:
            return None
        first = min(due, key=lambda slot: slot.deadline_s)
        together = [
            slot
            for slot in self._slots
            if slot.group.device == first.group.device and slot.due_s <= now_s + SAME_INSTANT_S
        ]
        fastest = min(together, key=lambda slot: slot.group.interval_s)
        # One that joins a little early has missed nothing: its instant is still to come.
        missed = max(0, int((now_s - fastest.due_s) // fastest.group.interval_s))
        poll = Poll(first.group.device, self._join(together), fastest.due_s, missed)
        for slot in together:
            slot.due_s = _following_instant(slot, now_s, utc_s)
        return poll

    def _join(self, slots: list[_Slot]) -> tuple[str, ...]:
        """Return the points of all slots; the same slots give the same tuple, so that encoders can cache by it."""
        key = tuple(id(slot) for slot in slots)
        if key not in self._merged:
            self._merged[key] = tuple(dict.fromkeys(point for slot in slots for point in slot.group.points))
        return self._merged[key]


def aligned_after(interval_s: float, now_s: float, utc_s: float) -> float:
    """Return the first monotonic instant from now on whose wall time is a multiple of the interval."""
    return now_s + (-utc_s) % interval_s


def _following_instant(slot: _Slot, now_s: float, utc_s: float) -> float:
    """Return the instant after a poll; a stepped wall clock makes one interval longer, never shorter than half."""
    interval_s = slot.group.interval_s
    following = aligned_after(interval_s, now_s, utc_s)
    if following - slot.due_s < interval_s / 2:
        following += interval_s
    return following
