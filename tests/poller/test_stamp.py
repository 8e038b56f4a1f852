"""Times: given once, strictly increasing, marked where nobody vouches for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.readout import Event
from gateway.poller.stamp import LONGEST_REST_MS, STEP_PATIENCE_S, Anchor, Stamp, Stamper
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
    assert [second.time_ms - first.time_ms, third.time_ms - second.time_ms] == [10_001, 9_999]
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
    stamper = Stamper(clock, floor_ms=floor_ms)
    assert stamper.stamp("meter", clock.monotonic()) == Stamp(floor_ms + 2, uncertain=False)


@given(st.integers(-400_000, 400_000), st.integers(0, 600))
def test_what_is_vouched_for_never_meets_what_is_not(step_ms: int, later_s: int) -> None:
    """Times are even where a time service vouches for them and odd where none does, so that no row takes another's."""
    clock = FakeClock()
    clock.is_synchronised = clock.is_awaited = False
    stamper = Stamper(clock, floor_ms=0)
    unsure = stamper.stamp("meter", clock.monotonic())
    clock.step_wall(step_ms)
    clock.is_synchronised = True
    sure = stamper.stamp("meter", clock.monotonic() + later_s)
    assert unsure is not None
    assert sure is not None
    assert (unsure.uncertain, unsure.time_ms % 2) == (True, 1)
    assert (sure.uncertain, sure.time_ms % 2) == (False, 0)


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


@pytest.mark.parametrize("wrong_ms", [-YEAR_MS, YEAR_MS])
async def test_a_clock_that_cannot_be_right_at_the_start_is_waited_for(wrong_ms: int) -> None:
    """A time service that vouches for another year than the last is not believed before its time has lasted."""
    clock = FakeClock()
    last_ms = clock.utc_ms()
    clock.step_wall(wrong_ms)
    stamper = Stamper(clock, floor_ms=last_ms)
    assert stamper.stamp("meter", clock.monotonic()) is None
    clock.step_wall(-wrong_ms)
    await clock.advance(60.0)
    stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp == Stamp(last_ms + 60_000, uncertain=False)
    clock.step_wall(wrong_ms)
    lasting = Stamper(clock, floor_ms=stamp.time_ms)
    await clock.advance(STEP_PATIENCE_S)
    assert lasting.stamp("meter", clock.monotonic()) == Stamp(clock.utc_ms(), uncertain=False)


def test_a_long_rest_on_a_shelf_is_no_reason_to_wait() -> None:
    """A gateway that was off for weeks believes its time service at once."""
    clock = FakeClock()
    stamper = Stamper(clock, floor_ms=clock.utc_ms() - LONGEST_REST_MS)
    assert stamper.stamp("meter", clock.monotonic()) == Stamp(clock.utc_ms(), uncertain=False)


@pytest.mark.parametrize("wrong_ms", [-YEAR_MS, -1500, 1500, YEAR_MS])
async def test_the_next_process_of_a_boot_knows_what_the_first_one_knew(wrong_ms: int) -> None:
    """A clock that went wrong around a restart is bridged as one that went wrong between two readouts."""
    clock = FakeClock()
    first = Stamper(clock, floor_ms=0)
    before = first.stamp("meter", clock.monotonic())
    assert before is not None
    clock.step_wall(wrong_ms)
    await clock.advance(10.0)
    second = Stamper(clock, floor_ms=before.time_ms, footing=first.footing)
    assert second.stamp("meter", clock.monotonic()) == Stamp(before.time_ms + 10_001, uncertain=True)
    assert second.news() == [Anchor(before.time_ms - 1_000_000, uncertain=False)]


async def test_a_year_ahead_is_forgotten_with_the_process_that_gave_it() -> None:
    """Times that a wrong clock gave hold back no later process of the boot, once a time service put it right."""
    clock = FakeClock()
    first = Stamper(clock, floor_ms=0)
    before = first.stamp("meter", clock.monotonic())
    assert before is not None
    second = Stamper(clock, floor_ms=before.time_ms + YEAR_MS, footing=first.footing)
    assert second.stamp("meter", clock.monotonic()) == Stamp(clock.utc_ms(), uncertain=False)


async def test_waiting_goes_on_over_a_restart() -> None:
    """Patience counts from the first process of the boot, and what it held is stamped above all times given."""
    clock = FakeClock()
    clock.is_synchronised = False
    floor_ms = clock.utc_ms() + 3_600_000
    first = Stamper(clock, floor_ms=floor_ms)
    held_s = clock.monotonic()
    assert first.stamp("meter", held_s) is None
    await clock.advance(400.0)
    second = Stamper(clock, floor_ms=floor_ms, footing=first.footing)
    assert second.stamp("meter", clock.monotonic()) is None
    await clock.advance(201.0)
    assert second.stamp("meter", clock.monotonic()) == Stamp(floor_ms + 601_001, uncertain=True)
    anchor = second.footing.anchor
    assert anchor is not None
    assert round(held_s * 1000) + anchor.offset_ms == floor_ms + 1


async def test_who_does_not_know_the_time_never_goes_back_in_it() -> None:
    """A clock without time service that is set back by hand changes no time: its rows would be overwritten."""
    clock = FakeClock()
    clock.is_synchronised = clock.is_awaited = False
    stamper = Stamper(clock, floor_ms=0)
    first = stamper.stamp("meter", clock.monotonic())
    assert first is not None
    clock.step_wall(-3_600_000)
    for seconds in (1.0, STEP_PATIENCE_S, 1.0):
        await clock.advance(seconds)
        stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp == Stamp(first.time_ms + 602_000, uncertain=True)


async def test_only_a_time_service_corrects_a_time_service() -> None:
    """Once a time service vouched for the clock, a time without one is never believed, however long it lasts."""
    clock = FakeClock()
    stamper = Stamper(clock, floor_ms=0)
    first = stamper.stamp("meter", clock.monotonic())
    assert first is not None
    clock.step_wall(-3_600_000)
    clock.is_synchronised = False
    for seconds in (1.0, STEP_PATIENCE_S, 1.0):
        await clock.advance(seconds)
        stamp = stamper.stamp("meter", clock.monotonic())
    assert stamp == Stamp(first.time_ms + 602_001, uncertain=True)
