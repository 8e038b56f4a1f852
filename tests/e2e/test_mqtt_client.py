import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.broker.access import MqttAccess, MqttLimits
from gateway.broker.mqtt import MqttBroker
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Message
from gateway.core.site import BrokerSettings
from tests.e2e.servers import Mosquitto, authority, free_port, mosquitto

PROTOCOLS = ("3.1.1", "5")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker that lets nobody use the branch `forbidden`."""
    folder = tmp_path_factory.mktemp("mosquitto")
    rules = folder / "rules"
    rules.write_text("topic readwrite kvarter/#\ntopic readwrite status\n")
    with mosquitto(folder, f"acl_file {rules}") as running:
        yield running


def client(url: str, name: str, *, limits: MqttLimits | None = None, **settings: str) -> MqttBroker:
    """Return the client under test."""
    return MqttBroker(BrokerSettings.model_validate({"url": url, **settings}), MqttAccess(name), limits=limits)


async def refusal(broker: MqttBroker) -> str:
    """Return why a connection cannot be had."""
    with pytest.raises(SinkUnavailable) as caught:
        async with broker.connect():
            pass
    return str(caught.value)


def open_files() -> int:
    """Return how many file descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@asynccontextmanager
async def pretended_server(answer: bytes | None, called: asyncio.Event | None = None) -> AsyncIterator[int]:
    """Run something that is no broker: it sends the answer and closes, or with None never says anything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if called is not None:
            called.set()
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_messages_pass_in_order_and_retained_ones_stay(server: Mosquitto, protocol: str) -> None:
    """What one session publishes another receives in order, with topic, payload and retained mark."""
    async with client(server.url, "sender", protocol=protocol).connect() as sender:
        await sender.publish(Message("kvarter/kept", b"\x00\xff", retain=True))
        async with client(server.url, "receiver", protocol=protocol).connect() as receiver:
            await receiver.subscribe("kvarter/#")
            for number in range(100):
                await sender.publish(Message("kvarter/n", b"%d" % number))
            messages = receiver.messages()
            assert await anext(messages) == Message("kvarter/kept", b"\x00\xff", retain=True)
            assert [(await anext(messages)).payload for _ in range(100)] == [b"%d" % number for number in range(100)]
        await sender.publish(Message("kvarter/kept", b"", retain=True))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_many_publishes_at_once_are_all_acknowledged(server: Mosquitto, protocol: str) -> None:
    """More publishes than the window holds wait for their turn and succeed."""
    limits = MqttLimits(publishes=4)
    broker = client(server.url, "many", limits=limits, protocol=protocol)
    async with broker.connect() as session, asyncio.TaskGroup() as tasks:
        for number in range(200):
            tasks.create_task(session.publish(Message("kvarter/n", bytes(2000))), name=f"publish {number}")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_will_is_published_when_a_session_vanishes(server: Mosquitto, protocol: str) -> None:
    """A block left by an error sends no farewell, so the broker publishes the will; a block that ends does."""
    broker = client(server.url, "mortal", protocol=protocol)
    async with client(server.url, "watcher", protocol=protocol).connect() as watcher:
        await watcher.subscribe("status")
        async with broker.connect(will=Message("status", b"never")):
            pass
        with pytest.raises(RuntimeError):
            async with broker.connect(will=Message("status", b"offline")):
                raise RuntimeError
        assert await anext(watcher.messages()) == Message("status", b"offline")


async def test_a_refused_publish_is_not_taken_for_an_acknowledgement(server: Mosquitto) -> None:
    """The broker's negative acknowledgement of MQTT 5 raises, and the session goes on."""
    async with client(server.url, "curious", protocol="5").connect() as session:
        with pytest.raises(SinkUnavailable, match="publish on forbidden: it refuses: we are not authorised"):
            await session.publish(Message("forbidden", b""))
        await session.publish(Message("kvarter/n", b""))


async def test_a_filter_that_is_none_is_refused(server: Mosquitto) -> None:
    """A filter that MQTT does not allow raises and names the topic."""
    async with client(server.url, "curious").connect() as session:
        with pytest.raises(SinkUnavailable, match="subscribe to a/#/b"):
            await session.subscribe("a/#/b")


async def test_every_way_to_fail_is_said_in_words(server: Mosquitto) -> None:
    """An error names the broker, what happened, and what to do about it."""
    short = MqttLimits(timeout_s=0.3)
    assert "nothing listens there" in await refusal(client(f"mqtt://127.0.0.1:{free_port()}", "lost"))
    assert "host name is not known" in await refusal(client("mqtt://no-such-host.invalid", "lost"))
    assert "check the port, mqtt or mqtts" in await refusal(client(server.url.replace("mqtt:", "mqtts:"), "lost"))
    async with pretended_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert f"broker mqtt://127.0.0.1:{port}: it closes" in await refusal(client(f"mqtt://127.0.0.1:{port}", "lost"))
    async with pretended_server(None) as port:
        assert "no answer in time" in await refusal(client(f"mqtt://127.0.0.1:{port}", "lost", limits=short))


async def test_wrong_passwords_are_named(tmp_path: Path) -> None:
    """A broker that asks for a password says so through us; the password itself is never shown."""
    passwords = tmp_path / "passwords"
    passwords.write_text("somebody:$7$101$AAAAAAAAAAAAAAAA$" + "A" * 86 + "==\n")
    passwords.chmod(0o600)
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as server:
        for protocol in PROTOCOLS:
            settings = BrokerSettings.model_validate({"url": server.url, "username": "us", "protocol": protocol})
            access = MqttAccess("us", password="not this one")  # noqa: S106
            text = await refusal(MqttBroker(settings, access))
            assert "check broker.username and broker.password" in text
            assert "not this one" not in text + repr(access)


async def test_a_killed_broker_ends_the_session_at_once(tmp_path: Path) -> None:
    """Whoever waits for messages learns within the call that the connection is gone."""
    with mosquitto(tmp_path) as server:
        async with client(server.url, "widow").connect() as session:
            await session.subscribe("a")
            server.kill()
            with pytest.raises(SinkUnavailable, match="the connection is gone"):
                await anext(session.messages())
            with pytest.raises(SinkUnavailable):
                await session.publish(Message("a", b""))


async def test_a_connection_that_went_dead_is_noticed_within_two_keepalives(tmp_path: Path) -> None:
    """A peer that holds the connection and says nothing ends the session for who waits, and for who publishes."""
    limits = MqttLimits(timeout_s=0.5, keepalive_s=1)
    with mosquitto(tmp_path) as server:
        async with client(server.url, "waiting", limits=limits).connect() as session:
            await session.subscribe("a")
            server.freeze()
            with pytest.raises(SinkUnavailable, match="publish on a: no answer in time"):
                await session.publish(Message("a", b""))
            with pytest.raises(SinkUnavailable, match="the connection is gone"):
                await anext(session.messages())


async def test_a_broker_that_never_acknowledges_is_given_up() -> None:
    """Without an acknowledgement in time a publish raises; nothing waits for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(bytes([0x20, 2, 0, 0]))
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        url = f"mqtt://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        with pytest.raises(SinkUnavailable, match="publish on a: no answer in time"):
            async with client(url, "patient", limits=MqttLimits(timeout_s=0.3)).connect() as session:
                await session.publish(Message("a", b""))


async def test_reconnecting_leaks_nothing(server: Mosquitto) -> None:
    """File descriptors and tasks are the same after sessions that ended, vanished or never came about."""

    async def attempts(count: int) -> tuple[int, int]:
        nobody = client(f"mqtt://127.0.0.1:{free_port()}", "leaky")
        for _ in range(count):
            async with client(server.url, "leaky").connect() as session:
                await session.publish(Message("kvarter/n", b""))
            with pytest.raises(RuntimeError):
                async with client(server.url, "leaky").connect():
                    raise RuntimeError
            await refusal(nobody)
        return open_files(), len(asyncio.all_tasks())

    assert await attempts(3) == await attempts(20)


async def test_cancelling_a_connection_attempt_leaves_nothing() -> None:
    """An attempt that is cancelled while the broker is silent closes its socket."""
    called = asyncio.Event()
    async with pretended_server(None, called) as port:
        before = open_files()
        attempt = asyncio.ensure_future(refusal(client(f"mqtt://127.0.0.1:{port}", "hasty")))
        await called.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert open_files() <= before + 1


async def test_messages_above_the_capacity_are_dropped_not_kept(server: Mosquitto) -> None:
    """Nobody's memory grows while messages wait: what exceeds the queue is dropped, what comes later is received."""
    limits = MqttLimits(queue_bytes=100_000)
    async with client(server.url, "full", limits=limits).connect() as receiver:
        await receiver.subscribe("kvarter/n")
        async with client(server.url, "sender").connect() as sender:
            for _ in range(20):
                await sender.publish(Message("kvarter/n", bytes(30_000)))
            await receiver.publish(Message("kvarter/x", b"all of them were read before this is acknowledged"))
            messages = receiver.messages()
            got = [await anext(messages) for _ in range(4)]
            await sender.publish(Message("kvarter/n", b"later"))
            assert (await anext(messages)).payload == b"later"
    assert {len(message.payload) for message in got} == {30_000}


async def test_tls_with_client_certificates(tmp_path: Path) -> None:
    """A session over TLS needs CA and client certificate, and each wrong or missing file is named."""
    ours, theirs = authority(tmp_path), authority(_folder(tmp_path, "theirs"))
    certificate, key = ours.issue("server")
    identity = ours.issue("gateway")
    lines = (f"cafile {ours.certificate}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true")
    with mosquitto(tmp_path, *lines) as server:
        settings = BrokerSettings(url=f"mqtts://localhost:{server.port}")
        async with _with(settings, ours.certificate, *identity).connect() as session:
            await session.publish(Message("a", b""))
        assert "its certificate is not accepted" in await refusal(_with(settings, theirs.certificate, *identity))
        assert "the client certificate" in await refusal(_with(settings, ours.certificate))
        assert f"CA certificate {tmp_path / 'no'}" in await refusal(_with(settings, tmp_path / "no"))
        wrong = (identity[0], key)
        assert f"client certificate {identity[0]}" in await refusal(_with(settings, ours.certificate, *wrong))


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _with(settings: BrokerSettings, ca: Path, certificate: Path | None = None, key: Path | None = None) -> MqttBroker:
    access = MqttAccess("gateway", authority=ca, client_certificate=certificate, client_key=key)
    return MqttBroker(settings, access)
