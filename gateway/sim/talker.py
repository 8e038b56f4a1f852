"""Simulated devices that are not Modbus: whoever speaks bytes, served on a socket or a pseudo-terminal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.sim.terminal import TerminalTransport, terminal


class Mouth(Protocol):
    """Where a simulated device speaks."""

    def write(self, data: bytes) -> None:
        """Send the bytes."""


class Talker(Protocol):
    """A simulated device, or several on one line."""

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Take bytes that arrived on the line, and answer by `mouth`."""

    async def speak(self, mouth: Mouth) -> None:
        """Send by itself until cancelled; returns at once where it only answers."""


async def speak_every(period_s: float, telegram: Callable[[], bytes], mouth: Mouth, *, clock: Clock) -> None:
    """Send the telegram of each instant, one period after the other, until cancelled."""
    due_s = clock.monotonic()
    while True:
        mouth.write(telegram())
        due_s += period_s
        await clock.sleep_until(due_s)


class _Ear(asyncio.Protocol):
    """One line: passes what arrives to the device, and lets it speak while the line lasts."""

    def __init__(self, talker: Talker, tasks: asyncio.TaskGroup) -> None:
        self._talker = talker
        self._tasks = tasks
        self._mouth: asyncio.WriteTransport | None = None
        self._speaking: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Hang up, and return when the device is silent."""
        if self._mouth is not None:
            self._mouth.close()
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.wait([self._speaking])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mouth = cast("asyncio.WriteTransport", transport)
        self._speaking = self._tasks.create_task(self._talker.speak(self._mouth), name="simulated telegrams")

    def data_received(self, data: bytes) -> None:
        if self._mouth is not None:
            self._talker.heard(data, self._mouth)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's seam
        if self._speaking is not None:
            self._speaking.cancel()


@asynccontextmanager
async def talk_tcp(talker: Talker, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the device on a socket as a transparent converter would, and yield its HOST:PORT.

    Raises:
        ConfigError: the address cannot be had.
    """
    ears: list[_Ear] = []
    async with asyncio.TaskGroup() as tasks:

        def answer() -> _Ear:
            ears.append(_Ear(talker, tasks))
            return ears[-1]

        try:
            server = await asyncio.get_running_loop().create_server(answer, host, port)
        except OSError as exc:
            raise ConfigError(f"{host}:{port}: cannot listen there: {exc.strerror}") from exc
        try:
            bound = server.sockets[0].getsockname()
            yield f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"
        finally:
            server.close()
            for ear in ears:
                await ear.close()


@asynccontextmanager
async def talk_pty(talker: Talker, path: Path) -> AsyncIterator[Path]:
    """Serve the device on a new pseudo-terminal, and yield the link to it.

    Raises:
        ConfigError: the link cannot be made.
    """
    with terminal(path) as near:
        async with asyncio.TaskGroup() as tasks:
            ear = _Ear(talker, tasks)
            TerminalTransport(near, ear)
            try:
                yield path
            finally:
                await ear.close()
