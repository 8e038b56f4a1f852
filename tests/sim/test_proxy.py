"""The fault proxy on real sockets and terminals."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.errors import ConfigError
from gateway.sim.faults import Faults, Mischief
from gateway.sim.proxy import proxy_pty, proxy_tcp
from gateway.sim.server import serve_pty, serve_tcp
from gateway.sim.values import FixedValues
from tests.sim.test_faults import crc
from tests.sim.workbench import device_of, every_type

REQUEST = bytes.fromhex("0009 0000 0006 05 03 0066 0002")
REPLY = bytes.fromhex("0009 0000 0007 05 03 04 4366 199A")
VOLTS = FixedValues({"elec_voltage_l2": 230.1})


def rtu(text: str) -> bytes:
    frame = bytes.fromhex(text)
    return frame + crc(frame).to_bytes(2, "little")


def delays(mischief: Mischief) -> list[float]:
    """Return when the first two replies come."""
    return [segment.after_s for reply in (REPLY, REPLY) for segment in mischief.reply(reply)]


@asynccontextmanager
async def line(faults: Faults) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a simulated device through a proxy."""
    device = device_of(every_type(), VOLTS, unit_id=5)
    async with (
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
        serve_tcp([device]) as server,
        proxy_tcp(server, Mischief(faults, framing="tcp"), tasks=tasks) as where,
    ):
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def test_a_proxy_without_faults_is_not_noticed() -> None:
    """Requests and replies pass unchanged."""
    async with line(Faults()) as (reader, writer):
        for _ in range(3):
            writer.write(REQUEST)
            assert await reader.readexactly(13) == REPLY


async def test_pieces_and_delays_arrive_in_order() -> None:
    """A reply in pieces, trickling, or twice arrives as the same bytes."""
    for faults in (Faults(split=1, split_s=0.001), Faults(trickle=1, trickle_s=0.001), Faults(delay=1, delay_s=0.01)):
        async with line(faults) as (reader, writer):
            writer.write(REQUEST)
            assert await reader.readexactly(13) == REPLY
    async with line(Faults(duplicate=1)) as (reader, writer):
        writer.write(REQUEST)
        assert await reader.readexactly(26) == REPLY * 2


async def test_a_late_reply_arrives_behind_the_next_one() -> None:
    """A reply that is late comes after that to a request which was sent later."""
    faults = Faults(late=0.5, late_s=0.2)
    seed = next(seed for seed in range(1000) if delays(Mischief(faults, framing="tcp", seed=seed)) == [0.2, 0.0])
    device = device_of(every_type(), VOLTS, unit_id=5)
    async with (
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
        serve_tcp([device]) as server,
        proxy_tcp(server, Mischief(faults, framing="tcp", seed=seed), tasks=tasks) as where,
    ):
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST + bytes.fromhex("000A 0000 0006 05 03 0064 0002"))
        assert await reader.readexactly(26) == bytes.fromhex("000A 0000 0007 05 03 04 0000 0000") + REPLY
        writer.close()
        await writer.wait_closed()


async def test_a_closed_connection_is_closed() -> None:
    """A reply can be the end of the connection; a new one is made as before."""
    async with line(Faults(close=1)) as (reader, writer):
        writer.write(REQUEST)
        assert await reader.read() == b""


async def test_an_echo_comes_before_the_reply() -> None:
    """The client first hears its own request."""
    async with line(Faults(echo=1)) as (reader, writer):
        writer.write(REQUEST)
        assert await reader.readexactly(25) == REQUEST + REPLY


async def test_a_server_that_is_gone_ends_the_connection() -> None:
    """A proxy whose server cannot be reached closes its client."""
    async with serve_tcp([device_of(every_type(), VOLTS)]) as gone:
        pass
    async with (
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
        proxy_tcp(gone, Mischief(Faults(), framing="tcp"), tasks=tasks) as where,
    ):
        host, port = where.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_taken_port_is_said() -> None:
    """An address that another program has is a configuration error."""
    async with asyncio.TaskGroup() as tasks, serve_tcp([device_of(every_type(), VOLTS)]) as taken:
        with pytest.raises(ConfigError, match=f"{taken}: cannot listen there"):
            async with proxy_tcp(taken, Mischief(Faults(), framing="tcp"), tasks=tasks, listen=taken):
                raise AssertionError


async def test_terminals(tmp_path: Path) -> None:
    """In front of a pseudo-terminal a foreign frame comes before the reply."""
    device = device_of(every_type(), VOLTS, unit_id=5)
    async with (
        asyncio.timeout(10),
        serve_pty([device], tmp_path / "far") as far,
        proxy_pty(far, tmp_path / "near", Mischief(Faults(foreign=1), framing="rtu")) as near,
    ):
        assert await exchange(near, rtu("05 03 0066 0002"), 18) != rtu("05 03 04 4366 199A") * 2
        assert (await exchange(near, rtu("05 03 0066 0002"), 18))[9:] == rtu("05 03 04 4366 199A")
        assert (await exchange(near, rtu("05 03 0000 0002"), 10))[5:] == rtu("05 83 02")


async def exchange(port: Path, request: bytes, expected: int) -> bytes:
    """Send a request through a terminal and return the bytes that come back."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(descriptor)
    loop, received, complete = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def receive() -> None:
        received.extend(os.read(descriptor, 100))
        if len(received) >= expected:
            complete.set()

    loop.add_reader(descriptor, receive)
    try:
        os.write(descriptor, request)
        await complete.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return bytes(received)
