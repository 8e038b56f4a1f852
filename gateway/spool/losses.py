"""What must be declared as lost after a start: power cuts and damage. Pure."""

from collections.abc import Callable, Iterable, Sequence

from gateway.core.readout import Event
from gateway.spool.recovery import Life
from gateway.spool.segment import Damage

_SETTLING_MS = 10_000
"""Longer than any round takes."""

StillHere = Callable[[str, int, int], int]
"""Run, first, last → how many of these entries are not lost."""


def sudden_end(
    life: Life | None, *, boot: str, tier_survived: bool, now_ms: int, unmarked_ms: int | None
) -> Event | None:
    """Return the gap that a power cut left, or the death of a process without RAM tier; None where there was none.

    Args:
        life: Last sign of the process before; None when flash knows of none.
        boot: Tag of this boot.
        tier_survived: The RAM tier was written in this boot.
        now_ms: UTC.
        unmarked_ms: Longest time without a sign of life, where the clock cannot be believed; None where it can.
    """
    if life is None or life.is_clean:
        return None
    is_killed = life.boot == boot and not life.has_tier
    if life.boot == boot and life.has_tier and tier_survived:
        return None
    end_ms = max(now_ms, life.instant_ms)
    if unmarked_ms is not None:
        end_ms = max(end_ms, life.instant_ms + unmarked_ms + _SETTLING_MS)
    if is_killed:
        return Event("gap", "kill", life.instant_ms, end_ms, 0, text="the process died and there is no RAM tier")
    return Event("gap", "power_cut", life.instant_ms, end_ms, 0, text="power was cut, or the RAM tier is gone")


def damaged(damage: Iterable[Damage], still_here: StillHere, *, now_ms: int) -> list[Event]:
    """Return the gaps that damage left: one for entries that it names, one for all that it does not."""
    named: list[tuple[int, int, int]] = []
    nameless: list[tuple[int, int]] = []
    for each in damage:
        record = each.record
        if record is None:
            start_ms = each.after_ms if each.after_ms is not None else each.before_ms
            end_ms = each.before_ms if each.before_ms is not None else now_ms
            nameless.append((end_ms if start_ms is None else start_ms, end_ms))
        elif record.holds_entries:
            lost = record.count - still_here(record.origin.run, record.first, record.last)
            if lost > 0:
                named.append((record.time_ms, record.time_ms + record.span_ms, lost))
    gaps = [_gap([(start, end) for start, end, _ in named], sum(lost for _, _, lost in named))] if named else []
    return [*gaps, _gap(nameless, 0)] if nameless else gaps


def unreadable(earliest_ms: int, now_ms: int) -> Event:
    """Return the gap that a whole segment left of which nothing can be read."""
    return _gap([(min(earliest_ms, now_ms), now_ms)], 0)


def _gap(stretches: Sequence[tuple[int, int]], count: int) -> Event:
    start_ms = min(min(stretch) for stretch in stretches)
    end_ms = max(max(stretch) for stretch in stretches)
    return Event("gap", "damage", start_ms, end_ms, count, text="the spool found damaged records")
