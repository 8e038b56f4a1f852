"""A field gateway with a sound device as unit 1 and a bad one as unit 2, in front of a simulated device."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Literal

from pymodbus.framer import FramerRTU

from gateway.sim.faults import frame_length

SOUND, BAD = 1, 2
REPLY_S = 5.0
LATE_S = 1.4
"""Later than the devices are waited for."""
BYTE_S = 1.0
BABBLE_S, PIECE_S = 2.0, 0.02
NAN, INFINITY = b"\x7f\xc0\0\0", b"\x7f\x80\0\0"

Framing = Literal["tcp", "rtu"]
Send = Callable[[bytes], None]


class HangUp(Exception):
    """The connection is to be ended."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a sound unit 2 would have answered."""

    framing: Framing
    frame: bytes

    def altered(self, *, unit: int = BAD, content: bytes | None = None, transaction: int = 0) -> bytes:
        """Return the frame with another unit, content (function code and what follows) or transaction id."""
        if self.framing == "rtu":
            body = bytes([unit]) + (self.content if content is None else content)
            return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
        body = bytes([unit]) + (self.content if content is None else content)
        number = (int.from_bytes(self.frame[:2], "big") + transaction) % 65536
        return number.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body

    @property
    def content(self) -> bytes:
        """Function code and what follows."""
        return self.frame[7:] if self.framing == "tcp" else self.frame[1:-2]


Behaviour = Callable[[Reply, Send], Coroutine[None, None, None]]


async def never(_reply: Reply, _send: Send) -> None:
    """Stay silent."""


async def late(reply: Reply, send: Send) -> None:
    """Answer rightly when nobody waits any more."""
    await asyncio.sleep(LATE_S)
    send(reply.altered())


async def dribbling(reply: Reply, send: Send) -> None:
    """Answer rightly, a byte a second."""
    for octet in reply.altered():
        send(bytes([octet]))
        await asyncio.sleep(BYTE_S)


async def truncated(reply: Reply, send: Send) -> None:
    """Answer the first half."""
    send(reply.altered()[: len(reply.frame) // 2])


async def malformed(reply: Reply, send: Send) -> None:
    """Answer bytes that mean nothing."""
    send(b"\xff" + Random(len(reply.frame)).randbytes(40))  # noqa: S311


async def oversized(reply: Reply, send: Send) -> None:
    """Answer a frame longer than any may be, with all its bytes."""
    head = reply.frame[:4] + b"\xff\xff" if reply.framing == "tcp" else bytes([BAD])
    send(head + Random(1).randbytes(5000))  # noqa: S311


async def foreign(reply: Reply, send: Send) -> None:
    """Answer in the name of another unit; where answers are numbered, also to another question."""
    send(reply.altered(unit=77))
    if reply.framing == "tcp":
        send(reply.altered(transaction=1, content=reply.content[:2] + bytes(len(reply.content) - 2)))


async def miscounting(reply: Reply, send: Send) -> None:
    """Answer one register too many."""
    size = reply.content[1] + 2
    send(reply.altered(content=bytes([reply.content[0], size]) + bytes(size)))


async def unsound(reply: Reply, send: Send) -> None:
    """Answer with one bit turned over in the check at the end."""
    frame = reply.altered()
    send(frame[:-1] + bytes([frame[-1] ^ 1]))


async def babbling(_reply: Reply, send: Send) -> None:
    """Answer noise that does not end for a while."""
    noise = Random(2)  # noqa: S311
    for _ in range(int(BABBLE_S / PIECE_S)):
        send(noise.randbytes(2))
        await asyncio.sleep(PIECE_S)


async def refusing(reply: Reply, send: Send) -> None:
    """Be busy."""
    send(reply.altered(content=bytes([reply.content[0] | 0x80, 6])))


async def numberless(reply: Reply, send: Send) -> None:
    """Answer NaN and infinity in turn."""
    size = len(reply.content) - 2
    send(reply.altered(content=reply.content[:2] + ((NAN + INFINITY) * size)[:size]))


async def hanging_up(_reply: Reply, _send: Send) -> None:
    """End the connection instead of answering."""
    raise HangUp


BEHAVIOURS: Mapping[Framing, Mapping[str, Behaviour]] = {
    "tcp": {
        "never": never,
        "late": late,
        "dribbling": dribbling,
        "truncated": truncated,
        "malformed": malformed,
        "oversized": oversized,
        "foreign": foreign,
        "miscounting": miscounting,
        "refusing": refusing,
        "numberless": numberless,
        "hanging-up": hanging_up,
    },
    "rtu": {
        "never": never,
        "late": late,
        "dribbling": dribbling,
        "malformed": malformed,
        "oversized": oversized,
        "foreign": foreign,
        "miscounting": miscounting,
        "unsound": unsound,
        "babbling": babbling,
    },
}


@asynccontextmanager
async def field_gateway(target: str, behave: Behaviour, *, framing: Framing) -> AsyncIterator[str]:
    """Yield the HOST:PORT of a gateway; the simulated device at `target` lends both units its values."""
    conversations: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            with suppress(HangUp, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _Conversation(reader, writer, behave, framing).hold(target)
        finally:
            conversations.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in (left := list(conversations)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Conversation:
    """One client, with a connection of its own to the simulated device."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behave: Behaviour, framing: Framing
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._behave = behave
        self._framing: Framing = framing

    async def hold(self, target: str) -> None:
        """Answer until one side hangs up."""
        host, _, port = target.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    request = await self._request()
                    unit = self._unit(request)
                    writer.write(self._renamed(request, SOUND))
                    frame = await self._frame(reader)
                    if unit == SOUND:
                        self._writer.write(frame)
                        continue
                    misbehaving = self._behave(Reply(self._framing, frame), self._writer.write)
                    tasks.create_task(misbehaving)
        except* (HangUp, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(self) -> bytes:
        if self._framing == "rtu":
            return await self._reader.readexactly(8)
        head = await self._reader.readexactly(6)
        return head + await self._reader.readexactly(int.from_bytes(head[4:], "big"))

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        """Return the device's next frame."""
        frame = b""
        while not (length := frame_length(self._framing, frame)) or len(frame) < length:
            async with asyncio.timeout(REPLY_S):
                frame += await reader.readexactly(1)
        return frame

    def _unit(self, frame: bytes) -> int:
        return frame[6] if self._framing == "tcp" else frame[0]

    def _renamed(self, frame: bytes, unit: int) -> bytes:
        content = frame[7:] if self._framing == "tcp" else frame[1:-2]
        return Reply(self._framing, frame).altered(unit=unit, content=content)
