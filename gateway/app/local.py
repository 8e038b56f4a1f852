"""The service's local socket: who looks at a bus uses the service's port, between two of its polls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

from drivers.link import Link, Trace
from drivers.link_talk import Talk
from drivers.modbus.bus import ModbusBus, NotAsked, Peer
from drivers.scan.harmless import changes_something
from gateway.app.local_words import MAX_LINE_BYTES, Answer, OwnedLink, Said
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, DeviceError, KvarterError, LinkDown, NoAnswer, Refused
from gateway.wire.status import iso_time

log = logging.getLogger(__name__)

LEASE_S = 60.0
"""A dialogue of another protocol may take so long: a readout at 300 baud does."""
IDLE_S = 5.0
"""A visitor who holds the port and says nothing for so long loses it."""
_MOST_TRACED = 2000
"""Lines that wait for a slow reader of a trace; what is more is lost to it."""
_MODE = 0o660

Say = Callable[[Answer], None]
Facts = Mapping[str, object]
"""What JSON can say."""


class LocalDoor:
    """Lets visitors use the links of a service.

    Args:
        path: Where the socket stands.
        clock: For pauses.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._links: dict[str, tuple[Link, tuple[int, ...]]] = {}
        self._watching: dict[str, list[asyncio.Queue[Answer]]] = {}
        self._words: dict[str, Callable[[Said], Awaitable[Facts]]] = {}

    def trace(self, link: str) -> Trace:
        """Return what the link is to tell of every byte."""
        watching = self._watching.setdefault(link, [])

        def note(direction: Literal["out", "in"], chunk: bytes, became: str) -> None:
            if not watching:
                return
            answer = Answer(traced=chunk.hex(), direction=direction, time=iso_time(self._clock.utc_ms()), became=became)
            for queue in watching:
                if not queue.full():
                    queue.put_nowait(answer)

        return note

    @contextmanager
    def watched(self, link: str) -> Iterator[asyncio.Queue[Answer]]:
        """Yield where every byte on a link is told for the block."""
        queue: asyncio.Queue[Answer] = asyncio.Queue(_MOST_TRACED)
        watching = self._watching.setdefault(link, [])
        watching.append(queue)
        try:
            yield queue
        finally:
            watching.remove(queue)

    def offer(self, link: Link, units: Sequence[int] = ()) -> None:
        """Let visitors use the link, on which these units are polled."""
        self._links[link.id] = link, tuple(dict.fromkeys(units))

    def withdraw(self, link: str) -> None:
        """Let nobody use the link any more."""
        self._links.pop(link, None)

    def answer(self, word: Literal["status", "reload", "replay"], tell: Callable[[Said], Awaitable[Facts]]) -> None:
        """Let a role answer a word of its own."""
        self._words[word] = tell

    async def serve(self) -> None:
        """Listen until cancelled; a service without its socket is a service all the same."""
        if await self._is_taken():
            log.warning("%s: another service listens there; scan, read and trace go to that one", self._path)
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
        except OSError as exc:
            log.warning("%s: no local socket: %s; scan, read and trace need the port free", self._path, exc.strerror)
            return
        async with asyncio.TaskGroup() as tasks:

            def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.create_task(self._visit(reader, writer), name="local visitor")

            try:
                server = await asyncio.start_unix_server(enter, str(self._path), limit=MAX_LINE_BYTES)
                self._path.chmod(_MODE)
            except OSError as exc:
                log.warning("%s: no local socket: %s; scan, read and trace need the port free", self._path, exc)
                return
            try:
                await server.serve_forever()
            finally:
                server.close()
                self._path.unlink(missing_ok=True)

    async def _is_taken(self) -> bool:
        try:
            async with asyncio.timeout(1.0):
                _, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError:
            return False
        writer.close()
        return True

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one visitor until they leave; nothing that they say or suffer concerns anybody else."""

        def say(answer: Answer) -> None:
            if not writer.is_closing():
                writer.write(answer.model_dump_json(exclude_defaults=True).encode() + b"\n")

        try:
            while line := await reader.readline():
                try:
                    await self._answer(Said.model_validate_json(line), reader, say)
                except (ValueError, KvarterError) as exc:
                    say(_error_of(exc))
                await writer.drain()
        except (OSError, ValueError):
            log.debug("%s: a visitor left without a word", self._path)
        finally:
            writer.close()

    async def _answer(self, said: Said, reader: asyncio.StreamReader, say: Say) -> None:
        """Do what was said.

        Raises:
            ValueError: it makes no sense here.
            DeviceError: the device gives nothing.
            LinkDown: the port is gone.
        """
        if said.do == "links":
            say(Answer(links=tuple(OwnedLink(settings=link.settings, units=units) for link, units in self._owned)))
            return
        if tell := self._words.get(said.do):
            say(Answer(facts=dict(await tell(said))))
            return
        if said.do in {"send", "speed", "give"}:
            return  # the port was given back already, or taken away
        if said.link not in self._links:
            raise ValueError(f"there is no link {said.link!r} to {said.do}")
        link, _ = self._links[said.link]
        if said.do == "ask":
            bus = link.companion(ModbusBus, lambda: ModbusBus(link, clock=self._clock))
            probes = tuple(probe.request for probe in said.probes)
            peer = Peer(f"unit {said.unit}", said.unit, said.timeout_s, said.pause_s, probes=probes)
            say(Answer(registers=(await bus.ask(peer, said.request)).hex()))
        elif said.do == "take":
            await link.talk(partial(self._lend, reader, say))
        else:
            await self._show(said.link, reader, say)

    @property
    def _owned(self) -> Sequence[tuple[Link, tuple[int, ...]]]:
        return list(self._links.values())

    async def _show(self, link: str, reader: asyncio.StreamReader, say: Say) -> None:
        """Say every byte on the link until the visitor leaves."""
        with self.watched(link) as queue:
            say(Answer(taken=True))
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(_tell(queue, say), name=f"trace[{link}]")
                with suppress(OSError, ValueError):
                    await reader.readline()
                telling.cancel()

    async def _lend(self, reader: asyncio.StreamReader, say: Say, talk: Talk) -> None:
        """Let the visitor talk until they give the port back.

        Raises:
            LinkDown: the port is gone.
            ConnectionAbortedError: the visitor said what is not allowed, or nothing for too long.
        """
        failures: list[BaseException] = []
        say(Answer(taken=True))
        try:
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(_hear(talk, say), name="local dialogue")
                try:
                    async with asyncio.timeout(LEASE_S):
                        await _obey(reader, talk)
                finally:
                    hearing.cancel()
        except* (LinkDown, OSError, ValueError) as group:
            failures += group.exceptions
        await talk.drain(silence_s=0.05)
        for failure in failures:
            if isinstance(failure, LinkDown):
                raise failure
            say(_error_of(failure))
            raise ConnectionAbortedError(str(failure))


async def _obey(reader: asyncio.StreamReader, talk: Talk) -> None:
    """Send what the visitor says until they give the port back or leave.

    Raises:
        ValueError: they say what makes no sense, or what could change a device.
        TimeoutError: they say nothing.
    """
    while True:
        async with asyncio.timeout(IDLE_S):
            line = await reader.readline()
        said = Said.model_validate_json(line) if line else None
        if said is None or said.do == "give":
            return
        if said.do == "send":
            frame = bytes.fromhex(said.hex)
            if changes_something(frame):
                raise ValueError("only reads are passed on to a device")
            talk.send(frame)
        elif said.do == "speed":
            talk.set_baudrate(said.baudrate)
        else:
            raise ValueError(f"{said.do} is not for who has taken a link")


async def _hear(talk: Talk, say: Say) -> None:
    while True:
        chunk = await talk.receive(timeout_s=IDLE_S)
        if chunk:
            say(Answer(heard=chunk.hex()))


async def _tell(queue: asyncio.Queue[Answer], say: Say) -> None:
    while True:
        say(await queue.get())


def _error_of(error: BaseException) -> Answer:
    text = str(error) or "nothing was said for too long"
    if isinstance(error, NotAsked):
        return Answer(error="not_asked", text=text)
    if isinstance(error, NoAnswer):
        return Answer(error="no_answer", text=text)
    if isinstance(error, Refused):
        return Answer(error="refused", text=text, code=error.code)
    if isinstance(error, (CorruptFrame, DeviceError)):
        return Answer(error="corrupt", text=text)
    return Answer(error="link_down" if isinstance(error, LinkDown) else "wrong", text=text)
