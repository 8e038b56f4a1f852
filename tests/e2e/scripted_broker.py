"""A broker of MQTT 3.1.1 that refuses, or takes everything and acknowledges nothing.

Source: MQTT 3.1.1, sections 2.2, 3.2 and 3.9.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_CONNECT, _SUBSCRIBE, _PING = 1, 8, 12
NOT_AUTHORISED = 5


@dataclass(slots=True)
class ScriptedBroker:
    """The running broker."""

    refuses: bool = False
    """Turns every client away as not authorised."""


@asynccontextmanager
async def scripted_broker(port: int) -> AsyncIterator[ScriptedBroker]:
    """Run a broker for the length of the block."""
    broker = ScriptedBroker()
    running: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _converse(broker, reader, writer)
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield broker
    finally:
        server.close()
        for task in (left := list(running)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _converse(broker: ScriptedBroker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        kind, content = await _packet(reader)
        if kind == _CONNECT:
            writer.write(bytes([0x20, 2, 0, NOT_AUTHORISED if broker.refuses else 0]))
            if broker.refuses:
                return
        elif kind == _SUBSCRIBE:
            writer.write(bytes([0x90, 3]) + content[:2] + b"\x01")
        elif kind == _PING:
            writer.write(b"\xd0\0")


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    (head,) = await reader.readexactly(1)
    size, shift = 0, 0
    while True:
        (octet,) = await reader.readexactly(1)
        size |= (octet & 0x7F) << shift
        shift += 7
        if not octet & 0x80:
            return head >> 4, await reader.readexactly(size)
