"""The MQTT client: the only door to aiomqtt, whose errors become SinkUnavailable with what, where and what to do."""

import asyncio
import logging
import math
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import socket
from typing import Any, TypeVar

import aiomqtt
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.broker.access import MqttAccess, MqttLimits, endpoint, tls_context, why_unreachable
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import BrokerSession, Message
from gateway.core.site import BrokerSettings

MAX_PACKET_BYTES = 8 * 1024 * 1024
"""Announced to a broker of MQTT 5, which then sends nothing larger."""

_FAREWELL_S = 2.0
# Source: MQTT 5.0, section 3.2.2.2; the client library translates the codes of MQTT 3.1.1 into these.
_REFUSALS = {
    132: "it does not speak this version of MQTT; set broker.protocol to the other one (3.1.1 or 5)",
    133: "it does not accept this client id; is the broker restricted to other names?",
    134: "the user name or password is wrong; check broker.username and broker.password",
    135: "we are not authorised; check broker.username and broker.password, or the client certificate",
    136: "it says that it is not available; try later",
    138: "this client is banned there; ask who runs the broker",
}


_T = TypeVar("_T")


class MqttBroker:
    """Opens sessions with the broker of a site or collector file."""

    def __init__(self, settings: BrokerSettings, access: MqttAccess, *, limits: MqttLimits | None = None) -> None:
        self._settings = settings
        self._access = access
        self._limits = limits or MqttLimits()
        self._encrypted, self._host, self._port = endpoint(settings.url)

    @asynccontextmanager
    async def connect(self, *, will: Message | None = None) -> AsyncIterator[BrokerSession]:
        """Connect with a clean session; the session ends with the block.

        A block that is left by an error has vanished: the broker gets no farewell and publishes the will.

        Raises:
            SinkUnavailable: the broker cannot be reached or refuses us.
        """
        client = self._client(await self._tls(), will)
        try:
            await self._open(client)
            yield MqttSession(client, self._settings.url, self._limits)
        except BaseException:
            await client.close(farewell=False)
            raise
        await client.close(farewell=True)

    async def _open(self, client: "_Client") -> None:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                with _cancellable():
                    await client.__aenter__()
        except (aiomqtt.MqttError, TimeoutError, OSError, ValueError) as exc:
            raise SinkUnavailable(f"broker {self._settings.url}: {_why(exc)}") from exc

    async def _tls(self) -> ssl.SSLContext | None:
        """Return how to encrypt; files are read anew for each connection, so that renewed certificates count."""
        if not self._encrypted:
            return None
        try:
            return await asyncio.to_thread(tls_context, self._access)
        except OSError as exc:
            raise SinkUnavailable(f"broker {self._settings.url}: TLS: {exc}") from exc

    def _client(self, tls: ssl.SSLContext | None, will: Message | None) -> "_Client":
        modern = self._settings.protocol == "5"
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return _Client(
            self._host,
            self._port,
            username=self._settings.username,
            password=self._access.password,
            logger=_silent(),
            identifier=self._access.client_id,
            queue_type=_queue_type(self._limits.queue_bytes),
            protocol=aiomqtt.ProtocolVersion.V5 if modern else aiomqtt.ProtocolVersion.V311,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, 1, will.retain),
            clean_session=None if modern else True,
            timeout=math.inf,
            keepalive=self._limits.keepalive_s,
            max_inflight_messages=self._limits.publishes,
            max_concurrent_outgoing_calls=self._limits.publishes,
            properties=properties if modern else None,
            tls_context=tls,
        )


class MqttSession:
    """An established connection."""

    def __init__(self, client: "_Client", url: str, limits: MqttLimits) -> None:
        self._client = client
        self._url = url
        self._timeout_s = limits.timeout_s

    async def publish(self, message: Message) -> None:
        """Return when the broker acknowledged the message.

        Raises:
            SinkUnavailable: the connection is gone, the broker refused, or no acknowledgement came in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                with _cancellable():
                    await self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        except (aiomqtt.MqttError, TimeoutError, OSError) as exc:
            raise SinkUnavailable(f"broker {self._url}: publish on {message.topic}: {_why(exc)}") from exc

    async def subscribe(self, topic: str) -> None:
        """Ask for a topic filter.

        Raises:
            SinkUnavailable: the connection is gone, or the broker refused.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                with _cancellable():
                    granted = await self._client.subscribe(topic, qos=1)
        except (aiomqtt.MqttError, TimeoutError, OSError, ValueError) as exc:
            raise SinkUnavailable(f"broker {self._url}: subscribe to {topic}: {_why(exc)}") from exc
        if any(isinstance(reason, ReasonCode) and reason.is_failure for reason in granted):
            raise SinkUnavailable(f"broker {self._url}: refuses to subscribe us to {topic}; check its access rules")

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives.

        Raises:
            SinkUnavailable: the connection is gone.
        """
        try:
            async for message in self._client.messages:
                yield Message(str(message.topic), _bytes(message.payload), message.retain)
        except (aiomqtt.MqttError, OSError) as exc:
            raise SinkUnavailable(f"broker {self._url}: {_why(exc)}") from exc


class _Client(aiomqtt.Client):
    """The library's client, where it leaves something open: refused publishes, early ends, and the end itself.

    The overridden methods are the library's own, not public; `aiomqtt<3` in pyproject.toml holds them still.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._refused: dict[int, ReasonCode] = {}
        self._ended = asyncio.Event()
        self._unwanted = False

    async def close(self, *, farewell: bool) -> None:
        """Leave nothing behind: no socket, no task, no error that nobody asked for."""
        self._unwanted = True
        if farewell and self._client.disconnect() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._ended.wait()
        self._force_closed()
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait({self._misc_task})
        for outcome in (self._connected, self._disconnected):
            if outcome.done() and not outcome.cancelled():
                outcome.exception()

    def _force_closed(self) -> None:
        # The library's finaliser would call it on a loop that is closed by then.
        self._client.on_socket_close = None
        sock = self._client.socket()
        if isinstance(sock, socket) and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            sock.close()

    @contextmanager
    def _pending_call(self, mid: int, value: _T, pending_dict: dict[int, _T]) -> Iterator[None]:
        """Raise where the broker refused: the library takes every acknowledgement for a success."""
        with super()._pending_call(mid, value, pending_dict):
            yield
        reason = self._refused.pop(mid, None)
        if reason is not None:
            raise aiomqtt.MqttCodeError(reason)

    def _on_socket_register_write(self, client: Client, userdata: object, sock: object) -> None:  # noqa: ARG002
        """Wait for room in a socket that is still open when its turn comes: its number may be another's by then."""
        self._loop.call_soon_threadsafe(self._await_room, sock)

    def _await_room(self, sock: object) -> None:
        if isinstance(sock, socket) and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write)

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except OSError as exc:
            if not self._disconnected.done():
                self._disconnected.set_exception(exc)

    def _on_publish(
        self, client: Client, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self._refused[mid] = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        """End a connection that came about after we gave up waiting for it."""
        if self._unwanted:
            client.disconnect()
        else:
            super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        """End the wait for a connection that the broker closed before it answered."""
        self._loop.call_soon_threadsafe(self._ended.set)
        if self._connected.done():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)
        else:
            self._connected.set_exception(ConnectionAbortedError())


def _queue_type(capacity_bytes: int) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return a queue that is full when the payloads in it reach the capacity."""

    class BoundedQueue(asyncio.Queue[aiomqtt.Message]):
        held_bytes = 0

        def full(self) -> bool:
            return self.held_bytes >= capacity_bytes

        def _put(self, item: aiomqtt.Message) -> None:
            self.held_bytes += len(_bytes(item.payload))
            super()._put(item)

        def _get(self) -> aiomqtt.Message:
            item = super()._get()
            self.held_bytes -= len(_bytes(item.payload))
            return item

    return BoundedQueue


def _bytes(payload: object) -> bytes:
    """Return what the library hands out; received payloads always are bytes."""
    return payload if isinstance(payload, bytes) else b""


def _silent() -> logging.Logger:
    """Return a logger of nobody's: what the library would say, our errors say."""
    return logging.Logger("mqtt library", level=logging.CRITICAL + 1)  # noqa: LOG001


@contextmanager
def _cancellable() -> Iterator[None]:
    """Let a cancellation through that a wait of the library has swallowed, because what it waited for came just then.

    Source: asyncio.wait_for of Python 3.11.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


def _why(exc: BaseException) -> str:
    """Return what happened and what to do about it."""
    if isinstance(exc, OSError):
        return why_unreachable(exc)
    if isinstance(exc, aiomqtt.MqttCodeError) and isinstance(exc.rc, ReasonCode):
        return f"it refuses: {_REFUSALS.get(exc.rc.value, str(exc.rc).lower())}"
    if isinstance(exc, aiomqtt.MqttCodeError) or isinstance(exc.__cause__, aiomqtt.MqttCodeError):
        return "the connection is gone"
    if isinstance(exc, aiomqtt.MqttError) and isinstance(exc.__context__, OSError):
        return why_unreachable(exc.__context__)
    return str(exc) or type(exc).__name__
