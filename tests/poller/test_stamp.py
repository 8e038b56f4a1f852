"""Times: given once, strictly increasing, marked where nobody vouches for them."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.readout import Event
from gateway.poller.stamp import STEP_PATIENCE_S, Anchor, Stamper
from tests.fakes import FakeClock

YEAR_MS = 365 * 86_400_000


def test_a_synchronised_clock_gives_the_time_of_acquisition() -> None:
    """The stamp is the UTC of the monotonic instant, not of the moment of stamping."""
    clock = FakeClock()
    stamp = Stamper(clock, floor_ms=0).stamp("meter", clock.monotonic() - 2.5)
    assert stamp is not None
    assert stamp.time_ms == clock.utc_ms() - 2500
    assert not stamp.uncertain


async def test_nothing_is_stamped_while_synchronisation_is_awaited() -> None:
    """Before the first synchronisation there is no stamp; with it comes the anchor, once."""
    clock = FakeClock()
    clock.is_synchronised = False
    stamper = Stamper(clock, floor_ms=0)
    assert stamper.stamp("meter", clock.monotonic()) is None
    assert stamper.news() == []
    clock.step_wall(YEAR_MS)
    clock.is_synchronised = True
    stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp is not None
    assert stamp.time_ms == clock.utc_ms()
    assert stamper.news() == [Anchor(clock.utc_ms() - round(clock.monotonic() * 1000), uncertain=False)]
    assert stamper.news() == []


async def test_after_ten_minutes_without_synchronisation_stamps_are_marked() -> None:
    """Patience ends after ten minutes; from then on every stamp says that it is uncertain."""
    clock = FakeClock()
    clock.is_synchronised = False
    stamper = Stamper(clock, floor_ms=0)
    assert stamper.stamp("meter", clock.monotonic()) is None
    await clock.advance(601.0)
    stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp is not None
    assert stamp.uncertain
    assert [news for news in stamper.news() if isinstance(news, Anchor) and news.uncertain]


def test_where_no_time_service_runs_there_is_no_waiting() -> None:
    """On a machine without a service manager readouts are stamped at once, and marked."""
    clock = FakeClock()
    clock.is_synchronised = clock.is_awaited = False
    stamp = Stamper(clock, floor_ms=0).stamp("meter", clock.monotonic())
    assert stamp is not None
    assert stamp.uncertain


async def test_a_short_excursion_of_the_clock_leaves_no_trace_in_the_times() -> None:
    """A clock that jumps a year and comes back is bridged by the monotonic clock, marked meanwhile."""
    clock = FakeClock()
    stamper = Stamper(clock, floor_ms=0)
    first = stamper.stamp("meter", clock.monotonic())
    clock.step_wall(YEAR_MS)
    await clock.advance(10.0)
    second = stamper.stamp("meter", clock.monotonic())
    clock.step_wall(-YEAR_MS)
    await clock.advance(10.0)
    third = stamper.stamp("meter", clock.monotonic())
    assert first is not None
    assert second is not None
    assert third is not None
    assert [second.time_ms - first.time_ms, third.time_ms - second.time_ms] == [10_000, 10_000]
    assert [first.uncertain, second.uncertain, third.uncertain] == [False, True, False]


async def test_a_lasting_step_is_believed_and_declared() -> None:
    """After ten minutes at its new time the clock is believed, and an event says from where to where."""
    clock = FakeClock()
    stamper = Stamper(clock, floor_ms=0)
    stamper.stamp("meter", clock.monotonic())
    clock.step_wall(-YEAR_MS)
    stamper.stamp("meter", clock.monotonic())
    await clock.advance(STEP_PATIENCE_S + 1)
    stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp is not None
    assert stamp.time_ms == clock.utc_ms()
    assert not stamp.uncertain
    events = [news for news in stamper.news() if isinstance(news, Event)]
    assert [(event.kind, event.cause, event.start_ms - event.end_ms) for event in events] == [
        ("clock", "step", YEAR_MS)
    ]


def test_times_start_above_what_was_given_before_the_restart() -> None:
    """A clock that is a little behind after a restart continues above the last time given."""
    clock = FakeClock()
    floor_ms = clock.utc_ms() + 300
    stamp = Stamper(clock, floor_ms=floor_ms).stamp("meter", clock.monotonic())
    assert stamp is not None
    assert stamp.time_ms == floor_ms + 1


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(-900, 900)), max_size=40))
def test_times_of_a_device_always_increase(moves: list[tuple[float, int]]) -> None:
    """However the clock is slewed by less than a second at a time, no time is given twice or out of order."""
    clock = FakeClock()
    stamper = Stamper(clock, floor_ms=0)
    times = []
    monotonic_s = clock.monotonic()
    for wait_s, slew_ms in moves:
        monotonic_s += wait_s
        clock.step_wall(slew_ms)
        stamp = stamper.stamp("meter", monotonic_s)
        assert stamp is not None
        times.append(stamp.time_ms)
    assert times == sorted(set(times))
