"""A web server on loopback that answers as a script says, misbehaviour included."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        """The lines of the body."""
        return self.body.split(b"\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, and how badly."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Close the connection after so many bytes."""
    hangs: bool = False
    """Send nothing and keep the connection."""
    trickles_s: float | None = None
    """Send one byte each time so long passed."""


Script = Callable[[Asked], Answer]


@dataclass(slots=True)
class ScriptedServer:
    """The running server."""

    url: str
    script: Script
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def scripted_server(script: Script) -> AsyncIterator[ScriptedServer]:
    """Run a server for the length of the block."""
    running: set[asyncio.Task[None]] = set()
    server: ScriptedServer | None = None

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert server is not None
        running.add(task)
        try:
            while (asked := await _receive(reader)) is not None:
                server.asked.append(asked)
                if not await _send(writer, server.script(asked)):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            running.discard(task)
            writer.close()

    listener = await asyncio.start_server(converse, "127.0.0.1", 0, limit=2**24)
    port = listener.sockets[0].getsockname()[1]
    server = ScriptedServer(f"http://127.0.0.1:{port}", script)
    try:
        yield server
    finally:
        listener.close()
        conversations = list(running)
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await listener.wait_closed()


async def _receive(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Asked(method, parts.path, query, headers, body)


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Answer as told and return whether the connection goes on."""
    if answer.hangs:
        await asyncio.Event().wait()
    head = [f"HTTP/1.1 {answer.status} Scripted", f"Content-Length: {len(answer.body)}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    content = "\r\n".join([*head, "", ""]).encode() + answer.body
    if answer.trickles_s is not None:
        for place in range(len(content)):
            writer.write(content[place : place + 1])
            await writer.drain()
            await asyncio.sleep(answer.trickles_s)
        return True
    writer.write(content[: answer.cut_after])
    await writer.drain()
    return answer.cut_after is None
