"""TCP connections and UDP sockets as streams."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from drivers.link_inbox import HIGH_WATER_BYTES, Inbox
from gateway.core.errors import LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings

CONNECT_TIMEOUT_S = 5.0
_USER_TIMEOUT_MS = 15_000
_SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS),
)
"""A peer that lost its power is noticed within 25 s, whether a request is under way or not."""


async def open_tcp(settings: LinkSettings) -> Stream:
    """Return a connection to the link's `tcp` endpoint.

    Raises:
        LinkDown: nobody answers there.
    """
    endpoint = settings.tcp or ""
    host, port = split_endpoint(endpoint)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, stream = await loop.create_connection(lambda: _TcpStream(settings.id, endpoint), host, port)
    except TimeoutError as exc:
        raise LinkDown(_unreachable(settings, f"no answer within {CONNECT_TIMEOUT_S:g} s")) from exc
    except OSError as exc:
        raise LinkDown(_unreachable(settings, _reason(exc))) from exc
    return stream


async def open_udp(settings: LinkSettings) -> Stream:
    """Return a socket that talks to the link's `udp` endpoint and to nobody else.

    Raises:
        LinkDown: the address cannot be used.
    """
    endpoint = settings.udp or ""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, stream = await loop.create_datagram_endpoint(
                lambda: _UdpStream(settings.id, endpoint), remote_addr=split_endpoint(endpoint)
            )
    except TimeoutError as exc:
        raise LinkDown(_unreachable(settings, f"no address within {CONNECT_TIMEOUT_S:g} s")) from exc
    except OSError as exc:
        raise LinkDown(_unreachable(settings, _reason(exc))) from exc
    return stream


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()


def _unreachable(settings: LinkSettings, reason: str) -> str:
    return (
        f"{settings.id}: cannot connect to {settings.port}: {reason}; is the device on, is the address right, "
        "and does another client hold its only connection?"
    )


class _TcpStream(asyncio.Protocol):
    """Implements Stream over one TCP connection."""

    def __init__(self, link: str, endpoint: str) -> None:
        self._link = link
        self._endpoint = endpoint
        self._inbox = Inbox(asyncio.get_running_loop())
        self._transport: asyncio.Transport | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection = transport.get_extra_info("socket")
        for level, option, value in _SOCKET_OPTIONS:
            # A loop of another make, or a tunnel, may not know an option; the connection works without it.
            with suppress(OSError):
                connection.setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        self._inbox.put(data)
        if self._inbox.size_bytes > HIGH_WATER_BYTES and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True

    def connection_lost(self, exc: Exception | None) -> None:
        reason = _reason(exc) if isinstance(exc, OSError) else "the other side closed the connection"
        self._inbox.fail(f"{self._link}: {self._endpoint}: {reason}")

    def write(self, data: bytes) -> None:
        if self._inbox.failure is not None or self._transport is None or self._transport.is_closing():
            raise LinkDown(self._inbox.failure or f"{self._link}: {self._endpoint}: the connection is closed")
        self._transport.write(data)

    def receive(self, *, deadline_s: float) -> Coroutine[Any, Any, bytes]:
        if self._paused and self._transport is not None:
            self._transport.resume_reading()
            self._paused = False
        return self._inbox.get(deadline_s=deadline_s)

    def set_baudrate(self, baudrate: int) -> None:
        """Nothing: the speed is the converter's own."""

    def close(self) -> None:
        self._inbox.fail(f"{self._link}: {self._endpoint}: the connection is closed")
        if self._transport is not None:
            self._transport.abort()


class _UdpStream(asyncio.DatagramProtocol):
    """Implements Stream over one connected UDP socket; each chunk is one datagram."""

    def __init__(self, link: str, endpoint: str) -> None:
        self._link = link
        self._endpoint = endpoint
        self._inbox = Inbox(asyncio.get_running_loop())
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's seam
        # An empty datagram would read as a deadline that passed; more than the high water mark is a flood.
        if data and self._inbox.size_bytes <= HIGH_WATER_BYTES:
            self._inbox.put(data)

    def error_received(self, exc: Exception) -> None:
        reason = _reason(exc) if isinstance(exc, OSError) else str(exc)
        self._inbox.fail(f"{self._link}: {self._endpoint}: {reason}")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's seam
        self._inbox.fail(f"{self._link}: {self._endpoint}: the socket is closed")

    def write(self, data: bytes) -> None:
        if self._inbox.failure is not None or self._transport is None:
            raise LinkDown(self._inbox.failure or f"{self._link}: {self._endpoint}: the socket is closed")
        self._transport.sendto(data)

    def receive(self, *, deadline_s: float) -> Coroutine[Any, Any, bytes]:
        return self._inbox.get(deadline_s=deadline_s)

    def set_baudrate(self, baudrate: int) -> None:
        """Nothing: the speed is the converter's own."""

    def close(self) -> None:
        self._inbox.fail(f"{self._link}: {self._endpoint}: the socket is closed")
        if self._transport is not None:
            self._transport.abort()
