"""Meters that send by themselves: what is due is taken from what arrives, and silence is said."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import pytest

from gateway.core.errors import CorruptFrame, LinkDown
from gateway.core.readout import Readout, Status
from gateway.poller.listening import HeardDevice, ListeningPoller
from gateway.poller.schedule import PointGroup
from tests.fakes import FakeClock

FAST, SLOW = ("elec_power_active",), ("elec_energy_import", "elec_energy_export")
START_S = 1000.0


class FakeListener:
    """Implements Listener: says at each instant what the test wrote down for it."""

    def __init__(self, clock: FakeClock, said: Sequence[tuple[float, Sequence[Readout] | Exception]]) -> None:
        self._clock = clock
        self._said = deque(sorted(said, key=lambda each: each[0]))

    async def listen(self, *, deadline_s: float) -> Sequence[Readout]:
        if not self._said or self._said[0][0] > deadline_s:
            await self._clock.sleep_until(deadline_s)
            return ()
        at_s, what = self._said.popleft()
        await self._clock.sleep_until(at_s)
        if isinstance(what, Exception):
            raise what
        return what


def telegram(at_s: float, device: str = "meter", **values: float | None) -> tuple[float, Sequence[Readout]]:
    held = {"elec_power_active": 1.0, "elec_energy_import": 2.0, "elec_energy_export": 3.0, **values}
    return at_s, [Readout(device, at_s, tuple(held), tuple(held.values()), Status.OK)]


async def heard(
    said: Sequence[tuple[float, Sequence[Readout] | Exception]],
    *,
    for_s: float,
    groups: Sequence[tuple[tuple[str, ...], float]] = ((FAST, 10.0), (SLOW, 60.0)),
    optional: frozenset[str] = frozenset(),
) -> list[Readout]:
    """Return what a poller of one meter gives in a time that begins on a full minute."""
    clock, sunk = FakeClock(utc_ms=1_795_320_000_000, monotonic_s=START_S), list[Readout]()
    device = HeardDevice("meter", tuple(PointGroup("meter", points, every) for points, every in groups), 5.0, optional)
    poller = ListeningPoller("p1", FakeListener(clock, said), [device], clock=clock, sink=sunk.append)
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(0)
    await clock.advance(for_s)
    task.cancel()
    await asyncio.wait([task])
    return sunk


async def test_each_group_is_taken_at_its_own_interval() -> None:
    """Of telegrams each second, the first after each instant that is due counts, with the groups that are due."""
    said = [telegram(START_S + 0.3 + second) for second in range(61)]
    sunk = await heard(said, for_s=61.5)
    assert [round(readout.monotonic_s - START_S, 3) for readout in sunk] == [0.3, 10.3, 20.3, 30.3, 40.3, 50.3, 60.3]
    assert [readout.points for readout in sunk] == [(*FAST, *SLOW), *[FAST] * 5, (*FAST, *SLOW)]
    assert {readout.status for readout in sunk} == {Status.OK}


async def test_a_group_waits_for_the_telegram_that_holds_it() -> None:
    """A meter whose energies come in another telegram than its power gives both whole, each from its own telegram."""
    said = [telegram(START_S + 1.0, elec_energy_import=None, elec_energy_export=None), telegram(START_S + 4.0)]
    sunk = await heard(said, for_s=8.0)
    assert [(readout.points, readout.values) for readout in sunk] == [(FAST, (1.0,)), (SLOW, (2.0, 3.0))]


async def test_after_long_waiting_a_part_is_better_than_nothing() -> None:
    """A point that never comes makes a partial readout once the group has waited for its interval."""
    said = [telegram(START_S + 1.0 + 5 * number, elec_power_active=None) for number in range(6)]
    sunk = await heard(said, for_s=20.0, groups=(((*FAST, *SLOW), 10.0),))
    assert [(readout.values, readout.status) for readout in sunk] == [((None, 2.0, 3.0), Status.PARTIAL)]


async def test_optional_points_are_not_waited_for() -> None:
    """A point that not every machine has neither delays a readout nor makes it partial."""
    said = [telegram(START_S + 1.0, elec_energy_export=None)]
    sunk = await heard(said, for_s=5.0, optional=frozenset({"elec_energy_export"}))
    assert [(readout.values, readout.status) for readout in sunk] == [((1.0, 2.0, None), Status.OK)]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        ([], Status.NO_ANSWER),
        ([(START_S + 2.0, CorruptFrame("p1: checksum is 1234, should be 5678"))], Status.CORRUPT_FRAME),
        ([(START_S + 2.0, LinkDown("p1: the adapter is gone"))], Status.LINK_DOWN),
    ],
)
async def test_silence_is_data(
    trouble: list[tuple[float, Exception]], status: Status, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a good telegram each instant that was due has a line that says why, and the log says it once."""
    with caplog.at_level(logging.WARNING):
        sunk = await heard(trouble, for_s=45.0, groups=((FAST, 10.0),))
    assert [(readout.status, readout.points) for readout in sunk] == [(status, ())] * len(sunk)
    assert len(sunk) == 3
    assert len(caplog.records) == 1


async def test_goes_on_after_silence() -> None:
    """The first telegram after a silence counts."""
    sunk = await heard([telegram(START_S + 23.5)], for_s=25.0, groups=((FAST, 10.0),))
    assert [readout.status for readout in sunk] == [Status.NO_ANSWER, Status.OK]
