from hypothesis import given
from hypothesis import strategies as st

from gateway.core.protocols import Batch
from gateway.relay.course import Course
from gateway.relay.flights import BATCH_BYTES, BATCHES, LEAST_BYTES, Flight, Flights, Pace
from gateway.relay.lanes import newer_part, older_part

RUN = "a" * 16


def batch(first: int, last: int, run: str = RUN) -> Batch:
    """Return a batch whose lines say their sequence number."""
    return Batch(run, first, last, "0" * 8, tuple(b"%d" % number for number in range(first, last + 1)))


def flight(first: int, last: int, sent_s: float = 0.0, *, size: int = 1000, is_backfill: bool = True) -> Flight:
    """Return a flight of so many bytes."""
    return Flight(RUN, first, last, "0" * 8, size, sent_s, is_backfill)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-1, 60), st.booleans())
def test_a_batch_splits_at_the_mark_without_loss(first: int, more: int, mark: int, foreign: bool) -> None:  # noqa: FBT001
    """Every line of a batch is either new or backlog, and lines of earlier runs are backlog."""
    whole = batch(first, first + more, run="b" * 16 if foreign else RUN)
    new, old = newer_part(whole, RUN, mark), older_part(whole, RUN, mark)
    parts = [part for part in (old, new) if part is not None]
    assert tuple(line for part in parts for line in part.lines) == whole.lines
    for part in parts:
        assert part.lines == tuple(b"%d" % number for number in range(part.first, part.last + 1))
    assert new is None or (not foreign and new.first > mark)
    assert old is None or foreign or old.last <= mark


def test_only_what_was_sent_can_land() -> None:
    """A receipt counts once and only for exactly a batch that is on its way."""
    flights = Flights(resend_s=30)
    flights.launch(flight(0, 9))
    assert flights.land(RUN, 0, 8) is None
    assert flights.land("b" * 16, 0, 9) is None
    assert flights.land(RUN, 0, 9) == flight(0, 9)
    assert flights.land(RUN, 0, 9) is None
    assert (flights.backfill, flights.backfill_bytes) == (0, 0)


def test_an_overdue_batch_leaves_the_air_but_may_still_land() -> None:
    """After the resend time a batch no longer counts as on its way; its late receipt still does."""
    flights = Flights(resend_s=30, remembered=1)
    for number in range(3):
        flights.launch(flight(number, number, sent_s=number))
    assert flights.overdue(29.9) == []
    assert [late.first for late in flights.overdue(31)] == [0, 1]
    assert (flights.backfill, flights.backfill_bytes) == (1, 1000)
    assert flights.land(RUN, 0, 0) is None
    assert flights.land(RUN, 1, 1) is not None
    assert flights.overdue(31) == []


def test_a_batch_sent_again_is_in_the_air_once() -> None:
    """Launching the same range again replaces the first flight."""
    flights = Flights(resend_s=30)
    flights.launch(flight(0, 9))
    flights.launch(flight(0, 9, sent_s=5))
    assert (flights.backfill, flights.backfill_bytes) == (1, 1000)
    assert flights.overdue(31) == []
    landed = flights.land(RUN, 0, 9)
    assert landed is not None
    assert landed.sent_s == 5


def test_prompt_receipts_open_the_window_and_late_ones_close_it() -> None:
    """The backlog in the air grows to eight full batches, and shrinks to one small one."""
    pace, flights = Pace(), Flights(resend_s=30)
    assert pace.batch_bytes == LEAST_BYTES
    for _ in range(40):
        pace.landed(flight(0, 0, size=pace.batch_bytes), 0.5)
    assert pace.batch_bytes == BATCH_BYTES
    sent = 0
    while pace.allows(flights):
        flights.launch(flight(sent, sent, size=pace.batch_bytes))
        sent += 1
    assert sent == BATCHES
    for _ in range(40):
        pace.landed(flight(0, 0, size=pace.batch_bytes), 1.5)
    assert pace.batch_bytes == LEAST_BYTES


def test_what_storing_takes_is_not_queueing() -> None:
    """Behind a store that takes 3 s for everything the window still opens, and closes when batches queue."""
    pace = Pace()
    for _ in range(10):
        stored = flight(0, 0, size=LEAST_BYTES)
        stored.acknowledged_s = 0.1
        pace.landed(stored, 3.1)
    assert pace.batch_bytes == BATCH_BYTES
    for _ in range(20):
        queued = flight(0, 0, size=LEAST_BYTES)
        queued.acknowledged_s = 0.1
        pace.landed(queued, 4.5)
    assert pace.batch_bytes == LEAST_BYTES


def test_after_a_loss_one_small_batch_asks_again() -> None:
    """A lost batch closes the window at once; live batches neither open nor fill it."""
    pace, flights = Pace(), Flights(resend_s=30)
    for _ in range(40):
        pace.landed(flight(0, 0, size=BATCH_BYTES), 0.1)
    pace.lost()
    pace.landed(flight(0, 0, size=BATCH_BYTES, is_backfill=False), 0.1)
    flights.launch(flight(0, 0, size=BATCH_BYTES, is_backfill=False))
    assert pace.batch_bytes == LEAST_BYTES
    assert pace.allows(flights)
    flights.launch(flight(1, 1))
    assert not pace.allows(flights)


def test_a_catalogue_in_doubt_is_repeated_ever_more_seldom() -> None:
    """Without any receipt the catalogue in force is published after 60, 120, 240 s; an older one with every batch."""
    course = Course()
    repeated: list[int] = []
    for second in range(0, 1000, 10):
        course.announced = {"force", "older"}
        course.doubt("force", is_in_force=True, now_s=second)
        course.doubt("older", is_in_force=False, now_s=second)
        assert "older" not in course.announced
        repeated += [second] if "force" not in course.announced else []
    assert repeated == [0, 60, 180, 420, 900]
    course.confirmed.add("force")
    course.announced = {"force"}
    course.doubt("force", is_in_force=True, now_s=10_000)
    assert course.announced == {"force"}
