"""What a quarter of an hour keeps of each kind of quantity."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.quantity import Quantity, load_vocabulary
from gateway.energy.counters import INTERVAL_MS, follow
from gateway.energy.intervals import Interval, Quality, Series, mean_direction, summarise, usual_period

START_MS = 1_717_200_000_000
"""2024-06-01 00:00 UTC."""
PERIOD_MS = 10_000
POWER = load_vocabulary()["elec_power_active"]
ENERGY = load_vocabulary()["elec_energy_import"]
MODE = load_vocabulary()["hp_operating_mode"]
SETPOINT = load_vocabulary()["hp_temp_setpoint"]
SESSION = load_vocabulary()["ev_energy_session"]
WIND = load_vocabulary()["weather_wind_direction"]


def of(quantity: Quantity, samples: Sequence[tuple[float, float]], *, suspect: Sequence[float] = ()) -> Interval:
    """Return the interval from 0 to 900 s that holds samples given as (seconds, value)."""
    times = [START_MS + round(at_s * 1000) for at_s, _ in samples]
    series = Series(
        times, [value for _, value in samples], frozenset(START_MS + round(at_s * 1000) for at_s in suspect)
    )
    return summarise(quantity, series, START_MS, period_ms=PERIOD_MS)


def counted(samples: Sequence[tuple[float, float]], *, number: int = 0, wrap: float | None = None) -> Interval:
    """Return the interval with that number of a register read at (seconds, kWh)."""
    times = [START_MS + round(at_s * 1000) for at_s, _ in samples]
    values = [value for _, value in samples]
    start_ms = START_MS + number * INTERVAL_MS
    track = follow(times, values, wrap=wrap)
    return summarise(ENERGY, Series(times, values), start_ms, period_ms=PERIOD_MS, track=track)


@pytest.mark.parametrize(
    ("present", "quality", "has_value"),
    [
        (90, Quality.GOOD, True),
        (81, Quality.GOOD, True),
        (80, Quality.PARTIAL, True),
        (46, Quality.PARTIAL, True),
        (45, Quality.PARTIAL, True),
        (44, Quality.MISSING, False),
        (0, Quality.MISSING, False),
    ],
)
def test_a_gauge_is_complete_from_90_and_usable_from_50_percent(
    present: int, quality: Quality, *, has_value: bool
) -> None:
    """Of 90 samples due, 81 (90 %) are complete, 80 (89 %) and 45 (50 %) partial, 44 (49 %) give no value."""
    interval = of(POWER, [(number * 10.0, 500.0) for number in range(present)])
    assert interval.quality == quality
    assert (interval.value is not None) == has_value
    assert interval.coverage == pytest.approx(present / 90)


def test_a_gauge_is_weighted_by_time() -> None:
    """Samples that came twice as often count half as much each; least, greatest and last are kept."""
    slow = [(number * 10.0, 100.0) for number in range(45)]
    fast = [(450.0 + number * 5.0, 400.0) for number in range(90)]
    interval = of(POWER, slow + fast)
    assert interval.value == pytest.approx(250.0, abs=1.0)
    assert (interval.minimum, interval.maximum, interval.last) == (100.0, 400.0, 400.0)


def test_a_sample_before_a_gap_stands_for_one_period_only() -> None:
    """A gap of 300 s after the only high value does not stretch that value over the gap."""
    samples = [(number * 10.0, 1000.0 if number == 29 else 0.0) for number in range(90) if not 30 <= number < 60]
    interval = of(POWER, samples)
    assert interval.quality is Quality.PARTIAL
    assert interval.value == pytest.approx(1000.0 / 60)


def test_samples_of_the_neighbours_do_not_count() -> None:
    """The interval takes its start and leaves its end to the next one."""
    interval = of(POWER, [(-0.001, 9e9), *[(number * 10.0, 5.0) for number in range(90)], (900.0, 9e9)])
    assert (interval.value, interval.maximum) == (5.0, 5.0)


def test_wind_directions_are_averaged_as_vectors() -> None:
    """350 and 10 degrees are north together, not south; directions that cancel have no mean."""
    interval = of(WIND, [(number * 10.0, 350.0 if number % 2 else 10.0) for number in range(90)])
    assert interval.value == pytest.approx(0.0, abs=1e-6) or interval.value == pytest.approx(360.0)
    assert (interval.minimum, interval.maximum) == (None, None)
    assert mean_direction([90.0, 270.0], [1.0, 1.0]) is None


def test_a_suspect_sample_marks_the_interval() -> None:
    """A value outside its plausible range is used, and the interval says so."""
    interval = of(POWER, [(number * 10.0, 5.0) for number in range(90)], suspect=[100.0])
    assert interval.quality is Quality.SUSPECT


def test_a_state_keeps_its_last_code_and_the_seconds_of_each() -> None:
    """A mode seen every 10 s adds up to 900 s, and what was in force at the start counts from the start."""
    samples = [(number * 10.0 + 5.0, 1 if number < 30 else 2) for number in range(-1, 90)]
    interval = of(MODE, samples)
    assert interval.value == 2
    assert interval.seconds == {1: 305.0, 2: 595.0}


def test_a_state_becomes_unknown_when_nothing_more_is_heard() -> None:
    """The last code counts for one and a half periods, not until the end."""
    interval = of(MODE, [(0.0, 1), (10.0, 1)])
    assert interval.seconds == {1: 25.0}
    assert interval.quality is Quality.PARTIAL


def test_setpoints_and_sessions_keep_the_last_value() -> None:
    """A setpoint is its last value; a session also keeps its greatest, since it falls to 0 in between."""
    assert of(SETPOINT, [(0.0, 20.0), (800.0, 21.5)]).value == 21.5
    session = of(SESSION, [(0.0, 3.0), (400.0, 7.5), (800.0, 0.5)])
    assert (session.value, session.maximum) == (0.5, 7.5)
    assert of(SETPOINT, []).quality is Quality.MISSING


def test_a_counter_is_the_difference_at_its_edges() -> None:
    """Read at 5 s past every 10 s, a load of 3.6 kW counts 0.9 kWh, and the edges are interpolated."""
    interval = counted([(number * 10.0 + 5.0, 1000.0 + number * 0.01) for number in range(-1, 91)])
    assert (interval.value, interval.quality) == (0.9, Quality.GOOD)
    assert interval.register == 1000.895
    assert interval.last == 1000.89


def test_a_counter_with_a_short_gap_at_its_edge_is_interpolated() -> None:
    """Readings 20 minutes apart give the interval a value that says it is interpolated."""
    interval = counted([(-300.0, 100.0), (900.0, 112.0)])
    assert (interval.value, interval.quality, interval.coverage) == (9.0, Quality.INTERPOLATED, 0.0)


def test_a_counter_over_a_long_gap_keeps_its_sum() -> None:
    """Over 3 hours without readings no interval has a value, and the one that ends the gap keeps the sum."""
    samples = [(0.0, 100.0), (300.0, 101.0), (10_900.0, 140.0), (11_700.0, 141.0)]
    intervals = [counted(samples, number=number) for number in range(13)]
    assert [interval.value for interval in intervals] == [None] * 13
    assert [interval.gap for interval in intervals] == [1.0, *[None] * 11, 40.0]


def test_a_counter_reset_inside_is_partial() -> None:
    """What was counted before and after the reset is kept; the interval says that something is missing."""
    interval = counted([(0.0, 500.0), (300.0, 503.0), (310.0, 0.0), (900.0, 2.0)])
    assert (interval.value, interval.quality, interval.register) == (5.0, Quality.PARTIAL, 2.0)


def test_a_counter_rollover_inside_loses_nothing() -> None:
    """A register of 1000 that rolls over inside an interval counts on."""
    interval = counted([(0.0, 999.0), (450.0, 0.5), (900.0, 2.0)], wrap=1000.0)
    assert (interval.value, interval.register) == (3.0, 2.0)


def test_a_counter_never_read_has_no_value() -> None:
    """Without any reading an interval is missing."""
    assert counted([]) == Interval(Quality.MISSING, 0.0)


def test_the_usual_period_is_found_despite_losses() -> None:
    """With every third sample lost, most spacings still are the poll period."""
    times = [number * 10_000 for number in range(90) if number % 3]
    assert usual_period(times) == 10_000
    assert usual_period([5]) == INTERVAL_MS


@given(
    st.lists(st.tuples(st.integers(1, 7200), st.integers(0, 5000)), min_size=1, max_size=80),
    st.integers(0, INTERVAL_MS - 1),
)
def test_intervals_and_gaps_add_up_to_what_was_counted(steps: list[tuple[int, int]], phase_ms: int) -> None:
    """Differences and gap sums of all intervals are, to the last digit, what the register counted; none is negative."""
    times, values, total = [START_MS + phase_ms], [7.0], 7000
    for passed_s, counted_wh in steps:
        total += counted_wh
        times.append(times[-1] + passed_s * 1000)
        values.append(total / 1000)
    track, series = follow(times, values, wrap=None), Series(times, values)
    first = START_MS - 2 * INTERVAL_MS
    parts = []
    for start_ms in range(first, times[-1] + 2 * INTERVAL_MS, INTERVAL_MS):
        interval = summarise(ENERGY, series, start_ms, period_ms=PERIOD_MS, track=track)
        assert interval.value is None or interval.gap is None
        parts.append(interval.value or interval.gap or 0.0)
    assert min(parts) >= 0
    assert round(sum(parts), 6) == round(values[-1] - values[0], 6)
