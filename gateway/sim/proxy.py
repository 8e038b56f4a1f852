"""A proxy in front of simulated devices that does to their replies what a bad line does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from gateway.core.errors import ConfigError
from gateway.sim.faults import Mischief, Segment, frame_length
from gateway.sim.terminal import TerminalTransport, opened, terminal

_CONNECT_S: Final = 5.0


@asynccontextmanager
async def proxy_tcp(
    target: str, mischief: Mischief, *, tasks: asyncio.TaskGroup, listen: str = "127.0.0.1:0"
) -> AsyncIterator[str]:
    """Listen for clients, pass their requests on to HOST:PORT, and yield the HOST:PORT to connect to.

    Args:
        target: The server.
        mischief: What happens to its replies.
        tasks: Where connecting to the server runs.
        listen: Port 0 for any free one.

    Raises:
        ConfigError: the address to listen on cannot be had.
    """
    loop = asyncio.get_running_loop()
    relays: set[_Relay] = set()

    def accept() -> _Side:
        relay = _Relay(mischief, hangs_up=True)
        relays.add(relay)
        connecting = tasks.create_task(_connect(relay, target), name=f"proxy[{target}]")

        def forget() -> None:
            relays.discard(relay)
            connecting.cancel()

        relay.when_closed = forget
        return relay.client

    host, port = _split(listen)
    try:
        server = await loop.create_server(accept, host, port)
    except OSError as exc:
        raise ConfigError(f"{listen}: cannot listen there: {exc.strerror}") from exc
    try:
        bound = server.sockets[0].getsockname()
        yield f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"
    finally:
        server.close()
        for relay in tuple(relays):
            relay.close()


@asynccontextmanager
async def proxy_pty(target: Path, path: Path, mischief: Mischief) -> AsyncIterator[Path]:
    """Pass requests from a new pseudo-terminal on to the one at `target`, and yield the new one's link at `path`.

    Raises:
        ConfigError: the link cannot be made.
    """
    relay = _Relay(mischief, hangs_up=False)
    with opened(target) as far, terminal(path) as near:
        TerminalTransport(far, relay.server)
        TerminalTransport(near, relay.client)
        try:
            yield path
        finally:
            relay.close()


async def _connect(relay: "_Relay", target: str) -> None:
    host, port = _split(target)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await asyncio.get_running_loop().create_connection(lambda: relay.server, host, port)
    except OSError:
        relay.close()


class _Side(asyncio.Protocol):
    """One side of a relay; bytes for it wait until it is connected."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        for data in self._waiting:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter here
        self._lost()

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Relay:
    """Joins a client and the server, with mischief on the way back."""

    def __init__(self, mischief: Mischief, *, hangs_up: bool) -> None:
        self.client = _Side(self._from_client, self.close)
        self.server = _Side(self._from_server, self.close)
        self.when_closed: Callable[[], object] = lambda: None
        self._mischief = mischief
        self._hangs_up = hangs_up
        self._reply = b""
        self._timers: list[asyncio.TimerHandle] = []
        self._closed = False

    def close(self) -> None:
        """End both sides; closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        self.client.close()
        self.server.close()
        self.when_closed()

    def _from_client(self, data: bytes) -> None:
        self._send(self._mischief.request(data))
        self.server.write(data)

    def _from_server(self, data: bytes) -> None:
        self._reply += data
        while (length := frame_length(self._mischief.framing, self._reply)) and len(self._reply) >= length:
            frame, self._reply = self._reply[:length], self._reply[length:]
            self._send(self._mischief.reply(frame))

    def _send(self, segments: Sequence[Segment]) -> None:
        loop = asyncio.get_running_loop()
        self._timers = [timer for timer in self._timers if timer.when() > loop.time()]
        for segment in segments:
            if segment.after_s <= 0:
                self._deliver(segment)
            else:
                self._timers.append(loop.call_later(segment.after_s, self._deliver, segment))

    def _deliver(self, segment: Segment) -> None:
        if not segment.close:
            self.client.write(segment.data)
        elif self._hangs_up:
            self.close()


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)
