"""Looking for the lines that a store refuses."""

from collections.abc import Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import SinkUnavailable
from gateway.stores.bisection import store_all


class Picky:
    """Stores nothing of a request that holds a bad line, and counts requests."""

    def __init__(self, bad: set[int], *, keeps_good: bool) -> None:
        self._bad = {b"%d" % number for number in bad}
        self._keeps_good = keeps_good
        self.stored: set[bytes] = set()
        self.requests = 0
        self.refused_alone: set[bytes] = set()

    async def send(self, lines: Sequence[bytes]) -> str | None:
        assert lines
        self.requests += 1
        bad = self._bad.intersection(lines)
        if bad and not self._keeps_good:
            if len(lines) == 1:
                self.refused_alone.update(bad)
            return f"bad: {min(bad).decode()}"
        self.stored.update(set(lines) - bad)
        if len(lines) == 1:
            self.refused_alone.update(bad)
        return f"bad: {min(bad).decode()}" if bad else None


def numbered(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


async def test_a_good_batch_is_one_request() -> None:
    """Where nothing is refused nothing is split."""
    store = Picky(set(), keeps_good=False)
    assert await store_all(store.send, numbered(5000)) == []
    assert store.requests == 1


@pytest.mark.parametrize("size", [1, 2, 3, 64, 5000])
async def test_one_bad_line_costs_at_most_the_logarithm(size: int) -> None:
    """At any position it is found in log2(n) + 1 requests, beside the batch itself and its rest."""
    for position in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        store = Picky({position}, keeps_good=False)
        (refusal,) = await store_all(store.send, numbered(size))
        assert (refusal.index, refusal.reason) == (position, f"bad: {position}")
        assert len(store.stored) == size - 1
        assert store.requests - 2 <= ceil(log2(size)) + 1


async def test_every_position_of_a_batch() -> None:
    """4,999 of 5,000 lines are stored wherever the bad one stands."""
    for position in range(0, 5000, 37):
        store = Picky({position}, keeps_good=False)
        refusals = await store_all(store.send, numbered(5000))
        assert [refusal.index for refusal in refusals] == [position]
        assert len(store.stored) == 4999


@given(st.integers(1, 120), st.sets(st.integers(0, 119)), st.booleans())
async def test_any_set_of_bad_lines_is_found(size: int, bad: set[int], keeps_good: bool) -> None:  # noqa: FBT001
    """Each bad line is refused once, for its own reason, after it was refused alone; all others are stored."""
    bad = {number for number in bad if number < size}
    store = Picky(bad, keeps_good=keeps_good)
    refusals = await store_all(store.send, numbered(size))
    assert {refusal.index: refusal.reason for refusal in refusals} == {number: f"bad: {number}" for number in bad}
    assert store.stored == {b"%d" % number for number in range(size) if number not in bad}
    assert store.refused_alone == {b"%d" % number for number in bad}


async def test_a_batch_of_bad_lines_costs_one_request_each() -> None:
    """Where a store refuses everything, the search does not go through all halves for each line."""
    store = Picky(set(range(5000)), keeps_good=False)
    refusals = await store_all(store.send, numbered(5000))
    assert len(refusals) == 5000
    assert store.requests < 5000 + 3 * ceil(log2(5000))


async def test_a_line_that_is_taken_when_alone_is_not_refused() -> None:
    """A request that was refused for another cause than its lines costs none of them."""
    answers = iter(["a mood", None, None, None])

    async def send(_: Sequence[bytes]) -> str | None:
        return next(answers, None)

    assert await store_all(send, numbered(4)) == []


async def test_an_outage_in_the_middle_ends_the_search() -> None:
    """What is certain is said only at the end: an outage is raised, and the whole batch comes again."""
    requests = 0

    async def send(_: Sequence[bytes]) -> str | None:
        nonlocal requests
        requests += 1
        if requests > 3:
            raise SinkUnavailable("away")
        return "bad"

    with pytest.raises(SinkUnavailable):
        await store_all(send, numbered(100))
