"""One serial port or socket: opened on demand, paced, reopened, one request at a time."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeVar, cast

from drivers.link_line import Line, line_of
from drivers.link_talk import Talk
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings

OpenStream = Callable[[LinkSettings], Awaitable[Stream]]
Trace = Callable[[Literal["out", "in"], bytes, str], None]
"""Called with direction, bytes and what became of them."""

_REOPEN_S = (0.5, 1.0, 2.0, 5.0)
"""Waiting time before opening again, after the first, second … failure in a row."""
_BARREN_CONNECTIONS = 3
"""After so many connections in a row that were lost before any answer, there is a waiting time as well."""
_SILENT_REQUESTS = 3
_SILENT_S = 20.0
"""After so many requests and so long without any answer a connection is given up, since its peer may have lost it."""
_DRAIN_LIMIT_S = 1.0

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Receiver(Protocol[T_co]):
    """Makes an answer of the bytes that arrive."""

    def feed(self, chunk: bytes) -> T_co | None:
        """Take bytes that came after the request; return the answer once it is whole."""

    def sent(self) -> None:
        """Note that the request was sent: what comes now may be the answer."""

    def stray(self, chunk: bytes) -> None:
        """Take bytes that came while nothing was asked."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request and the times that belong to it."""

    request: bytes
    reply_bytes: int
    """Length of the answer that is hoped for, which decides how long it takes on the line."""
    timeout_s: float
    """From the end of the request to the end of the answer, beside the answer's own time on the line."""
    not_before_s: float = 0.0
    """Instant on the clock before which this device must not be asked."""
    pause_after_connect_s: float = 0.0


@dataclass(slots=True)
class LinkCounters:
    """What happened on the link since the start."""

    requests: int = 0
    timeouts: int = 0
    late: int = 0
    """Valid frames of a unit that had been asked something else, or nothing."""
    foreign: int = 0
    """Valid frames of other units, or of another client."""
    corrupt: int = 0
    """Requests that were answered by bytes in which there is no valid frame."""
    reopenings: int = 0
    busy_s: float = 0.0
    """Time during which nobody else could use the link."""


class Link:
    """The one owner of a serial port or socket.

    Args:
        settings: What and how to open.
        open_stream: Opens it.
        clock: For silences and waiting times.
        trace: Told of every byte that goes out or comes in.
        lock: Held while the port is in use; one of its own where nobody else shares the port.

    Raises:
        ConfigError: a serial link whose baud rate or parity is not known.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        open_stream: OpenStream,
        clock: Clock,
        trace: Trace | None = None,
        lock: AbstractAsyncContextManager[None] | None = None,
    ) -> None:
        self.settings = settings
        self.line: Line = line_of(settings)
        self.counters = LinkCounters()
        self._open_stream = open_stream
        self._clock = clock
        self._trace = trace
        self._lock = lock or asyncio.Lock()
        self._stream: Stream | None = None
        self._generation = 0
        self._opened_s = -math.inf
        self._last_byte_s = -math.inf
        self._failures = 0
        self._retry_s = -math.inf
        self._down = ""
        self._barren = 0
        self._unanswered = 0
        self._answered_s = -math.inf
        self._companions: dict[type[object], object] = {}

    @property
    def id(self) -> str:
        """The link's name in the site file."""
        return self.settings.id

    @property
    def generation(self) -> int:
        """How many times it was opened; whoever is behind it may be another one after it changed."""
        return self._generation

    def companion(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return the one object of this kind that all drivers on this link share, made at first use."""
        if kind not in self._companions:
            self._companions[kind] = make()
        return cast("T", self._companions[kind])

    async def open(self) -> None:
        """Open it unless it is open.

        Raises:
            LinkDown: it cannot be opened, or could not shortly before.
        """
        async with self._lock:
            if self._stream is None:
                await self._open()

    async def exchange(self, turn: Turn, receiver: Receiver[T]) -> T | None:
        """Send the request and return what the receiver makes of the answer, None when the deadline passed first.

        Raises:
            LinkDown: the port or connection is gone and could not be had back.
            CorruptFrame: the bus is never silent, so that nothing can be asked.
        """
        async with self._lock:
            started_s = self._clock.monotonic()
            try:
                return await self._exchange(turn, receiver)
            finally:
                self.counters.busy_s += self._clock.monotonic() - started_s

    async def hear(self, *, deadline_s: float) -> bytes:
        """Return the next bytes that arrive without having been asked for, b"" when the deadline passed first.

        Args:
            deadline_s: On the loop's clock.

        Raises:
            LinkDown: the port or connection is gone and could not be had back.
        """
        async with self._lock:
            stream = self._stream or await self._open()
            try:
                chunk = await stream.receive(deadline_s=deadline_s)
            except LinkDown as exc:
                self._drop()
                self._failed(str(exc))
                raise
            if chunk:
                self._failures = 0
                self._took(chunk)
            return chunk

    async def talk(self, dialogue: Callable[[Talk], Awaitable[T]]) -> T:
        """Return what a dialogue of several turns gives; nobody else uses the link meanwhile.

        Raises:
            LinkDown: the port or connection is gone and could not be had back.
        """
        async with self._lock:
            started_s = self._clock.monotonic()
            stream = self._stream or await self._open()
            try:
                return await dialogue(Talk(stream, write=partial(self._write, stream), took=self._took))
            except LinkDown as exc:
                self._drop()
                self._failed(str(exc))
                raise
            finally:
                self.counters.busy_s += self._clock.monotonic() - started_s

    async def close(self) -> None:
        """Close it after the exchange under way; the next one opens it again."""
        async with self._lock:
            self._drop()

    async def _exchange(self, turn: Turn, receiver: Receiver[T]) -> T | None:
        stream = self._stream
        if stream is not None:
            try:
                return await self._ask(stream, turn, receiver)
            except LinkDown:
                # A peer may close a connection that was idle. That is no failure: ask on a new one.
                self._drop()
        stream = await self._open()
        try:
            return await self._ask(stream, turn, receiver)
        except LinkDown as exc:
            self._drop()
            self._barren += 1
            # Who hangs up on one device's request may well answer its neighbour's.
            if self._barren >= _BARREN_CONNECTIONS:
                self._failed(str(exc))
            raise

    async def _open(self) -> Stream:
        if self._clock.monotonic() < self._retry_s:
            raise LinkDown(self._down)
        try:
            stream = await self._open_stream(self.settings)
        except LinkDown as exc:
            self._failed(str(exc))
            raise
        self._stream = stream
        self._generation += 1
        self._opened_s = self._clock.monotonic()
        self._unanswered = 0
        if self._generation > 1:
            self.counters.reopenings += 1
        return stream

    def _failed(self, reason: str) -> None:
        self._down = reason
        self._retry_s = self._clock.monotonic() + _REOPEN_S[min(self._failures, len(_REOPEN_S) - 1)]
        self._failures += 1

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _ask(self, stream: Stream, turn: Turn, receiver: Receiver[T]) -> T | None:
        line = self.line
        quiet_s = max(turn.not_before_s, self._opened_s + turn.pause_after_connect_s)
        if line.drain_s or quiet_s > self._clock.monotonic():
            await self._settle(stream, receiver, quiet_s=quiet_s, silence_s=line.silence_s)
        self._write(stream, turn.request)
        receiver.sent()
        on_line_s = (len(turn.request) + turn.reply_bytes) * line.character_s
        deadline_s = asyncio.get_running_loop().time() + turn.timeout_s + on_line_s
        while chunk := await stream.receive(deadline_s=deadline_s):
            self._took(chunk)
            reply = receiver.feed(chunk)
            if reply is not None:
                self._failures = 0
                self._barren = 0
                self._unanswered = 0
                self._answered_s = self._last_byte_s
                return reply
        await self._give_up(stream, receiver)
        return None

    def _took(self, chunk: bytes, became: str = "") -> None:
        self._last_byte_s = self._clock.monotonic()
        if self._trace is not None:
            self._trace("in", chunk, became)

    def _write(self, stream: Stream, request: bytes) -> None:
        if self._trace is not None:
            self._trace("out", request, "")
        stream.write(request)
        self.counters.requests += 1
        self._last_byte_s = self._clock.monotonic() + len(request) * self.line.character_s

    async def _give_up(self, stream: Stream, receiver: Receiver[object]) -> None:
        """Wait until nothing arrives any more, so that the next request meets a silent bus."""
        self.counters.timeouts += 1
        self._unanswered += 1
        if self.line.drain_s:
            quiet_s = self._clock.monotonic() + self.line.drain_s
            await self._settle(stream, receiver, quiet_s=quiet_s, silence_s=self.line.drain_s)
        silent_s = self._clock.monotonic() - max(self._answered_s, self._opened_s)
        if self.settings.serial is None and self._unanswered >= _SILENT_REQUESTS and silent_s >= _SILENT_S:
            self._drop()

    async def _settle(self, stream: Stream, receiver: Receiver[object], *, quiet_s: float, silence_s: float) -> None:
        """Return when the bus was silent for a time and an instant has passed; what arrives meanwhile is stray.

        Raises:
            LinkDown: the stream has failed.
            CorruptFrame: it does not become silent.
        """
        loop, clock = asyncio.get_running_loop(), self._clock
        limit_s = max(clock.monotonic(), quiet_s) + _DRAIN_LIMIT_S
        while True:
            now_s = clock.monotonic()
            wait_s = max(0.0, self._last_byte_s + silence_s - now_s, quiet_s - now_s)
            # Loops count in milliseconds, and one of them down: what is rounded up is never too short.
            deadline_s = loop.time() + math.ceil(wait_s * 1000) / 1000
            chunk = await stream.receive(deadline_s=deadline_s)
            if chunk:
                self._took(chunk, "stray")
                receiver.stray(chunk)
                if self._last_byte_s > limit_s:
                    raise CorruptFrame(
                        f"{self.id}: never silent for {silence_s * 1000:.1f} ms, so that nothing can be asked: "
                        "look for a device that babbles, a second client, or a missing termination",
                        frame=chunk,
                    )
            elif clock.monotonic() >= max(self._last_byte_s + silence_s, quiet_s):
                return
