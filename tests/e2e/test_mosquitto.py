import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from gateway.app.clock import SystemClock
from gateway.broker.access import MqttAccess, MqttLimits
from gateway.broker.mqtt import MqttBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Entry, Message
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.core.site import BrokerSettings
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.topics import Topics
from tests.collector.sending import RUN, SITE, catalogue
from tests.e2e.servers import Mosquitto, authority, mosquitto
from tests.fakes_spool import FakeSpool
from tests.fakes_store import FakeStore

RESEND_S = 1.0
PROTOCOLS = ("3.1.1", "5")
LIMITS = MqttLimits(timeout_s=2.0)


class Gateway:
    """A relay with a spool in memory; the readouts that it was given are numbered in their value."""

    def __init__(self, broker: MqttBroker, *, site: str = SITE) -> None:
        self.site = site
        self._clock = SystemClock(trusted=True)
        message = encode_catalogue(catalogue(site))
        origin = Origin(site, RUN, "1.0", catalogue_id(message), {catalogue_id(message): message})
        self.spool = FakeSpool(self._clock, run=RUN, catalogue=origin.catalogue, resend_s=RESEND_S)
        settings = RelaySettings(collect_s=0.02, resend_s=RESEND_S, longest_delay_s=0.2, live_interval_s=0.1)
        self.relay = Relay(
            broker,
            self.spool,
            origin=origin,
            clock=self._clock,
            random=Random(1),  # noqa: S311
            settings=settings,
        )
        self.appended = 0

    def read(self, count: int) -> None:
        """Put so many new lines into the spool."""
        for _ in range(count):
            fields = b"elec_power_active=%d.5,hp_operating_mode=1i,status=0i" % self.appended
            body = b"kvarter,site=%b,device=meter %b" % (self.site.encode(), fields)
            self.spool.append(Entry(body, 0, self._clock.utc_ms()))
            self.appended += 1

    async def done(self) -> None:
        """Return when every line has its receipt; the test's own time limit ends a vain wait."""
        await until(lambda: self.spool.backlog().waiting == 0)


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds that real servers bring about."""
    while not condition():  # noqa: ASYNC110 - nothing of ours could set an event
        await asyncio.sleep(0.005)


def client(server: Mosquitto, name: str, *, protocol: str = "3.1.1") -> MqttBroker:
    """Return a client of the server."""
    settings = BrokerSettings.model_validate({"url": server.url, "protocol": protocol})
    return MqttBroker(settings, MqttAccess(name), limits=LIMITS)


def collector(broker: MqttBroker, store: FakeStore, data: Path, *, group: str | None = None) -> Collector:
    """Return a collector with one store."""
    surroundings = Surroundings(SystemClock(trusted=True), Random(2), load_vocabulary(), data)  # noqa: S311
    settings = CollectorSettings(group=group, collect_s=0.02, longest_delay_s=0.2)
    return Collector(broker, {"store": store}, surroundings=surroundings, settings=settings)


@asynccontextmanager
async def running(*parts: Gateway | Collector) -> AsyncIterator[None]:
    """Run relays and collectors for the length of the block."""
    async with asyncio.TaskGroup() as tasks:
        started = []
        for part in parts:
            work = part.relay.run() if isinstance(part, Gateway) else part.run(asyncio.Event())
            started.append(tasks.create_task(work, name=type(part).__name__))
        yield
        for task in started:
            task.cancel()


def numbers(*stores: FakeStore) -> list[int]:
    """Return the numbers of all stored readouts, in order."""
    lines = {line for store in stores for line in store.lines}
    return sorted(int(line.split(b"elec_power_active=")[1].split(b".")[0]) for line in lines)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_every_line_arrives_over_mqtt(tmp_path: Path, protocol: str) -> None:
    """Over MQTT 3.1.1 and 5 each line is stored once and its receipt frees the spool."""
    store = FakeStore()
    with mosquitto(tmp_path) as server:
        gateway = Gateway(client(server, "gateway", protocol=protocol))
        async with running(gateway, collector(client(server, "collector", protocol=protocol), store, tmp_path)):
            for _ in range(20):
                gateway.read(50)
                await asyncio.sleep(0.01)
            await gateway.done()
    assert numbers(store) == list(range(1000))
    assert gateway.relay.counters.compressed > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_broker_killed_again_and_again_loses_nothing(tmp_path: Path, protocol: str) -> None:
    """Mosquitto without persistence, killed six times in the middle of the traffic: every line is stored."""
    store = FakeStore()
    with mosquitto(tmp_path) as server:
        gateway = Gateway(client(server, "gateway", protocol=protocol))
        async with running(gateway, collector(client(server, "collector", protocol=protocol), store, tmp_path)):
            for _ in range(6):
                connections = gateway.relay.counters.connections
                released = gateway.relay.counters.released
                gateway.read(300)
                await until(lambda released=released: gateway.relay.counters.released > released)  # type: ignore[misc]
                gateway.read(300)
                server.kill()
                await asyncio.to_thread(server.start)
                await until(lambda seen=connections: gateway.relay.counters.connections > seen)  # type: ignore[misc]
            await gateway.done()
    assert gateway.relay.counters.failures >= 6
    assert numbers(store) == list(range(gateway.appended))


async def test_what_waits_while_the_broker_is_away_is_sent_when_it_is_back(tmp_path: Path) -> None:
    """A gateway that starts without a broker keeps everything and delivers it later."""
    store = FakeStore()
    with mosquitto(tmp_path) as server:
        server.kill()
        gateway = Gateway(client(server, "gateway"))
        async with running(gateway, collector(client(server, "collector"), store, tmp_path)):
            gateway.read(5000)
            await until(lambda: gateway.relay.counters.failures >= 2)
            await asyncio.to_thread(server.start)
            await gateway.done()
    assert numbers(store) == list(range(5000))


async def test_two_collectors_share_the_work_and_one_may_die(tmp_path: Path) -> None:
    """Members of a shared subscription each store a part; when one dies the other gets everything that it left."""
    store, other_store = FakeStore(), FakeStore()
    with mosquitto(tmp_path) as server:
        gateway = Gateway(client(server, "gateway"))
        one = collector(client(server, "one"), store, tmp_path / "one", group="g")
        other = collector(client(server, "other"), other_store, tmp_path / "other", group="g")
        async with running(gateway, one):
            async with running(other):
                await until(lambda: one.connected and other.connected)
                for _ in range(20):
                    gateway.read(100)
                    await asyncio.sleep(0.03)
                await gateway.done()
                assert store.lines
                assert other_store.lines
                assert len(store.lines) + len(other_store.lines) == 2000
                gateway.read(3000)
            await gateway.done()
    assert numbers(store, other_store) == list(range(5000))


async def test_a_collector_that_starts_later_finds_catalogue_status_and_values_retained(tmp_path: Path) -> None:
    """The catalogue, the status and the last values are there for whoever comes after they were published."""
    topics, store = Topics(SITE), FakeStore()
    with mosquitto(tmp_path) as server:
        gateway = Gateway(client(server, "gateway"))
        async with running(gateway):
            readout = Readout("meter", 0.0, ("elec_power_active",), (1.5,), Status.OK)
            gateway.relay.show(readout, None)
            gateway.read(10)
            await until(lambda: gateway.relay.counters.live == 1 and gateway.relay.counters.batches > 0)
            async with client(server, "person").connect() as session:
                await session.subscribe(f"kvarter/1/{SITE}/#")
                messages = session.messages()
                kept = {message.topic: message async for message in _three(messages)}
            assert set(kept) == {topics.catalogue, topics.status, topics.live("meter")}
            assert all(message.retain for message in kept.values())
            async with running(collector(client(server, "late"), store, tmp_path)):
                await gateway.done()
        async with client(server, "person").connect() as session:
            await session.subscribe(topics.status)
            assert b'"offline"' in (await anext(session.messages())).payload
    assert numbers(store) == list(range(10))


async def _three(messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
    for _ in range(3):
        yield await anext(messages)


async def test_rules_of_the_broker_keep_gateways_apart(tmp_path: Path) -> None:
    """With rules by certificate a gateway cannot write as another, nor read its receipts; its own way is open."""
    ours = authority(tmp_path)
    server_certificate, server_key = ours.issue("server")
    rules = tmp_path / "rules"
    rules.write_text(
        "pattern write kvarter/1/%u/#\npattern read kvarter/1/%u/receipt\n\n"
        "user collector\ntopic read kvarter/1/+/readings/#\ntopic read kvarter/1/+/catalogue\n"
        "topic write kvarter/1/+/receipt\n"
    )
    lines = (
        f"cafile {ours.certificate}",
        f"certfile {server_certificate}",
        f"keyfile {server_key}",
        "require_certificate true",
        "use_identity_as_username true",
        f"acl_file {rules}",
        "allow_anonymous false",
    )

    def with_certificate(name: str, port: int) -> MqttBroker:
        certificate, key = ours.issue(name)
        settings = BrokerSettings(url=f"mqtts://localhost:{port}")
        access = MqttAccess(name, authority=ours.certificate, client_certificate=certificate, client_key=key)
        return MqttBroker(settings, access, limits=LIMITS)

    store = FakeStore()
    with mosquitto(tmp_path, *lines) as server:
        honest = Gateway(with_certificate(SITE, server.port))
        thief = Gateway(with_certificate("thief", server.port))
        thief.read(10)
        collecting = collector(with_certificate("collector", server.port), store, tmp_path)
        async with running(collecting, thief, honest):
            honest.read(1000)
            await honest.done()
            await until(lambda: thief.relay.counters.batches >= 2)
        assert collecting.counters.batches == honest.relay.counters.receipts
    assert thief.spool.backlog().waiting == 10
    assert thief.relay.counters.receipts == 0
    assert numbers(store) == list(range(1000))
