from gateway.spool.places import Places
from gateway.spool.record import Stamp
from gateway.spool.segment import Span

RUN = "0123456789abcdef"


def _span(first: int, last: int, *, run: str = RUN) -> Span:
    return Span(run, "fedcba9876543210", first, last, Stamp.CERTAIN, first, 1000 * first, 1000 * last)


def _all(places: Places) -> list[tuple[int, int, str]]:
    return [(place.first, place.last, place.segment) for place in places.of_run(RUN)]


def test_rounds_that_continue_one_another_are_few_places() -> None:
    """A month of rounds takes a handful of objects for each segment, however many readouts are in it."""
    places = Places()
    for segment in range(20):
        for number in range(1000):
            first = 1 + 5 * (1000 * segment + number)
            places.put(f"ring-{segment:06}.seg", _span(first, first + 4))
    assert len(places.of_run(RUN)) == 40
    assert _all(places)[0][0] == 1
    assert _all(places)[-1][1] == 100_000
    found = places.find(RUN, 54_321)
    assert found is not None
    assert found.segment == "ring-000010.seg"
    assert found.time_of(54_321) == 54_321_000


def test_an_entry_is_where_it_was_noted_last() -> None:
    """A copy takes the place of what it copies, and of no more."""
    places = Places()
    places.put("a", _span(1, 100))
    places.put("b", _span(40, 60))
    assert _all(places) == [(1, 39, "a"), (40, 60, "b"), (61, 100, "a")]
    places.put("c", _span(30, 70))
    assert _all(places) == [(1, 29, "a"), (30, 70, "c"), (71, 100, "a")]
    assert list(places.of_segment("b")) == []
    assert [(place.first, place.last) for place in places.overlapping(RUN, 29, 30)] == [(1, 29), (30, 70)]


def test_a_segment_used_again_holds_nothing_old() -> None:
    """Forgetting a segment leaves the places in others."""
    places = Places()
    places.put("a", _span(1, 10))
    places.put("b", _span(11, 20))
    places.put("a", _span(1, 5, run="f" * 16))
    places.forget("a")
    assert _all(places) == [(11, 20, "b")]
    assert places.runs() == [RUN]
    assert places.find(RUN, 5) is None
    places.forget("never there")
