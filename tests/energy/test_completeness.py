"""How many readouts were due."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.energy.completeness import Periods, Tally, instants, summed

LENGTHS = st.lists(st.integers(1, 60), max_size=4)


@given(lengths=LENGTHS, start=st.integers(0, 300), length=st.integers(0, 300))
def test_instants_are_counted_as_the_schedule_makes_them(lengths: list[int], start: int, length: int) -> None:
    """One readout stands for all intervals that fall on one instant."""
    due = {time for each in lengths for time in range(start, start + length) if time % each == 0}
    assert instants(lengths, start, start + length) == len(due)


def test_an_interval_that_changed_is_counted_from_its_change() -> None:
    """Each catalogue holds until the next one; a device that it does not name is not due, and may come back."""
    periods = Periods()
    assert (periods.first_ms, periods.expected(0, 10_000)) == (None, 0)
    periods.state(1000, {10})
    periods.state(2000, {5, 20})
    periods.state(3000, ())
    periods.state(4000, {10})
    assert periods.first_ms == 1000
    assert periods.expected(1000, 2000) == 100
    assert periods.expected(1500, 2500) == 50 + 100
    assert periods.expected(3000, 4000) == 0
    assert periods.expected(2990, 4100) == 2 + 10


def test_a_word_that_changes_nothing_is_no_change() -> None:
    """Catalogues are told again and again, and backlog shows that the first one held earlier than it was told."""
    periods = Periods()
    periods.state(2000, {10})
    periods.state(2500, {10, 20})
    periods.state(500, {10})
    assert periods.first_ms == 500
    assert periods.at(600).since_ms == 500
    assert periods.at(2600).since_ms == 500


def test_quarters_of_a_stretch_add_up() -> None:
    """Only those that begin in it count."""
    tallies = {0: Tally(90, 80), 900: Tally(90, 90), 1800: Tally(10, 0)}
    assert summed(tallies, 900, 1900) == Tally(100, 90)
