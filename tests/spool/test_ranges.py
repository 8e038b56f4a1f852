import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.spool.ranges import RangeSet

BOUNDS = st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))
CHANGES = st.lists(st.tuples(st.booleans(), BOUNDS), max_size=30)


def _members(ranges: RangeSet) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(CHANGES)
def test_it_holds_what_a_set_would_hold(changes: list[tuple[bool, tuple[int, int]]]) -> None:
    """Adding and removing ranges changes the same integers, and counts the same changes, as in a set."""
    ranges, model = RangeSet(), set[int]()
    for is_added, (first, last) in changes:
        numbers = set(range(first, last + 1))
        if is_added:
            assert ranges.add(first, last) == len(numbers - model)
            model |= numbers
        else:
            assert ranges.remove(first, last) == len(numbers & model)
            model -= numbers
    assert _members(ranges) == model
    assert ranges.count == len(model)
    assert bool(ranges) == bool(model)


@given(CHANGES)
def test_its_ranges_are_as_few_as_can_be(changes: list[tuple[bool, tuple[int, int]]]) -> None:
    """Ranges ascend, are not empty, and at least one integer lies between two of them."""
    ranges = RangeSet()
    for is_added, (first, last) in changes:
        if is_added:
            ranges.add(first, last)
        else:
            ranges.remove(first, last)
    pairs = list(ranges)
    assert all(first <= last for first, last in pairs)
    assert all(before[1] + 1 < behind[0] for before, behind in itertools.pairwise(pairs))
    assert ranges.lowest == (pairs[0] if pairs else None)
    assert ranges.highest == (pairs[-1] if pairs else None)


@given(st.lists(BOUNDS, max_size=10), BOUNDS)
def test_questions_about_a_stretch(pairs: list[tuple[int, int]], stretch: tuple[int, int]) -> None:
    """Overlap, cover, membership and the first gap are what a set says."""
    ranges = RangeSet(pairs)
    model = {number for first, last in pairs for number in range(first, last + 1)}
    asked = set(range(stretch[0], stretch[1] + 1))
    assert _members(RangeSet(ranges.overlap(*stretch))) == asked & model
    assert ranges.covers(*stretch) == (asked <= model)
    assert (stretch[0] in ranges) == (stretch[0] in model)
    assert ranges.first_gap(stretch[0]) == min(set(range(stretch[0], 100)) - model)


def test_two_sets_of_the_same_integers_are_equal() -> None:
    """Equality asks for the integers, not for how they came in."""
    assert RangeSet([(1, 3), (4, 9)]) == RangeSet([(1, 9)])
    assert RangeSet([(1, 3)]) != RangeSet([(1, 4)])
    assert repr(RangeSet([(1, 3)])) == "RangeSet([(1, 3)])"


def test_an_empty_range_is_refused() -> None:
    """A range that ends before it starts is an error of the caller."""
    with pytest.raises(ValueError, match="from 3 to 2 is empty"):
        RangeSet().add(3, 2)
    with pytest.raises(ValueError, match="from 3 to 2 is empty"):
        RangeSet().remove(3, 2)
