"""What a collector says of itself on the broker."""

import json
from pathlib import Path

from gateway.broker.local import LocalBroker
from gateway.collector.settings import CollectorSettings, Origin
from gateway.core.protocols import Message
from gateway.wire.topics import Topics
from tests.collector.sending import batch, message
from tests.collector.workbench import TOPICS, bench, fake_broker
from tests.fakes import settle
from tests.fakes_store import FakeStore

NAME = "collector-1"
STATUS = Topics(NAME).status
SETTINGS = CollectorSettings(origin=Origin(NAME, "00000000000000c0", "1.0"))


async def retained(broker: LocalBroker) -> dict[str, object]:
    """Return the retained status, as a dashboard that comes now sees it."""
    async with broker.connect() as session:
        await session.subscribe(STATUS)
        found = json.loads((await anext(session.messages())).payload)
        assert isinstance(found, dict)
        return found


async def test_the_status_tells_who_collects_and_what_went_wrong(tmp_path: Path) -> None:
    """The birth is retained; payloads that are not ours and a store that fails are counted in it within seconds."""
    async with bench(tmp_path, {"store": FakeStore(failures=2)}, settings=SETTINGS) as b:
        birth = await retained(b.local)
        assert (birth["state"], birth["run"], birth["version"]) == ("online", "00000000000000c0", "1.0")
        await b.send(Message(TOPICS.readings, b"\x00\xff"), message(batch(0, 5)))
        counted = b.collector.counters
        await b.until(lambda: (counted.malformed, counted.store_failures) == (1, 2))
        await b.clock.advance(10)
        counters = (await retained(b.local))["counters"]
    assert isinstance(counters, dict)
    assert counters["collector_malformed"] == 1
    assert counters["collector_store_failures"] == 2
    assert counters["collector_dropped"] == 0


async def test_a_collector_that_vanishes_is_offline(tmp_path: Path) -> None:
    """The broker publishes the will when the collector is gone."""
    async with bench(tmp_path, {"store": FakeStore()}, settings=SETTINGS) as b:
        local = b.local
    assert await retained(local) == {"state": "offline", "run": "00000000000000c0"}


async def test_a_broker_that_forbids_the_status_stops_nothing(tmp_path: Path) -> None:
    """Where the rules of the broker do not let a collector tell its status, it collects all the same."""
    broker = fake_broker()
    broker.denies = lambda each: each.topic == STATUS
    async with bench(tmp_path, {"store": FakeStore()}, settings=SETTINGS, broker=broker) as b:
        await b.until(lambda: b.collector.counters.catalogues == 1)
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.receipted(sent)
        assert b.collector.counters.connections == 1


async def test_without_a_name_nothing_is_told(tmp_path: Path) -> None:
    """Within one process the collector has no status of its own."""
    broker = fake_broker()
    async with bench(tmp_path, {"store": FakeStore()}, broker=broker) as b:
        await b.clock.advance(10)
        await settle()
    assert not any(each.topic.endswith("/status") for each in broker.published)
