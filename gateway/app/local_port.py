"""The port of a running service, as a link: the same drivers read through it as through a port of our own."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from drivers.factory import open_link, open_stream
from drivers.link import Link, Trace
from drivers.modbus.bus import ModbusBus, NotAsked, Peer
from drivers.modbus.pdu import ReadRequest, Request
from gateway.app.local_words import LONGEST_ASK_S, MAX_LINE_BYTES, Answer, OwnedLink, Probe, Said, sockets
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, KvarterError, LinkDown, NoAnswer, Refused
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings

_CONNECT_S = 2.0
_TAKE_S = 30.0
"""The service may be within a poll, or hear a meter that sends by itself."""


class _Visit:
    """One connection to a service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_over = False

    @classmethod
    async def begin(cls, path: Path) -> "_Visit | None":
        """Return the connection, None where nobody listens."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                return cls(*await asyncio.open_unix_connection(str(path), limit=MAX_LINE_BYTES))
        except OSError:
            return None

    def say(self, said: Said) -> None:
        """Say one thing.

        Raises:
            LinkDown: the service is gone.
        """
        if self.is_over or self._writer.is_closing():
            raise self._gone()
        self._writer.write(said.model_dump_json(exclude_defaults=True).encode() + b"\n")

    async def hear(self, *, timeout_s: float) -> Answer | None:
        """Return what the service says next, None when it says nothing in time.

        Raises:
            LinkDown: the service is gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._reader.readline()
            if line:
                return Answer.model_validate_json(line)
        except TimeoutError:
            return None
        except (OSError, ValueError) as exc:
            raise self._gone() from exc
        raise self._gone()

    async def ask(self, said: Said, *, timeout_s: float) -> Answer:
        """Return the answer.

        Raises:
            LinkDown: the service is gone or does not answer.
        """
        self.say(said)
        while True:
            answer = await self.hear(timeout_s=timeout_s)
            if answer is None:
                raise self._gone()
            if answer.heard is None:  # what was heard before belongs to the dialogue that is over
                return answer

    def end(self) -> None:
        """Leave."""
        self.is_over = True
        self._writer.close()

    def _gone(self) -> LinkDown:
        self.end()
        return LinkDown("the service that owns the port has gone; try again")


class _Turnstile:
    """Implements the lock of a link: holds the service's port while a dialogue lasts."""

    def __init__(self, visit: _Visit, link: str) -> None:
        self._visit = visit
        self._link = link
        self._own = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._own.acquire()
        if self._visit.is_over:
            return
        try:
            answer = await self._visit.ask(Said(do="take", link=self._link), timeout_s=_TAKE_S)
        except LinkDown:
            return  # without a service the port is opened here
        except BaseException:
            self._own.release()
            raise
        if not answer.taken:
            self._own.release()
            raise _raised(answer)

    async def __aexit__(self, *_: object) -> None:
        self._own.release()
        with suppress(LinkDown):
            self._visit.say(Said(do="give"))


class _LentStream:
    """Implements Stream by the service's port."""

    def __init__(self, visit: _Visit) -> None:
        self._visit = visit

    def write(self, data: bytes) -> None:
        self._visit.say(Said(do="send", hex=data.hex()))

    async def receive(self, *, deadline_s: float) -> bytes:
        while True:
            left_s = max(0.0, deadline_s - asyncio.get_running_loop().time())
            answer = await self._visit.hear(timeout_s=left_s)
            if answer is None:
                return b""
            if answer.error:
                raise _raised(answer)
            if answer.heard:
                return bytes.fromhex(answer.heard)

    def set_baudrate(self, baudrate: int) -> None:
        self._visit.say(Said(do="speed", baudrate=baudrate))

    def close(self) -> None:
        """Nothing: the port is the service's."""


class _LentBus(ModbusBus):
    """Asks by the service's own bus, whose bookkeeping of late answers knows every request."""

    def __init__(self, link: Link, visit: _Visit, *, clock: Clock) -> None:
        super().__init__(link, clock=clock)
        self._visit = visit
        self._turn = asyncio.Lock()

    async def ask(self, peer: Peer, request: Request) -> bytes:
        """Return the registers or bits that the device answered, as they came."""
        if self._visit.is_over:
            return await super().ask(peer, request)
        said = Said(
            do="ask",
            link=self.link.id,
            unit=peer.unit,
            timeout_s=min(peer.timeout_s, LONGEST_ASK_S),
            pause_s=min(peer.pause_s, LONGEST_ASK_S),
            probes=tuple(_words(probe) for probe in peer.probes if isinstance(probe, ReadRequest)),
            **(_words(request).model_dump() if isinstance(request, ReadRequest) else {}),
        )
        async with self._turn:
            try:
                answer = await self._visit.ask(said, timeout_s=_TAKE_S)
            except LinkDown:
                return await super().ask(peer, request)
        if answer.registers is None:
            raise _raised(answer)
        return bytes.fromhex(answer.registers)


async def find_service(settings: LinkSettings, environment: Mapping[str, str]) -> tuple[Path, OwnedLink] | None:
    """Return the socket of the service that owns the port, and its link; None where nobody owns it."""
    wanted = _real_port(settings)
    for path in sockets(environment):
        visit = await _Visit.begin(path)
        if visit is None:
            continue
        try:
            answer = await visit.ask(Said(do="links"), timeout_s=_CONNECT_S)
        except LinkDown:
            continue
        finally:
            visit.end()
        for owned in answer.links or ():
            if _real_port(owned.settings) == wanted:
                return path, owned
    return None


@asynccontextmanager
async def service_link(
    path: Path, owned: OwnedLink, *, clock: Clock, trace: Trace | None = None
) -> AsyncIterator[Link]:
    """Yield a link that uses the service's port, or opens it itself once the service is gone.

    Raises:
        LinkDown: the service has gone.
    """
    visit = await _Visit.begin(path)
    if visit is None:
        raise LinkDown(f"{path}: the service that owns the port has gone; try again")

    async def lent(settings: LinkSettings) -> Stream:
        return await open_stream(settings) if visit.is_over else _LentStream(visit)

    link = Link(owned.settings, open_stream=lent, clock=clock, trace=trace, lock=_Turnstile(visit, owned.settings.id))
    link.companion(ModbusBus, lambda: _LentBus(link, visit, clock=clock))
    try:
        yield link
    finally:
        visit.end()
        await link.close()


@asynccontextmanager
async def own_link(settings: LinkSettings, *, clock: Clock, trace: Trace | None = None) -> AsyncIterator[Link]:
    """Yield the link, opened here and closed behind the block.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.
    """
    link = open_link(settings, clock=clock, trace=trace)
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def field_link(
    settings: LinkSettings, *, clock: Clock, environment: Mapping[str, str], trace: Trace | None = None
) -> AsyncIterator[Link]:
    """Yield the link by the service that owns its port, or directly where none does.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.
        LinkDown: the service has gone in this moment.
    """
    found = await find_service(settings, environment)
    way = service_link(*found, clock=clock, trace=trace) if found else own_link(settings, clock=clock, trace=trace)
    async with way as link:
        yield link


async def traced(path: Path, link: str) -> AsyncGenerator[Answer, None]:
    """Yield every chunk on a link of the service, until that ends.

    Raises:
        LinkDown: the service has gone.
    """
    visit = await _Visit.begin(path)
    if visit is None:
        raise LinkDown(f"{path}: the service that owns the port has gone; try again")
    try:
        visit.say(Said(do="trace", link=link))
        while True:
            answer = await visit.hear(timeout_s=1.0)
            if answer is not None and answer.error:
                raise _raised(answer)
            if answer is not None and answer.traced is not None:
                yield answer
    finally:
        visit.end()


def _real_port(settings: LinkSettings) -> str:
    """Return the port by its one name, whatever link leads to it."""
    return os.path.realpath(settings.port) if settings.serial else settings.port


def _words(request: ReadRequest) -> Probe:
    return Probe(table=request.table, address=request.address, count=request.count)


def _raised(answer: Answer) -> KvarterError:
    if answer.error == "refused":
        return Refused(answer.text, code=answer.code)
    if answer.error == "not_asked":
        return NotAsked(answer.text)
    if answer.error == "no_answer":
        return NoAnswer(answer.text)
    if answer.error == "corrupt":
        return CorruptFrame(answer.text)
    return LinkDown(answer.text)
