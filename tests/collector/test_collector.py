import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from gateway.broker.local import LocalBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Batch, Message, Store
from gateway.core.quantity import load_vocabulary
from gateway.wire.batch import compress, encode_batch
from gateway.wire.line import parse_line
from gateway.wire.receipt import Receipt, decode_receipt
from gateway.wire.topics import Topics
from tests.collector.sending import RUN, SITE, START_MS, batch, catalogue_message, line, message
from tests.fakes import FakeClock, settle
from tests.fakes_broker import FakeBroker
from tests.fakes_store import FakeStore

TOPICS = Topics(SITE)


@dataclass
class Bench:
    """A collector between a broker and fake stores, and a gateway that talks to it."""

    clock: FakeClock
    local: LocalBroker
    collector: Collector
    stop: asyncio.Event
    data: Path
    receipts: list[tuple[str, Receipt]] = field(default_factory=list)
    """With the site of each."""

    async def send(self, *messages: Message) -> None:
        """Publish as a gateway does."""
        async with self.local.connect() as session:
            for each in messages:
                await session.publish(each)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something has come about; the test's own time limit ends a vain wait."""
        while not condition():
            await self.clock.advance(0.05)

    async def receipted(self, *sent: Batch) -> None:
        """Wait until every batch has a receipt."""
        await self.until(lambda: not self.without_receipt(sent))

    def without_receipt(self, sent: Iterable[Batch]) -> list[Batch]:
        """Return the batches that have no receipt yet."""
        done = {(r.run, r.first, r.last) for _, r in self.receipts}
        return [each for each in sent if (each.run, each.first, each.last) not in done]

    def letters(self) -> list[dict[str, object]]:
        """Return the dead letters."""
        path = self.data / "dead-letters" / "dead-letters.jsonl"
        return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []

    async def listen(self) -> None:
        """Hear every receipt."""
        async with self.local.connect() as session:
            await session.subscribe("kvarter/1/+/receipt")
            async for each in session.messages():
                self.receipts.append((each.topic.split("/")[2], decode_receipt(each.payload)))


@asynccontextmanager
async def bench(
    data: Path,
    stores: Mapping[str, Store],
    *,
    settings: CollectorSettings | None = None,
    broker: FakeBroker | None = None,
) -> AsyncIterator[Bench]:
    """Run everything for the length of the block."""
    clock = broker.clock if broker is not None and isinstance(broker.clock, FakeClock) else FakeClock(utc_ms=START_MS)
    local = LocalBroker(queue_length=10_000) if broker is None else broker.local
    surroundings = Surroundings(clock, Random(1), load_vocabulary(), data)  # noqa: S311
    collector = Collector(broker or local, stores, surroundings=surroundings, settings=settings)
    made = Bench(clock, local, collector, asyncio.Event(), data)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(made.stop), name="collector")
        listening = tasks.create_task(made.listen(), name="gateway")
        await settle()
        await made.send(catalogue_message())
        await made.until(lambda: broker is not None or collector.counters.catalogues == 1)
        yield made
        for task in (running, listening):
            task.cancel()


def fake_broker() -> FakeBroker:
    return FakeBroker(FakeClock(utc_ms=START_MS))


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
            await b.clock.advance(0.5)
        await b.until(lambda: len(alive.lines) == 2000)
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


async def test_a_line_that_the_checks_refuse_becomes_a_gap_and_a_dead_letter(tmp_path: Path) -> None:
    """The rest of its batch is stored, the batch is receipted, and the store says what is missing."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        bad = line(1).replace(b"elec_power_active", b"elec_nonsense")
        sent = batch(0, 3, lines=[line(0), bad, line(2)])
        await b.send(message(sent))
        await b.receipted(sent)
        gap = parse_line(store.lines[-1])
        assert store.lines[:-1] == [line(0), line(2)]
        assert gap.tags == {"site": SITE, "kind": "gap", "cause": "refused", "device": "meter"}
        assert gap.fields == {"from": START_MS + 1, "to": START_MS + 1, "count": 1}
        assert gap.time_ms == START_MS + 1
        letters = b.letters()
        assert [(each["sequence"], each["by"], each["line"]) for each in letters] == [(1, "collector", bad.decode())]
        assert b.collector.counters.refused == 1


async def test_a_line_that_a_store_refuses_becomes_a_gap_in_all_stores(tmp_path: Path) -> None:
    """Its dead letter names the store, everything else is stored, and the receipt follows the gap."""
    strict, easy = FakeStore(refuses=lambda text: "type conflict" if text == line(1) else None), FakeStore()
    async with bench(tmp_path, {"strict": strict, "easy": easy}) as b:
        sent = batch(0, 3)
        await b.send(message(sent))
        await b.receipted(sent)
        assert strict.lines[:2] == [line(0), line(2)]
        for store in (strict, easy):
            gap = parse_line(store.lines[-1])
            assert (gap.tags["device"], gap.fields["from"], gap.time_ms) == ("meter", START_MS + 1, START_MS + 1)
        assert [(each["sequence"], each["by"], each["reason"]) for each in b.letters()] == [
            (1, "strict", "type conflict")
        ]


@pytest.mark.parametrize("position", [0, 1, 499, 999])
async def test_one_poisonous_line_costs_nothing_else_wherever_it_stands(tmp_path: Path, position: int) -> None:
    """All other lines of a large batch are stored."""
    store = FakeStore(refuses=lambda text: "poison" if text == line(position) else None)
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1000)
        await b.send(message(sent))
        await b.receipted(sent)
        assert set(sent.lines) - set(store.lines) == {line(position)}
        assert len(store.lines) == 1000


async def test_a_store_that_refuses_even_the_gap_stops_nothing(tmp_path: Path) -> None:
    """A refused gap is said and not followed by another."""
    store = FakeStore(refuses=lambda _: "read-only")
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert store.lines == []
        assert [each["sequence"] for each in b.letters()] == [0, 1]


async def test_a_batch_of_nothing_but_garbage_is_receipted_with_its_gaps(tmp_path: Path) -> None:
    """Refused lines without believable place each leave a gap of their own."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 3, lines=[b"garbage %d" % number for number in range(3)])
        await b.send(message(sent))
        await b.receipted(sent)
        assert len({parse_line(text).time_ms for text in store.lines}) == 3


async def test_a_full_disk_stops_no_receipt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Dead letters that cannot be written are said; the gap in the store still declares the loss."""
    (tmp_path / "dead-letters").write_text("in the way")
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1, lines=[b"garbage"])
        await b.send(message(sent))
        await b.receipted(sent)
        assert b.collector.counters.disk_failures == 1
    assert "dead letters cannot be written" in caplog.text


async def test_a_batch_that_comes_again_is_receipted_again_and_stored_once(tmp_path: Path) -> None:
    """Duplicates in hand wait for the receipt; duplicates of what is stored get it at once."""
    store = FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent), message(sent), message(sent))
        await b.until(lambda: b.collector.counters.duplicates == 2)
        assert store.gate is not None
        store.gate.set()
        await b.receipted(sent)
        assert len(b.receipts) == 1
        await b.send(message(sent))
        await b.until(lambda: len(b.receipts) == 2)
        assert store.writes == [list(sent.lines)]


async def test_after_a_while_a_batch_is_written_again(tmp_path: Path) -> None:
    """A store that was restored from a backup gets again what gateways replay."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 5)
        await b.send(message(sent))
        await b.receipted(sent)
        await b.clock.advance(121)
        await b.send(message(sent))
        await b.until(lambda: len(b.receipts) == 2)
        assert store.writes == [list(sent.lines)] * 2


async def test_readouts_that_come_again_in_other_batches_are_known(tmp_path: Path) -> None:
    """A gateway cuts what it sends again as it likes; each cut gets its receipt, and nothing is written twice."""
    store = FakeStore(gate=asyncio.Event())
    async with bench(tmp_path, {"store": store}) as b:
        first, second, both = batch(0, 5), batch(5, 5), batch(0, 10)
        await b.send(message(first), message(second))
        await b.until(lambda: b.collector.counters.batches == 2)
        await b.send(message(both), message(batch(2, 6)))
        await b.until(lambda: b.collector.counters.duplicates == 2)
        assert store.gate is not None
        store.gate.set()
        await b.receipted(first, second, both, batch(2, 6))
        await b.send(message(batch(3, 4)))
        await b.receipted(batch(3, 4))
        assert [text for write in store.writes for text in write] == [*first.lines, *second.lines]


async def test_without_its_catalogue_a_batch_waits_in_its_gateway(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no receipt and one line in the log; when the catalogue is there the batch is taken."""
    caplog.set_level(logging.INFO)
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = batch(0, 1, site="new")
        await b.send(message(sent, "new"), message(sent, "new"))
        await b.until(lambda: b.collector.counters.lacking == 2)
        assert store.writes == []
        await b.send(catalogue_message("new"), message(sent, "new"))
        await b.receipted(sent)
    texts = [record.getMessage() for record in caplog.records]
    assert sum("never came" in text for text in texts) == 1
    assert texts[-1] == "collector: new: the catalogue is here"


async def test_a_lacking_catalogue_is_asked_for_again(tmp_path: Path) -> None:
    """A retained catalogue that was lost on its way comes with a new subscription."""
    store, fake = FakeStore(), fake_broker()
    fake.hides = lambda each: each.topic == TOPICS.catalogue
    async with bench(tmp_path, {"store": store}, broker=fake) as b:
        sent = batch(0, 1)
        await b.send(message(sent))
        await b.until(lambda: b.collector.counters.lacking == 1)
        fake.hides = lambda _: False
        await b.clock.advance(31)
        await b.send(message(sent))
        await b.until(lambda: b.collector.counters.catalogues == 1)
        await b.send(message(sent))
        await b.receipted(sent)


async def test_what_is_not_ours_is_counted_and_harmless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Garbage, bombs, foreign headers and foreign topics cost a counter and one line in the log, and nothing else."""
    store, fake = FakeStore(), fake_broker()
    fake.widens = True
    bomb = compress(bytes(50_000_000))
    bad = [
        Message(TOPICS.readings, b""),
        Message(TOPICS.readings, b"\xff" * 1000),
        Message(TOPICS.readings, encode_batch("other", batch(0, 1))),
        Message(TOPICS.readings, encode_batch(SITE, replace(batch(0, 3), last=9))),
        Message(TOPICS.readings, b"x" * 2_000_000),
        Message(TOPICS.readings_gz, b"not gzip"),
        Message(TOPICS.readings_gz, bomb),
        Message(TOPICS.readings_gz, compress(b"hello")[:-4]),
        Message(TOPICS.catalogue, b"[" * 100_000),
        Message(TOPICS.catalogue, catalogue_message("other").payload),
    ]
    strange = [
        Message("zigbee2mqtt/lamp", b"{}"),
        Message("kvarter/1/House/readings", b""),
        Message("kvarter/2/house/x", b""),
    ]
    async with bench(tmp_path, {"store": store}, broker=fake) as b:
        await b.send(*bad, *strange)
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert b.collector.counters.malformed == len(bad)
        assert b.collector.counters.unsolicited >= len(strange)
        assert store.lines == list(sent.lines)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 3


async def test_only_the_named_sites_are_collected(tmp_path: Path) -> None:
    """Batches of other sites are ignored, without receipt."""
    store = FakeStore()
    settings = CollectorSettings(sites=("hous?", "b-*"))
    async with bench(tmp_path, {"store": store}, settings=settings) as b:
        await b.send(catalogue_message("other"), message(batch(0, 1, site="other"), "other"))
        await b.send(message(batch(0, 1)))
        await b.receipted(batch(0, 1))
        assert b.collector.counters.foreign == 2
        assert [site for site, _ in b.receipts] == [SITE]


async def test_one_bad_site_blocks_no_other(tmp_path: Path) -> None:
    """While one site sends nothing but rubbish, the batches of another are stored at once."""
    store = FakeStore(refuses=lambda text: "never" if b"site=bad" in text and b"_event" not in text else None)
    async with bench(tmp_path, {"store": store}) as b:
        await b.send(catalogue_message("bad"))
        for number in range(50):
            await b.send(Message(Topics("bad").readings, b"rubbish %d" % number))
            await b.send(message(batch(number * 10, 10, site="bad"), "bad"))
            await b.send(message(batch(number, 1)))
        await b.receipted(*(batch(number, 1) for number in range(50)))
        assert {line(number) for number in range(50)} <= set(store.lines)


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


async def test_stores_learn_what_the_lines_mean_before_they_get_them(tmp_path: Path) -> None:
    """A store is told each catalogue with the time of its first line, and again when backlog has an earlier one."""
    store = FakeStore(failures=1)
    async with bench(tmp_path, {"store": store}) as b:
        for first in (100, 110, 50, 60):
            sent = batch(first, 2)
            await b.send(message(sent))
            await b.receipted(sent)
        assert store.told == [(SITE, START_MS + 100)] * 2 + [(SITE, START_MS + 50)]


async def test_a_store_that_missed_a_catalogue_is_told_again(tmp_path: Path) -> None:
    """What one store had no room for takes its catalogue along when it comes again."""
    alive, dead = FakeStore(), FakeStore(failures=1_000_000)
    settings = CollectorSettings(waiting_bytes=100)
    async with bench(tmp_path, {"alive": alive, "dead": dead}, settings=settings) as b:
        await b.send(message(batch(100, 5)))
        await b.until(lambda: dead.attempts > 0)
        await b.send(message(batch(0, 5)))
        await b.until(lambda: b.collector.counters.abandoned == 1)
        dead.failures = 0
        await b.receipted(batch(100, 5))
        await b.send(message(batch(0, 5)))
        await b.receipted(batch(0, 5))
        assert dead.told[-1] == (SITE, START_MS)


async def test_two_gateways_under_one_id_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cloned SD card is said within a minute of readings, and the readings of both are stored."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        sent = [
            batch(second, 1, run=run, lines=[line(second * 1000 + offset)])
            for second in range(0, 80, 10)
            for run, offset in ((RUN, 0), ("b" * 16, 1))
        ]
        await b.send(*map(message, sent))
        await b.receipted(*sent)
        assert len(store.lines) == 16
        assert b.collector.counters.twins > 0
    assert caplog.text.count("two gateways seem to send under this id") == 1


async def test_a_collector_whose_clock_is_wrong_refuses_nothing_for_it(tmp_path: Path) -> None:
    """While no time service vouches for its clock, a collector does not judge what lies ahead."""
    store = FakeStore()
    async with bench(tmp_path, {"store": store}) as b:
        b.clock.is_synchronised = False
        b.clock.step_wall(-400 * 86_400_000)
        sent = batch(0, 2)
        await b.send(message(sent))
        await b.receipted(sent)
        assert store.lines == list(sent.lines)
