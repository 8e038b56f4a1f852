"""Promise honest-time through poller, stamper, recorder, spool and the checks, with clocks that misbehave."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from gateway.app.recorder import Recorder
from gateway.collector.checks import MOST_AHEAD_MS, check_lines, take_inventory
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.poller.poller import Poller, Target
from gateway.poller.schedule import PointGroup
from gateway.poller.stamp import STEP_PATIENCE_S, Stamper
from gateway.spool.spool import DurableSpool
from gateway.wire.line import EVENT, READING, Line, LineEncoder, parse_line
from tests.collector.sending import SITE, catalogue
from tests.fakes import FakeClock, settle
from tests.fakes_driver import FakeDriver
from tests.spool.stage import Stage

YEAR_S = 365 * 86_400
INTERVAL_S = 10.0
LEAP_SECOND = datetime(2016, 12, 31, 23, 59, 50, tzinfo=UTC)
VOCABULARY = load_vocabulary()


class Board:
    """A small computer with one meter: poller, stamper, recorder and spool as in production, and a clock to spoil.

    The truth is the monotonic clock with an offset that never changes.
    """

    def __init__(
        self, stage: Stage, spool: DurableSpool, *, error_s: float = 0.0, start: datetime | None = None
    ) -> None:
        self.stage = stage
        self.clock: FakeClock = stage.clock
        if start is not None:
            self.clock.step_wall(round(start.timestamp() * 1000) - self.clock.utc_ms())
        self.truth_ms = self.clock.utc_ms() - round(self.clock.monotonic() * 1000)
        self.clock.step_wall(round(error_s * 1000))
        self.acquired_s: list[float] = []
        self.encoder = LineEncoder(SITE, VOCABULARY)
        stamper = Stamper(self.clock, floor_ms=spool.last_time_ms)
        self._recorder = Recorder(self.encoder, stamper, clock=self.clock, spools=[spool], live=[])
        self.spool = spool
        driver = FakeDriver("meter", self.clock, takes_s=0.1)
        target = Target("meter", driver, (PointGroup("meter", ("elec_power_active",), INTERVAL_S),))
        self._poller = Poller("bus", [target], clock=self.clock, sink=self._take)

    def _take(self, readout: Readout) -> None:
        assert readout.status is Status.OK
        self.acquired_s.append(readout.monotonic_s)
        self._recorder.readout(readout)

    async def run(self, *moves: tuple[float, Callable[[FakeClock], None] | None]) -> list[Line]:
        """Let time pass, spoil the clock after each stretch; return all lines in the order of their sequence."""
        async with asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(self._poller.run(), name="poll[bus]")
            await settle()
            for seconds, spoil in moves:
                await self.clock.advance(seconds)
                if spoil is not None:
                    spoil(self.clock)
            polling.cancel()
        return [parse_line(text) for text in await self.stage.drain()]

    def errors_ms(self, lines: Sequence[Line]) -> list[tuple[int, bool]]:
        """Return of each readout how far its time is from the truth, and whether its line warns."""
        readings = [line for line in lines if line.measurement == READING]
        assert len(readings) == len(self.acquired_s), "each readout once"
        true_ms = [round(acquired_s * 1000) + self.truth_ms for acquired_s in self.acquired_s]
        return [
            (line.time_ms - true, "clock" in line.fields) for line, true in zip(readings, true_ms, strict=True)
        ]  # fmt: skip


def jump(seconds: float) -> Callable[[FakeClock], None]:
    """Return what sets the wall clock forward or back."""
    return lambda clock: clock.step_wall(round(seconds * 1000))


def synchronise(error_s: float) -> Callable[[FakeClock], None]:
    """Return what a time service does with a clock that was wrong by so much."""

    def correct(clock: FakeClock) -> None:
        clock.step_wall(round(-error_s * 1000))
        clock.is_synchronised = True

    return correct


async def board(*, synchronised: bool = True, error_s: float = 0.0, start: datetime | None = None) -> Board:
    """Return a board that has just started."""
    stage = Stage()
    stage.clock.is_synchronised = synchronised
    return Board(stage, await stage.open(), error_s=error_s, start=start)


@pytest.mark.parametrize("error_s", [-50 * YEAR_S, -3600.0, 40.0, YEAR_S])
async def test_without_a_clock_of_its_own_a_board_waits_and_then_tells_the_truth(error_s: float) -> None:
    """Readouts from before the first synchronisation get the time at which they were acquired, and no mark."""
    made = await board(synchronised=False, error_s=error_s)
    lines = await made.run((300.0, synchronise(error_s)), (120.0, None))
    assert set(made.errors_ms(lines)) == {(0, False)}
    await made.stage.kill()


async def test_where_synchronisation_comes_too_late_every_time_says_so() -> None:
    """After ten minutes without a time service lines are marked; what comes after it is true, and a step is said."""
    made = await board(synchronised=False, error_s=-7200.0)
    lines = await made.run((900.0, synchronise(-7200.0)), (120.0, None))
    for error_ms, is_marked in made.errors_ms(lines):
        assert error_ms == 0 or is_marked
    assert (0, False) in made.errors_ms(lines)
    events = [line for line in lines if line.measurement == EVENT]
    assert [line.tags["cause"] for line in events] == ["synchronised"]
    await made.stage.kill()


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S, 3600.0, -3600.0, 5.0, -5.0])
async def test_a_clock_that_jumps_gives_no_wrong_time_without_a_mark(jump_s: float) -> None:
    """Through a jump of up to a year and back, every time is true or marked, and no poll is lost or doubled."""
    made = await board()
    lines = await made.run((100.0, jump(jump_s)), (300.0, jump(-jump_s)), (100.0, None))
    assert all(error_ms == 0 or is_marked for error_ms, is_marked in made.errors_ms(lines))
    assert len(made.acquired_s) >= 49
    assert set(_spaces(made.acquired_s)) <= {5.0, 10.0, 15.0}
    await made.stage.kill()


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
async def test_a_jump_that_lasts_is_declared_from_where_to_where(jump_s: float) -> None:
    """Until a new time is believed each line is marked; then an event says what changed, and the rate never did."""
    made = await board()
    lines = await made.run((100.0, jump(jump_s)), (STEP_PATIENCE_S + 100.0, None))
    errors = made.errors_ms(lines)
    (event,) = [line for line in lines if line.measurement == EVENT]
    assert event.fields["to"] - event.fields["from"] == round(jump_s * 1000)
    assert all(error_ms - is_marked in (0, round(jump_s * 1000)) for error_ms, is_marked in errors)
    believed = [error_ms for error_ms, is_marked in errors if not is_marked]
    assert believed == sorted(believed, key=abs)
    assert set(_spaces(made.acquired_s)) <= {10.0, 15.0, 20.0, 5.0}
    await made.stage.kill()


async def test_a_repeated_second_is_no_second_row() -> None:
    """Where UTC says a leap second twice, times go on without a repetition, none is off by more than that second."""
    made = await board(start=LEAP_SECOND)
    lines = await made.run((10.0, jump(-1.0)), (300.0, None))
    errors = made.errors_ms(lines)
    times = [line.time_ms for line in lines if line.measurement == READING]
    assert times == sorted(set(times))
    assert all(-1000 <= error_ms <= 0 for error_ms, _ in errors)
    assert len(times) == 31
    await made.stage.kill()


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
async def test_summer_time_changes_nothing(day: datetime) -> None:
    """When the building's clocks are put forward or back, polls and times go on in UTC."""
    made = await board(start=day)
    lines = await made.run((7200.0, None))
    zone = ZoneInfo("Europe/Copenhagen")
    last = datetime.fromtimestamp(lines[-1].time_ms / 1000, zone)
    assert day.astimezone(zone).utcoffset() != last.utcoffset()
    assert set(made.errors_ms(lines)) == {(0, False)}
    assert set(_spaces(made.acquired_s)) == {10.0}
    assert len(made.acquired_s) == 720
    await made.stage.kill()


@pytest.mark.parametrize("seed", range(8))
async def test_boots_and_jumps_in_any_order_leave_each_time_true_or_marked(seed: int) -> None:
    """Over many seeded jumps and corrections no time is wrong without a mark or an event, and none comes twice."""
    random = Random(seed)  # noqa: S311 - the same jumps at each run
    made = await board()
    moves: list[tuple[float, Callable[[FakeClock], None] | None]] = []
    for _ in range(12):
        by_s = random.choice((-YEAR_S, YEAR_S, 3600.0, -3600.0, 1.5, 86_400.0))
        moves += [(random.uniform(20, 500), jump(by_s)), (random.uniform(5, 500), jump(-by_s))]
    lines = await made.run(*moves, (60.0, None))
    assert all(error_ms == 0 or is_marked for error_ms, is_marked in made.errors_ms(lines))
    readings = [line.time_ms for line in lines if line.measurement == READING]
    assert len(readings) == len(set(readings))
    await made.stage.kill()


async def test_a_reboot_without_a_clock_never_gives_another_time() -> None:
    """A board whose clock begins in 1970 after each power cut gives each readout its own true time."""
    stage = Stage()
    seen: set[int] = set()
    true: set[int] = set()
    for _ in range(5):
        stage.clock.is_synchronised = False
        now_ms = stage.clock.utc_ms()
        made = Board(stage, await stage.open())
        made.clock.step_wall(-now_ms)
        lines = await made.run((60.0, synchronise(-now_ms / 1000)), (60.0, None))
        # What was released may be offered once more after a power cut: it is the same row.
        seen |= {line.time_ms for line in lines if line.measurement == READING}
        true |= {round(acquired_s * 1000) + made.truth_ms for acquired_s in made.acquired_s}
        await stage.cut_power()
    assert seen == true
    assert len(seen) == 60


def test_the_collector_refuses_what_lies_more_than_a_day_ahead() -> None:
    """A gateway whose clock runs a year ahead, unmarked, stores nothing; a collector without time takes it."""
    inventory, now_ms = take_inventory(catalogue(), VOCABULARY), 1_795_320_000_000
    for ahead_ms, is_taken in ((0, True), (MOST_AHEAD_MS, True), (MOST_AHEAD_MS + 1, False), (YEAR_S * 1000, False)):
        text = b"kvarter,site=house,device=meter elec_power_active=1.5,status=0i %d000000" % (now_ms + ahead_ms)
        accepted, refused = check_lines([text], inventory, now_ms=now_ms)
        assert bool(accepted) is is_taken is not bool(refused)
        assert check_lines([text], inventory, now_ms=None)[0] == [text]


def _spaces(instants_s: Sequence[float]) -> Counter[float]:
    """Return how often each distance between neighbours occurs, to the tenth of a second."""
    return Counter(round(later - before, 1) for before, later in pairwise(instants_s))
