"""The schedule of one bus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.poller.schedule import PointGroup, Schedule


def schedule(*groups: PointGroup, now_s: float = 100.0, utc_s: float = 1_000_003.0) -> Schedule:
    return Schedule(groups, now_s=now_s, utc_s=utc_s)


def test_polls_fall_on_multiples_of_the_wall_clock() -> None:
    """A 10 s interval is polled at ...:00, ...:10 of UTC, whenever the program started."""
    plan = schedule(PointGroup("meter", ("a",), 10.0))
    assert plan.next_due_s == 107.0
    poll = plan.take(now_s=107.2, utc_s=1_000_010.2)
    assert poll is not None
    assert poll.missed == 0
    assert plan.next_due_s == pytest.approx(117.0)


def test_groups_due_together_are_read_in_one_poll() -> None:
    """A device whose fast and slow points fall on one instant is asked once for all of them."""
    plan = schedule(PointGroup("meter", ("a",), 10.0), PointGroup("meter", ("b", "a"), 60.0), utc_s=1_000_020.0)
    first = plan.take(now_s=100.0, utc_s=1_000_020.0)
    assert first is not None
    assert first.points == ("a", "b")
    second = plan.take(now_s=110.0, utc_s=1_000_030.0)
    assert second is not None
    assert second.points == ("a",)


def test_the_earliest_deadline_goes_first() -> None:
    """Of two polls due at once the one with the shorter interval is sent first."""
    plan = schedule(PointGroup("slow", ("a",), 60.0), PointGroup("fast", ("a",), 5.0), utc_s=1_000_020.0)
    first = plan.take(now_s=100.0, utc_s=1_000_020.0)
    second = plan.take(now_s=100.0, utc_s=1_000_020.0)
    assert first is not None
    assert second is not None
    assert (first.device, second.device) == ("fast", "slow")
    assert plan.take(now_s=100.0, utc_s=1_000_020.0) is None


def test_instants_that_passed_are_counted_and_not_made_up_for() -> None:
    """After the bus was busy for 35 s, three polls of a 10 s interval are reported missed and one is sent."""
    plan = schedule(PointGroup("meter", ("a",), 10.0))
    poll = plan.take(now_s=142.0, utc_s=1_000_045.0)
    assert poll is not None
    assert poll.missed == 3
    assert plan.next_due_s == 147.0


@given(st.floats(-4e7, 4e7), st.sampled_from([1.0, 5.0, 10.0, 60.0, 900.0]))
def test_a_stepping_wall_clock_never_changes_the_rate(step_s: float, interval_s: float) -> None:
    """Whatever the wall clock does, the next poll comes after between a half and one and a half intervals."""
    plan = schedule(PointGroup("meter", ("a",), interval_s), now_s=1e5, utc_s=1.8e9)
    due_s = plan.next_due_s
    assert due_s is not None
    plan.take(now_s=due_s, utc_s=1.8e9 + (due_s - 1e5) + step_s)
    following = plan.next_due_s
    assert following is not None
    assert interval_s / 2 - 1e-3 <= following - due_s <= interval_s * 1.5 + 1e-3


def test_a_group_that_joins_early_has_missed_nothing() -> None:
    """A fast group that is read a few milliseconds before its instant, beside a slow one, counts no missed poll."""
    groups = [PointGroup("meter", ("fast",), 1.0), PointGroup("meter", ("slow",), 1.99)]
    made = schedule(*groups, now_s=0.0, utc_s=0.0)
    taken = [poll for now_s in (0.0, 1.0, 1.99, 3.0) if (poll := made.take(now_s=now_s, utc_s=now_s)) is not None]
    assert [poll.points for poll in taken] == [("fast", "slow"), ("fast",), ("fast", "slow"), ("fast",)]
    assert [poll.missed for poll in taken] == [0, 0, 0, 0]


def test_a_bus_without_devices_has_nothing_due() -> None:
    """An empty schedule has no next instant."""
    assert schedule().next_due_s is None
