"""Memory and descriptors stay where they are: after ten thousand connections, and through a week of virtual time."""

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from drivers.link_socket import open_tcp
from gateway.app.recorder import Recorder
from gateway.broker.local import LocalBroker
from gateway.core.errors import LinkDown, NoAnswer
from gateway.core.protocols import Message
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import LinkSettings
from gateway.poller.poller import Poller, Target
from gateway.poller.schedule import PointGroup
from gateway.poller.stamp import Stamper
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.spool.opening import open_spool
from gateway.spool.setup import SpoolSetup
from gateway.wire.batch import decode_batch, decompress
from gateway.wire.line import LineEncoder
from gateway.wire.receipt import Receipt, encode_receipt
from gateway.wire.topics import Topics
from tests.fakes_files import InlineWorker, MemoryFiles
from tests.fakes_stream import LoopClock, run_virtual

CONNECTIONS = int(os.environ.get("FLAT_CONNECTIONS", "10000"))
DAYS = int(os.environ.get("FLAT_DAYS", "7"))
DAY_S = 86_400
RUN, CATALOGUE, TOPICS = "a" * 16, "cafe0001", Topics("house")
ROOM_BLOCKS = 2000
"""Caches that fill and ranges that split; a week has 30,000 readouts, and one block lost for each would show."""
ROOM_BYTES = 8_000_000
"""Of resident memory, which the allocator gives back late."""


def descriptors() -> int:
    """Return how many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def blocks() -> int:
    """Return how many blocks of memory Python holds, garbage excepted."""
    gc.collect()
    return sys.getallocatedblocks()


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class _Hangs(asyncio.Protocol):
    """A gateway that takes a request and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.close()


async def _reconnected(count: int, port: int) -> None:
    settings = LinkSettings(id="cabinet", tcp=f"127.0.0.1:{port}")
    loop = asyncio.get_running_loop()
    for number in range(count):
        stream = await open_tcp(settings)
        if number % 2:
            stream.write(b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01")
            with suppress(LinkDown):
                while await stream.receive(deadline_s=loop.time() + 5.0):
                    pass
        stream.close()
        if number % 100 == 0:
            await asyncio.sleep(0)


@pytest.mark.timeout(0 if CONNECTIONS > 10_000 else 60)
async def test_ten_thousand_connections_leave_nothing_behind() -> None:
    """Sockets that either side closes give back their descriptor and their memory."""
    server = await asyncio.get_running_loop().create_server(_Hangs, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await _reconnected(200, port)
        before, size, held = blocks(), resident(), descriptors()
        await _reconnected(CONNECTIONS, port)
        await asyncio.sleep(0.05)
        grown, left = blocks() - before, descriptors() - held
    assert left <= 4
    assert grown < ROOM_BLOCKS
    assert resident() - size < ROOM_BYTES


class _Device:
    """Implements Driver: mostly answers."""

    def __init__(self, name: str, random: Random) -> None:
        self._name = name
        self._random = random

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:  # noqa: ARG002 - the seam's
        now_s = asyncio.get_running_loop().time()
        if self._random.random() < 0.02:
            raise NoAnswer(f"{self._name}: no answer")
        return Readout(self._name, now_s, tuple(points), (self._random.random(),), Status.OK)


class _Now(LoopClock):
    """Implements Clock on the time of the running loop, in this century."""

    def utc_ms(self) -> int:
        return super().utc_ms() + 1_795_000_000_000


class _Memory(MemoryFiles):
    """Remembers no writes that a power cut could lose: there are none."""

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        super().write(name, offset=offset, chunk=chunk)
        self.sync(name)


async def _collect(broker: LocalBroker) -> None:
    """Send a receipt for every batch, but none for an hour of each six on the first two days.

    A relay remembers 10,000 batches whose receipt may still come, so what each outage adds is bounded, not nothing.
    """
    loop = asyncio.get_running_loop()
    async with broker.connect() as session:
        await session.subscribe(TOPICS.readings)
        await session.subscribe(TOPICS.readings_gz)
        async for message in session.messages():
            if loop.time() < 2 * DAY_S and 7200 < loop.time() % 21_600 < 10_800:
                continue
            packed = message.topic == TOPICS.readings_gz
            _, batch = decode_batch(decompress(message.payload) if packed else message.payload)
            receipt = Receipt(batch.run, batch.first, batch.last, ("gz",))
            await session.publish(Message(TOPICS.receipt, encode_receipt(receipt)))


async def _week(days: int) -> tuple[list[tuple[int, int, int]], int]:
    """Return blocks, bytes and descriptors at the end of each day, and what waits in the spool at last."""
    clock, broker, encoder = _Now(), LocalBroker(queue_length=10_000), LineEncoder("house", load_vocabulary())
    setup = SpoolSetup(
        run=RUN, catalogue=CATALOGUE, boot_id="boot", event_body=encoder.event, segment_bytes=65_536,
        shelf_bytes=32_768, memory_bytes=8 * 32_768, capacity_bytes=16 * 65_536,
    )  # fmt: skip
    spool, _ = await open_spool(_Memory(), _Memory(), setup=setup, clock=clock, worker=InlineWorker())
    recorder = Recorder(encoder, Stamper(clock, floor_ms=0), clock=clock, spools=[spool], live=[])
    origin = Origin("house", RUN, "1.0", CATALOGUE, {CATALOGUE: b"catalogue"})
    # Threads, in which large batches are packed, have no place in virtual time.
    settings = RelaySettings(compression=False)
    relay = Relay(broker, spool, origin=origin, clock=clock, random=Random(1), settings=settings)  # noqa: S311
    targets = [
        Target(name, _Device(name, Random(name)), (PointGroup(name, ("elec_power_active",), 60.0),))  # noqa: S311
        for name in ("meter", "pump", "charger")
    ]
    poller = Poller("bus", targets, clock=clock, sink=recorder.readout)
    days_held = []
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(spool.run(), name="spool"), tasks.create_task(relay.run(), name="relay"),
            tasks.create_task(_collect(broker), name="collector"), tasks.create_task(poller.run(), name="poll[bus]"),
        ]  # fmt: skip
        for _ in range(days):
            await asyncio.sleep(DAY_S)
            days_held.append((blocks(), resident(), descriptors()))
        for task in running:
            task.cancel()
    return days_held, spool.backlog().waiting


@pytest.mark.timeout(0 if DAYS > 7 else 120)
def test_a_week_holds_no_more_than_its_first_days(caplog: pytest.LogCaptureFixture) -> None:
    """Poller, spool and relay, after outages, hold on day seven what they held on day three."""
    caplog.set_level("CRITICAL")
    days, waiting = run_virtual(_week(DAYS))
    third, last = days[2], days[-1]
    assert waiting < 10
    assert len({held for _, _, held in days}) == 1
    assert last[0] - third[0] < ROOM_BLOCKS
    assert last[1] - third[1] < ROOM_BYTES
