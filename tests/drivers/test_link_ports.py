"""Links on real terminal devices and sockets."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from drivers.factory import open_link, open_stream
from gateway.core.errors import LinkDown
from gateway.core.site import LinkSettings
from tests.fakes_link import exchange
from tests.fakes_stream import LoopClock

SERIAL = LinkSettings(id="rs485_1", serial="/dev/fake", baudrate=9600, parity="none", stop_bits=1)


@asynccontextmanager
async def adapter() -> AsyncIterator[tuple[int, LinkSettings]]:
    """Yield our end of a pseudo-terminal, and a link on the other."""
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    name = os.ttyname(theirs)
    os.close(theirs)
    try:
        yield ours, SERIAL.model_copy(update={"serial": name})
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def answer_on(descriptor: int, answer: bytes) -> None:
    """Answer every request that arrives there."""

    def on_readable() -> None:
        if os.read(descriptor, 100):
            os.write(descriptor, answer)

    asyncio.get_running_loop().add_reader(descriptor, on_readable)


async def test_serial_port() -> None:
    """Requests and answers go through a real terminal device, opened for us alone."""
    async with adapter() as (ours, settings):
        answer_on(ours, b"1234")
        link = open_link(settings, clock=LoopClock())
        try:
            assert [await exchange(link) for _ in range(5)] == [b"1234"] * 5
            with pytest.raises(LinkDown, match="another program uses it"):
                await open_stream(settings)
        finally:
            await link.close()


async def test_pseudo_terminal_of_a_link_with_parity() -> None:
    """A pseudo-terminal can be opened again and again for a link that has parity and 7 bits, which it has not."""
    async with adapter() as (_, settings):
        for _ in range(3):
            stream = await open_stream(settings.model_copy(update={"parity": "even", "data_bits": 7}))
            stream.close()


async def test_serial_port_that_is_pulled_out() -> None:
    """A port that vanishes is a link that is down, whether it is read or opened again."""
    ours, theirs = pty.openpty()
    settings = SERIAL.model_copy(update={"serial": os.ttyname(theirs)})
    os.close(theirs)
    link = open_link(settings, clock=LoopClock())
    await link.open()
    os.close(ours)
    with pytest.raises(LinkDown, match="rs485_1"):
        await exchange(link)
    await link.close()


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/dev/no-such-port", "no such port; plug the adapter in, and name it by its path under /dev/serial/by-id"),
        ("/dev/null", "is it a serial port"),
    ],
)
async def test_serial_port_that_cannot_be_opened(path: str, advice: str) -> None:
    """The error names the link, the port and what to do."""
    with pytest.raises(LinkDown) as caught:
        await open_stream(SERIAL.model_copy(update={"serial": path}))
    assert str(caught.value).startswith(f"rs485_1: cannot open {path}: ")
    assert advice in str(caught.value)


async def test_serial_baud_rate_that_the_port_has_not() -> None:
    """A setting that the port refuses is a link that is down, not a traceback."""
    async with adapter() as (_, settings):
        stream = await open_stream(settings.model_copy(update={"parity": "even", "stop_bits": 2}))
        stream.close()
        stream.close()
        with pytest.raises(LinkDown, match="the port is closed"):
            stream.write(b"x")


@asynccontextmanager
async def server(answer: bytes, *, hang_up: bool = False) -> AsyncIterator[LinkSettings]:
    """Yield a link to a TCP server that answers each request."""
    ended = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(cast("asyncio.Task[None]", asyncio.current_task()))
        while await reader.read(100):
            writer.write(answer)
            if hang_up:
                break
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield LinkSettings(id="cabinet", tcp=f"127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    finally:
        listening.close()
        await asyncio.gather(*ended)
        await listening.wait_closed()


async def test_tcp_connection() -> None:
    """Requests and answers go through a real TCP connection."""
    async with server(b"1234") as settings:
        link = open_link(settings, clock=LoopClock())
        assert [await exchange(link) for _ in range(5)] == [b"1234"] * 5
        await link.close()


async def test_tcp_connection_that_serves_one_request() -> None:
    """A server that closes after each answer is asked each time on a new connection."""
    async with server(b"1234", hang_up=True) as settings:
        link = open_link(settings, clock=LoopClock())
        assert [await exchange(link) for _ in range(4)] == [b"1234"] * 4
        assert link.counters.reopenings == 3
        await link.close()


async def test_tcp_connection_that_nobody_accepts() -> None:
    """The error names the link, the address and what to look for."""
    async with server(b"") as settings:
        pass
    with pytest.raises(LinkDown, match=r"cabinet: cannot connect to 127\.0\.0\.1:\d+: .*is the device on"):
        await open_stream(settings)


async def test_tcp_flood_is_left_in_the_network() -> None:
    """A peer that sends without being asked fills its own buffers, not our memory."""
    async with server(b"x" * 4_000_000) as settings:
        stream = await open_stream(settings)
        stream.write(b"go")
        taken = 0
        loop = asyncio.get_running_loop()
        first = await stream.receive(deadline_s=loop.time() + 10.0)
        assert 0 < len(first) < 4_000_000
        while chunk := await stream.receive(deadline_s=loop.time() + (10.0 if taken + len(first) < 4_000_000 else 0)):
            assert len(chunk) <= 262_144
            taken += len(chunk)
        assert taken + len(first) == 4_000_000
        stream.close()


class Echo(asyncio.DatagramProtocol):
    """Sends each datagram back in two."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(b"", addr)
        self.transport.sendto(data[:4], addr)


async def test_udp_socket() -> None:
    """Requests and answers go through real datagrams; an empty one is no answer."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")
        link = open_link(LinkSettings(id="cabinet", udp=f"{host}:{port}"), clock=LoopClock())
        assert [await exchange(link) for _ in range(3)] == [b"ques"] * 3
        await link.close()
    finally:
        transport.close()
