import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from gateway.broker.local import LocalBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Message
from gateway.core.quantity import load_vocabulary
from gateway.wire.batch import compress, encode_batch
from gateway.wire.receipt import Receipt
from tests.collector.sending import RUN, SITE, START_MS, batch, catalogue_message, message
from tests.collector.workbench import TOPICS, bench, fake_broker
from tests.fakes import FakeClock, settle
from tests.fakes_store import FakeStore


async def test_a_batch_is_receipted_after_every_store_has_it(tmp_path: Path) -> None:
    """No receipt leaves before the slowest store confirmed."""
    fast, slow = FakeStore(), FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"fast": fast, "slow": slow}) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.until(lambda: bool(fast.writes) and slow.attempts == 1)
        await b.clock.advance(10)
        assert b.receipts == []
        assert slow.gate is not None
        slow.gate.set()
        await b.receipted(sent)
        assert fast.lines == slow.lines == list(sent.lines)
        assert b.receipts == [(SITE, Receipt(RUN, 0, 4, ("gz",)))]


async def test_compressed_batches_are_taken(tmp_path: Path) -> None:
    """A batch in gzip is stored like any other."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 50)
        await b.send(Message(TOPICS.readings_gz, compress(encode_batch(SITE, sent))))
        await b.receipted(sent)
        assert store.lines == list(sent.lines)


async def test_many_small_batches_make_few_writes(tmp_path: Path) -> None:
    """Batches of many sites are written together."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sites = [f"site-{number}" for number in range(20)]
        for site in sites:
            await b.send(catalogue_message(site))
        await b.until(lambda: b.collector.counters.catalogues == 21)
        await b.send(*(message(batch(0, 5, site=site), site) for site in sites))
        await b.until(lambda: len(b.receipts) == 20)
        writes = len(store.writes)
        await b.send(*(message(batch(5, 5, site=site), site) for site in sites))
        await b.until(lambda: len(b.receipts) == 40)
        assert sorted(site for site, _ in b.receipts) == sorted(sites * 2)
        assert len(store.lines) == 200
        assert len(store.writes) - writes <= 3


async def test_a_failing_store_is_asked_again_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While a store answers 503 there is no receipt; its trouble and its recovery are one line each."""
    caplog.set_level(logging.INFO)
    store = FakeStore(failures=5)
    async with bench(tmp_path, {"influx": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.until(lambda: store.failures == 0)
        assert b.receipts == []
        await b.receipted(sent)
        assert store.lines == list(sent.lines)
        assert b.collector.counters.store_failures == 5
    texts = [record.getMessage() for record in caplog.records if "store influx" in record.getMessage()]
    assert texts == [
        "collector: store influx: answers 503: try later; readouts wait here and in their gateways",
        "collector: store influx takes readouts again",
    ]


async def test_a_reply_that_is_cut_off_means_writing_again(tmp_path: Path) -> None:
    """Stored and not confirmed is written once more, the same lines."""
    store = FakeStore(loses_answers=2)
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.receipted(sent)
        assert store.writes == [list(sent.lines)] * 3


async def test_a_dead_store_does_not_starve_the_others_nor_fill_the_memory(tmp_path: Path) -> None:
    """With one store down the other goes on being written; what the dead one has no room for comes again."""
    alive, dead = FakeStore(), FakeStore(failures=1_000_000)
    settings = CollectorSettings(waiting_bytes=20_000)
    async with bench(tmp_path, {"alive": alive, "dead": dead}, settings=settings) as b:
        sent = [batch(number * 100, 100) for number in range(20)]
        for each in sent:
            await b.send(message(each))
            await b.until(lambda each=each: each.lines[-1] in alive.lines)  # type: ignore[misc]
        assert b.receipts == []
        assert b.collector.counters.abandoned > 10
        dead.failures = 0
        await b.until(lambda: len(b.receipts) + b.collector.counters.abandoned == len(sent))
        await b.send(*map(message, b.without_receipt(sent)))
        await b.until(lambda: len(b.receipts) + b.collector.counters.abandoned >= len(sent))
        while missing := b.without_receipt(sent):
            await b.send(message(missing[0]))
            await b.receipted(missing[0])
        assert set(dead.lines) == set(alive.lines) == {text for each in sent for text in each.lines}


async def test_without_room_batches_are_dropped_and_come_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Memory is bounded while the store is slow; what was dropped has no receipt, so that it is sent again."""
    store = FakeStore(gate=asyncio.Event())
    settings = CollectorSettings(capacity_bytes=20_000, waiting_bytes=20_000, write_bytes=10_000)
    async with bench(tmp_path, {"store": store}, settings=settings) as b:
        sent = [batch(number * 100, 100) for number in range(20)]
        for each in sent:
            await b.send(message(each))
            await b.clock.advance(0.5)
        dropped = b.collector.counters.dropped
        assert dropped >= 10
        assert store.gate is not None
        store.gate.set()
        await b.until(lambda: len(b.receipts) + dropped == len(sent))
        while missing := b.without_receipt(sent):
            await b.send(message(missing[0]))
            await b.receipted(missing[0])
        assert len(store.lines) == 2000
    assert caplog.text.count("batches come faster than they are stored") == 1


async def test_collectors_of_a_group_share_the_work(tmp_path: Path) -> None:
    """Each batch is stored by one member, and every member knows every catalogue."""
    store, other_store = FakeStore(), FakeStore()
    settings = CollectorSettings(group="g")
    async with bench(tmp_path / "one", {"store": store}, settings=settings) as b:
        surroundings = Surroundings(b.clock, Random(2), load_vocabulary(), tmp_path / "two")  # noqa: S311
        other = Collector(b.local, {"store": other_store}, surroundings=surroundings, settings=settings)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(other.run(asyncio.Event()), name="other collector")
            await b.until(lambda: other.counters.catalogues == 1)
            sent = [batch(number * 5, 5) for number in range(10)]
            await b.send(*map(message, sent))
            await b.receipted(*sent)
            running.cancel()
        assert len(b.receipts) == 10
        assert len(store.lines) == len(other_store.lines) == 25


async def test_receipts_survive_a_lost_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was stored while the broker was away is receipted when it is back, and the log stays short."""
    caplog.set_level(logging.INFO)
    store, fake = FakeStore(gate=asyncio.Event()), fake_broker()
    async with bench(tmp_path, {"store": store}, broker=fake) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.until(lambda: store.attempts == 1)
        fake.refusal = "broker: nothing listens there"
        fake.cut()
        await b.until(lambda: fake.attempts > 3)
        assert not b.collector.connected
        assert store.gate is not None
        store.gate.set()
        await b.until(lambda: bool(store.writes))
        fake.refusal = None
        await b.receipted(sent)
        assert b.collector.connected
        assert b.collector.counters.connections == 2
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == "collector: the connection is gone"
    assert texts[-1] == "collector: connected to the broker again"
    assert len(texts) <= 3


async def test_stopping_ends_the_write_in_hand(tmp_path: Path) -> None:
    """What is checked already is written and receipted before the collector ends."""
    store = FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"store": store}) as b:
        sent = [batch(number * 5, 5) for number in range(2)]
        await b.send(message(sent[0]))
        await b.until(lambda: store.attempts == 1)
        await b.send(message(sent[1]))
        await b.until(lambda: b.collector.counters.batches == 2)
        b.stop.set()
        await settle()
        assert store.gate is not None
        store.gate.set()
        await b.receipted(*sent)


async def test_stopping_does_not_wait_for_a_dead_store(tmp_path: Path) -> None:
    """After the stopping time the collector ends without receipt; the batch comes again to the next one."""
    store = FakeStore(gate=asyncio.Event())
    settings = CollectorSettings(stop_s=0.01)
    clock, local = FakeClock(utc_ms=START_MS), LocalBroker()
    surroundings = Surroundings(clock, Random(1), load_vocabulary(), tmp_path)  # noqa: S311
    collector = Collector(local, {"store": store}, surroundings=surroundings, settings=settings)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks, local.connect() as session:
        running = tasks.create_task(collector.run(stop), name="collector")
        await session.publish(catalogue_message())
        await settle()
        await session.publish(message(batch(0, 1)))
        while store.attempts == 0:
            await clock.advance(0.05)
        stop.set()
        await running
    assert collector.counters.receipts == 0
