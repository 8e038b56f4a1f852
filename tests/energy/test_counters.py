"""The continuous total behind a register."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.energy.counters import INTERVAL_MS, LONGEST_STEP_MS, Cause, cause_of_fall, edge_at, follow

START_MS = 1_717_200_000_000
"""2024-06-01 00:00 UTC."""


@dataclass(frozen=True)
class Meter:
    """A register with a known truth."""

    times: list[int]
    registers: list[float]
    counted: float
    """What it truly counted from the first to the last reading."""
    wrap: float


@st.composite
def meters(draw: st.DrawFn) -> Meter:
    """Registers of whole watt-hours that roll over at most once per step, read at irregular times with long gaps."""
    wrap = draw(st.sampled_from([100.0, 9999.999, 1e6]))
    seconds = draw(st.lists(st.integers(1, 4 * 3600), min_size=1, max_size=60))
    # Less than 1 % of the range per step: a larger step could start below the top 1 %, and pass for a reset.
    steps = draw(st.lists(st.integers(0, int(wrap * 9)), min_size=len(seconds), max_size=len(seconds)))
    first = draw(st.integers(0, int(wrap * 1000) - 1))
    times, total = [START_MS + draw(st.integers(0, INTERVAL_MS))], first
    registers = [first / 1000]
    modulus = int(wrap * 1000)
    for passed_s, step in zip(seconds, steps, strict=True):
        total += step
        times.append(times[-1] + passed_s * 1000)
        registers.append((total % modulus) / 1000)
    return Meter(times, registers, (total - first) / 1000, wrap)


@pytest.mark.parametrize(
    ("before", "after", "wrap", "cause"),
    [
        (10.0, 10.0, None, None),
        (10.0, 12.5, 100.0, None),
        (99.5, 0.5, 100.0, Cause.ROLLOVER),
        (99.0, 0.0, 100.0, Cause.ROLLOVER),
        (98.9, 0.0, 100.0, Cause.RESET),
        (99.5, 0.5, None, Cause.RESET),
        (99.9, 99.8, 100.0, Cause.RESET),
        (101.0, 0.5, 100.0, Cause.RESET),
    ],
)
def test_a_fall_is_a_rollover_only_from_the_top_of_the_register(
    before: float, after: float, wrap: float | None, cause: Cause | None
) -> None:
    """A register that falls from within 1 % of its maximum to its lower half rolled over; any other fall is a reset."""
    assert cause_of_fall(before, after, wrap=wrap) == cause


def test_a_rollover_goes_on_counting() -> None:
    """99.4, 99.9, 0.3 of a register that returns to 0 after 100 counted 0.9."""
    track = follow([0, 10_000, 20_000], [99.4, 99.9, 0.3], wrap=100.0)
    end = edge_at(track, 20_000)
    assert end is not None
    assert (end.total, end.register) == (100.3, 0.3)
    assert track.breaks[2].cause is Cause.ROLLOVER


def test_a_reset_counts_nothing_and_opens_a_new_epoch() -> None:
    """500, 510, 3, 4 counted 11: 10 before the reset, 1 after it, and nothing invented across it."""
    track = follow([0, 10_000, 20_000, 30_000], [500.0, 510.0, 3.0, 4.0], wrap=None)
    end = edge_at(track, 30_000)
    assert end is not None
    assert end.total - 500.0 == 11.0
    assert (track.breaks[2].before, track.breaks[2].after) == (510.0, 3.0)


def test_an_edge_between_two_readings_lies_on_their_line() -> None:
    """A quarter of the way from 100 to 104 the register stands at 101."""
    edge = edge_at(follow([0, 40_000], [100.0, 104.0], wrap=None), 10_000)
    assert edge is not None
    assert (edge.register, edge.known, edge.distance_ms) == (101.0, True, 10_000)


def test_an_edge_inside_a_rollover_shows_a_register_within_its_range() -> None:
    """From 98 to 2 of 100 the register passes its maximum half-way; after it the register is small again."""
    track = follow([0, 40_000], [99.0, 3.0], wrap=100.0)
    registers = [edge.register for at_ms in (5_000, 20_000) if (edge := edge_at(track, at_ms)) is not None]
    assert registers == [99.5, 1.0]


def test_readings_more_than_two_intervals_apart_are_not_joined() -> None:
    """Inside a longer step the register is unknown, and all of it is credited to the later reading."""
    track = follow([0, LONGEST_STEP_MS + 1], [100.0, 104.0], wrap=None)
    middle, end = edge_at(track, INTERVAL_MS), edge_at(track, LONGEST_STEP_MS + 1)
    assert middle is not None
    assert end is not None
    assert (middle.known, middle.total) == (False, 100.0)
    assert (end.known, end.total) == (True, 104.0)


@pytest.mark.parametrize(("at_ms", "known"), [(-60_001, False), (-60_000, True), (60_000, True), (60_001, False)])
def test_a_single_reading_stands_for_the_minute_around_it(at_ms: int, *, known: bool) -> None:
    """A reading up to 60 s from an edge stands for it where there is no other; further away the edge is unknown."""
    edge = edge_at(follow([0], [7.0], wrap=None), at_ms)
    assert edge is not None
    assert (edge.known, edge.total) == (known, 7.0)


def test_no_reading_gives_no_edge() -> None:
    """A register that was never read has no state."""
    assert edge_at(follow([], [], wrap=None), 0) is None


@given(meters())
def test_totals_never_fall_and_close_on_the_truth(meter: Meter) -> None:
    """Over any instants the total never falls, and from first to last reading it is what was truly counted."""
    track = follow(meter.times, meter.registers, wrap=meter.wrap)
    assert all(broken.cause is Cause.ROLLOVER for broken in track.breaks.values())
    instants = range(meter.times[0] - INTERVAL_MS, meter.times[-1] + INTERVAL_MS, INTERVAL_MS // 4)
    totals = [edge.total for at_ms in instants if (edge := edge_at(track, at_ms)) is not None]
    assert totals == sorted(totals)
    first, last = edge_at(track, meter.times[0]), edge_at(track, meter.times[-1])
    assert first is not None
    assert last is not None
    assert round(last.total - first.total, 6) == meter.counted


@given(meters(), st.integers(0, 30))
def test_an_edge_does_not_depend_on_what_else_is_known(meter: Meter, drop: int) -> None:
    """Totals between two instants are the same whether or not earlier readings are at hand."""
    keep = min(drop, len(meter.times) - 1)
    whole = follow(meter.times, meter.registers, wrap=meter.wrap)
    part = follow(meter.times[keep:], meter.registers[keep:], wrap=meter.wrap)
    low_ms, high_ms = meter.times[keep], meter.times[-1]
    middle_ms = (low_ms + high_ms) // 2
    differences = []
    for track in (whole, part):
        low, high = edge_at(track, low_ms), edge_at(track, middle_ms)
        assert low is not None
        assert high is not None
        differences.append(round(high.total - low.total, 6))
    assert differences[0] == differences[1]
