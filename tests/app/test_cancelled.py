import asyncio
from pathlib import Path
from random import Random

import pytest

from gateway.app.configuration import load_configuration
from gateway.app.edge import Edge
from gateway.app.lanes import Destination
from gateway.app.machine import Machine
from gateway.collector.collector import Collector, Surroundings
from gateway.core.errors import LinkDown
from gateway.core.protocols import Files, Message, Stream
from gateway.core.quantity import load_vocabulary
from gateway.core.site import LinkSettings
from gateway.relay.settings import RelaySettings
from tests.app.site_files import GOOD, write
from tests.fakes import FakeClock, settle
from tests.fakes_broker import FakeBroker
from tests.fakes_files import MemoryFiles
from tests.fakes_store import FakeStore

MOMENTS = range(9)
"""Turns of the event loop between the end of the connection and the cancellation."""


class Told(asyncio.Event):
    """Is set by the first message that a broker takes."""

    def deny(self, message: Message) -> bool:
        """Note the message, and let it pass."""
        self.set()
        return not message.topic


async def no_port(_: LinkSettings) -> Stream:
    raise LinkDown("no such port")


def edge(folder: Path, broker: FakeBroker) -> Edge:
    """Return an edge whose ports are all dead."""
    (folder / "run").mkdir()
    disks: dict[Path, Files] = {}
    machine = Machine(
        clock=broker.clock,
        random=Random(1),  # noqa: S311 - a run has to have some name
        boot_id="boot",
        open_stream=no_port,
        open_files=lambda path: disks.setdefault(path, MemoryFiles()),
    )
    environment = {"RUNTIME_DIRECTORY": str(folder / "run"), "STATE_DIRECTORY": str(folder)}
    configuration = load_configuration(write(folder, GOOD), load_vocabulary())
    destinations = [Destination("mqtt", broker, RelaySettings())]
    return Edge(configuration, environment=environment, destinations=destinations, machine=machine)


async def cancelled_in_a_cut(task: "asyncio.Task[None]", broker: FakeBroker, *, turns: int) -> None:
    """Cut the connection of a role, cancel the role so many turns later, and return when it has ended."""
    broker.cut()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("turns", MOMENTS)
async def test_an_edge_that_is_cancelled_ends(tmp_path: Path, turns: int) -> None:
    """Whatever fails at the same moment, an edge that is cancelled as a whole ends, and says that it was cancelled."""
    told = Told()
    broker = FakeBroker(FakeClock(), denies=told.deny)
    task = asyncio.ensure_future(edge(tmp_path, broker).run(asyncio.Event()))
    await told.wait()
    await settle()
    await cancelled_in_a_cut(task, broker, turns=turns)
    assert task.cancelled()


@pytest.mark.parametrize("turns", MOMENTS)
async def test_a_collector_that_is_cancelled_ends(tmp_path: Path, turns: int) -> None:
    """Whatever fails at the same moment, a collector that is cancelled as a whole ends."""
    broker = FakeBroker(FakeClock())
    around = Surroundings(broker.clock, Random(1), load_vocabulary(), tmp_path)  # noqa: S311 - delays
    collector = Collector(broker, {"fake": FakeStore()}, surroundings=around)
    task = asyncio.ensure_future(collector.run(asyncio.Event()))
    await settle()
    await cancelled_in_a_cut(task, broker, turns=turns)
    assert task.cancelled()
