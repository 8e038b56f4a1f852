"""What a cumulative register counted: resets, rollovers, and the total at any instant between two readings.

A register only ever counts up. Where a reading is below the one before, the register either returned to 0 after its
maximum (rollover: counting goes on across it) or was reset (a new epoch begins, and what it counted meanwhile is not
known). The continuous total is the register plus an offset that grows at each such break.

Readings at most two intervals apart are joined by a straight line. Over a longer step nothing is known in between: all
that it counted is credited to the instant of its later reading, so that it is in the sum exactly once. Totals are whole
multiples of a millionth of the unit; differences of them add up to the last digit.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

INTERVAL_MS = 900_000
LONGEST_STEP_MS = 2 * INTERVAL_MS
"""Readings further apart are not joined by a line."""
BESIDE_MS = 60_000
"""A reading this near to an instant stands for it where no line can be drawn; the same for all, so that sums close."""
DIGITS = 6
"""Decimals of a total: a millionth of a kWh or m3."""
NEAR_MAXIMUM = 0.99
"""Share of the maximum above which a register that falls has rolled over."""


class Cause(StrEnum):
    """Why a reading is below the one before; the words are those of the stored event."""

    RESET = "reset"
    ROLLOVER = "rollover"


@dataclass(frozen=True, slots=True)
class Break:
    """A reading below the one before."""

    cause: Cause
    before_ms: int
    before: float
    after_ms: int
    after: float


@dataclass(frozen=True, slots=True)
class Track:
    """The readings of one register in ascending time, made continuous."""

    times: Sequence[int]
    registers: Sequence[float]
    offsets: Sequence[float]
    """What to add to each register to get the continuous total."""
    breaks: Mapping[int, Break]
    """By the index of the later reading."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The state of a register at one instant."""

    total: float
    """Continuous total; comparable within one track only."""
    register: float
    known: bool
    """False inside a step that is too long, before the first and after the last reading."""
    distance_ms: int
    """To the nearest reading."""


def cause_of_fall(before: float, after: float, *, wrap: float | None) -> Cause | None:
    """Return why a reading is below the one before, None where it is not.

    Args:
        before: The earlier reading.
        after: The later reading.
        wrap: Where the register would reach this value it is 0 again, None where that is not known.
    """
    if after >= before:
        return None
    if wrap is not None and NEAR_MAXIMUM * wrap <= before <= wrap and before - after > wrap / 2:
        return Cause.ROLLOVER
    return Cause.RESET


def follow(times: Sequence[int], registers: Sequence[float], *, wrap: float | None) -> Track:
    """Return the readings made continuous; times ascend. What was counted across a reset is unknown and taken as 0."""
    offset = 0.0
    offsets = [offset] * min(len(registers), 1)
    breaks: dict[int, Break] = {}
    for index, (before, after) in enumerate(pairwise(registers), start=1):
        cause = cause_of_fall(before, after, wrap=wrap)
        if cause is not None:
            step = wrap if cause is Cause.ROLLOVER and wrap is not None else before - after
            offset = round(offset + step, DIGITS)
            breaks[index] = Break(cause, times[index - 1], before, times[index], after)
        offsets.append(offset)
    return Track(times, registers, offsets, breaks)


def edge_at(track: Track, at_ms: int) -> Edge | None:
    """Return the state of the register at an instant, None where there is no reading at all."""
    if not track.times:
        return None
    after = bisect_right(track.times, at_ms)
    before = after - 1
    if before < 0:
        return _beside(track, 0, at_ms)
    if after == len(track.times) or track.times[before] == at_ms:
        return _beside(track, before, at_ms)
    if track.times[after] - track.times[before] <= LONGEST_STEP_MS:
        return _between(track, after, at_ms)
    return _beside(track, after if track.times[after] - at_ms <= BESIDE_MS else before, at_ms)


def _beside(track: Track, index: int, at_ms: int) -> Edge:
    distance_ms = abs(track.times[index] - at_ms)
    register = round(track.registers[index], DIGITS)
    total = round(register + track.offsets[index], DIGITS)
    return Edge(total, register, known=distance_ms <= BESIDE_MS, distance_ms=distance_ms)


def _between(track: Track, after: int, at_ms: int) -> Edge:
    """Return the point on the straight line from the reading before to the one numbered `after`."""
    before = after - 1
    start_ms, end_ms = track.times[before], track.times[after]
    fallen = track.offsets[after] - track.offsets[before]
    counted = track.registers[after] - track.registers[before] + fallen
    register = round(track.registers[before] + counted * (at_ms - start_ms) / (end_ms - start_ms), DIGITS)
    total = round(register + track.offsets[before], DIGITS)
    if after in track.breaks and track.breaks[after].cause is Cause.ROLLOVER and register >= fallen:
        register = round(register - fallen, DIGITS)
    return Edge(total, register, known=True, distance_ms=min(at_ms - start_ms, end_ms - at_ms))
