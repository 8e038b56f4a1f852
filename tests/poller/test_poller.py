"""The owner of one bus."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import CorruptFrame, LinkDown, NoAnswer, Refused
from gateway.core.readout import Readout, Status
from gateway.poller.poller import Poller, Target
from gateway.poller.schedule import PointGroup
from tests.fakes import FakeClock, settle
from tests.fakes_driver import FakeDriver


class Bus:
    """A poller over fake drivers, and what it gave."""

    def __init__(self, *drivers: FakeDriver, clock: FakeClock, interval_s: float = 10.0) -> None:
        self.clock = clock
        self.readouts: list[Readout] = []
        targets = [Target(d.name, d, (PointGroup(d.name, ("elec_power_active",), interval_s),)) for d in drivers]
        self.poller = Poller("rs485_1", targets, clock=clock, sink=self.readouts.append)

    def of(self, device: str) -> list[Status]:
        return [readout.status for readout in self.readouts if readout.device == device]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.poller.run(), name="poll[rs485_1]")
            await settle()
            yield
            task.cancel()


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (NoAnswer("meter: no answer"), Status.NO_ANSWER),
        (Refused("meter: refused", code=2), Status.REFUSED),
        (CorruptFrame("meter: corrupt"), Status.CORRUPT_FRAME),
        (LinkDown("rs485_1: gone"), Status.LINK_DOWN),
    ],
)
async def test_every_failed_poll_is_a_readout(outcome: Exception, status: Status) -> None:
    """A poll that fails yields a readout without values whose status says how."""
    clock = FakeClock()
    bus = Bus(FakeDriver("meter", clock, outcomes=[outcome]), clock=clock)
    async with bus.running():
        await clock.advance(20.0)
    assert bus.of("meter")[:2] == [status, Status.OK]
    assert bus.readouts[0].values == ()


async def test_a_fault_in_one_driver_does_not_blind_the_bus() -> None:
    """A bug that raises something unexpected costs that device its poll and its neighbour nothing."""
    clock = FakeClock()
    bad, good = FakeDriver("bad", clock, always=ZeroDivisionError()), FakeDriver("good", clock)
    bus = Bus(bad, good, clock=clock)
    async with bus.running():
        await clock.advance(60.0)
    assert set(bus.of("good")) == {Status.OK}
    assert Status.CORRUPT_FRAME in bus.of("bad")


async def test_dead_devices_cost_their_neighbour_at_most_a_twentieth() -> None:
    """With nine of ten devices dead, the tenth keeps at least 95 % of its schedule over two hours."""
    clock = FakeClock()
    dead = [FakeDriver(f"dead_{n}", clock, takes_s=1.0, always=NoAnswer("no answer")) for n in range(9)]
    alive = FakeDriver("alive", clock, takes_s=0.1)
    bus = Bus(*dead, alive, clock=clock, interval_s=2.0)
    async with bus.running():
        await clock.advance(7200.0)
    assert bus.of("alive").count(Status.OK) >= 0.95 * 3600
    assert Status.SKIPPED in bus.of("dead_0")


async def test_a_reopened_link_is_used_at_the_next_poll() -> None:
    """However long the link was down, the first poll after its return is sent."""
    clock = FakeClock()
    driver = FakeDriver("meter", clock, outcomes=[LinkDown("rs485_1: gone")] * 30)
    bus = Bus(driver, clock=clock)
    async with bus.running():
        await clock.advance(330.0)
    assert bus.of("meter")[:31] == [Status.LINK_DOWN] * 30 + [Status.OK]


async def test_a_failure_is_logged_once_and_so_is_the_recovery(caplog: pytest.LogCaptureFixture) -> None:
    """The log speaks on change: one line when the device fails, one when it answers again."""
    caplog.set_level("INFO")
    clock = FakeClock()
    failures: list[Exception | None] = [NoAnswer("meter: no answer from unit 1")] * 2
    bus = Bus(FakeDriver("meter", clock, outcomes=failures), clock=clock)
    async with bus.running():
        await clock.advance(120.0)
    assert [record.message for record in caplog.records] == [
        "meter: no answer from unit 1",
        "meter: answers again on rs485_1",
    ]


async def test_a_failure_that_changes_its_words_does_not_flood(caplog: pytest.LogCaptureFixture) -> None:
    """Noise of another length at every poll is one line, and one more each minute."""
    clock = FakeClock()
    noise: list[Exception | None] = [CorruptFrame(f"meter: noise of {n} bytes") for n in range(1000)]
    bus = Bus(FakeDriver("meter", clock, outcomes=noise), clock=clock, interval_s=1.0)
    async with bus.running():
        await clock.advance(119.0)
    assert len(caplog.records) == 2


async def test_a_lost_link_is_one_line_for_all_that_stand_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    """The line names the link and the first devices; the first answer of any of them is the recovery."""
    caplog.set_level("INFO")
    clock = FakeClock()
    gone: list[Exception | None] = [LinkDown("rs485_1: gone")] * 3
    bus = Bus(*(FakeDriver(f"meter_{n}", clock, outcomes=list(gone)) for n in range(5)), clock=clock)
    async with bus.running():
        await clock.advance(60.0)
    assert [record.message for record in caplog.records] == [
        "rs485_1: gone; devices behind it: meter_0, meter_1, meter_2 and 2 more",
        "rs485_1: is there again",
    ]


async def test_a_fault_in_a_driver_shows_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same fault again and again is not logged again and again."""
    clock = FakeClock()
    bus = Bus(FakeDriver("meter", clock, always=ZeroDivisionError()), clock=clock, interval_s=1.0)
    async with bus.running():
        await clock.advance(300.0)
    (record,) = caplog.records
    assert record.message == "meter: fault in its driver on rs485_1; please report it"
    assert record.exc_info is not None


async def test_a_device_that_ends_the_connection_is_asked_ever_less_often() -> None:
    """Where the link is lost with one device again and again and others are answered, that device is at fault."""
    clock = FakeClock()
    bad = FakeDriver("bad", clock, always=LinkDown("rs485_1: the other side closed the connection"))
    bus = Bus(bad, FakeDriver("good", clock), clock=clock, interval_s=1.0)
    async with bus.running():
        await clock.advance(600.0)
    assert len(bad.reads) < 15
    assert bus.of("good").count(Status.OK) >= 599


async def test_finishing_lets_the_poll_in_hand_end() -> None:
    """A poll that is under way when the poller is told to finish yields its readout; no other begins."""
    clock = FakeClock()
    bus = Bus(FakeDriver("meter", clock, takes_s=3.0), clock=clock)
    async with bus.running(), asyncio.TaskGroup() as group:
        await clock.advance(10.5)
        finishing = group.create_task(bus.poller.finish(), name="finish")
        await clock.advance(1.0)
        assert not finishing.done()
        await clock.advance(30.0)
        assert finishing.done()
    assert bus.of("meter") == [Status.OK, Status.OK]


async def test_renewed_targets_keep_the_instants_of_those_that_stayed() -> None:
    """Another interval for one device moves no instant of its neighbour, and is obeyed from then on."""
    clock = FakeClock()
    stays, changes = FakeDriver("stays", clock), FakeDriver("changes", clock)
    bus = Bus(stays, changes, clock=clock)
    async with bus.running():
        await clock.advance(25.0)
        await bus.poller.finish()
    kept = bus.poller.targets["stays"]
    faster = Target("changes", changes, (PointGroup("changes", ("elec_power_active",), 2.0),))
    bus.poller.renew([kept, faster])
    async with bus.running():
        await clock.advance(35.0)
    times = [readout.monotonic_s for readout in bus.readouts if readout.device == "stays"]
    assert {round(b - a, 3) for a, b in itertools.pairwise(times)} == {10.0}
    assert len(bus.of("changes")) >= len(bus.of("stays")) + 10
