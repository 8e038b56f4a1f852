import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.core.protocols import Entry, Message
from gateway.core.quantity import load_vocabulary
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.topics import Topics
from tests.collector.sending import RUN, SITE, START_MS, catalogue
from tests.fakes import FakeClock, settle
from tests.fakes_broker import FakeBroker
from tests.fakes_spool import FakeSpool
from tests.fakes_store import FakeStore

CATALOGUE = encode_catalogue(catalogue())
ORIGIN = Origin(SITE, RUN, "1.0", catalogue_id(CATALOGUE), {catalogue_id(CATALOGUE): CATALOGUE})


@dataclass
class Way:
    """From a spool over a broker into a store, with everything in between as in production."""

    clock: FakeClock
    broker: FakeBroker
    spool: FakeSpool
    store: FakeStore
    relay: Relay
    collector: Collector
    appended: int = 0

    def append(self) -> None:
        """Put one more line into the spool."""
        body = b"kvarter,site=house,device=meter elec_power_active=%d.5,status=0i" % self.appended
        self.appended += 1
        self.spool.append(Entry(body, 0, self.clock.utc_ms() + self.appended % 5))

    async def live(self, seconds: int, *, lines: int = 5) -> None:
        """Let a gateway read some devices each second."""
        for _ in range(seconds):
            for _ in range(lines):
                self.append()
            for _ in range(10):
                await self.clock.advance(0.1)

    async def until_empty(self) -> None:
        """Wait until everything has a receipt; the test's own time limit ends a vain wait."""
        while self.spool.backlog().waiting:
            await self.clock.advance(0.1)

    def is_complete(self) -> bool:
        """Whether the store has every line, each once."""
        values = sorted(int(line.split(b"=")[3].split(b".")[0]) for line in self.store.lines)
        return values == list(range(self.appended))


@asynccontextmanager
async def way(data: Path, *, settings: RelaySettings | None = None) -> AsyncIterator[Way]:
    """Run it for the length of the block."""
    clock = FakeClock(utc_ms=START_MS)
    broker, spool, store = FakeBroker(clock), FakeSpool(clock, run=RUN, catalogue=ORIGIN.catalogue), FakeStore(clock)
    relay = Relay(broker, spool, origin=ORIGIN, clock=clock, random=Random(1), settings=settings)  # noqa: S311
    surroundings = Surroundings(clock, Random(2), load_vocabulary(), data)  # noqa: S311
    collector = Collector(broker, {"store": store}, surroundings=surroundings, settings=CollectorSettings())
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(relay.run(), name="relay"),
            tasks.create_task(collector.run(asyncio.Event()), name="collector"),
        ]
        while collector.counters.catalogues == 0:
            await settle()
        made = Way(clock, broker, spool, store, relay, collector)
        made.append()
        while spool.backlog().waiting:
            await clock.advance(0.01)
        yield made
        for task in running:
            task.cancel()


async def test_every_line_is_stored_once(tmp_path: Path) -> None:
    """On a good day nothing is sent twice, and batches are compressed as soon as the collector is known."""
    async with way(tmp_path) as w:
        await w.live(30)
        await w.until_empty()
        assert w.is_complete()
        assert w.collector.counters.duplicates == w.relay.counters.overdue == 0
        assert w.relay.counters.compressed >= w.relay.counters.batches - 3


async def test_a_broker_that_acknowledges_and_forgets_loses_nothing(tmp_path: Path) -> None:
    """Everything that a broker swallows is sent again for want of a receipt."""
    async with way(tmp_path) as w:
        lottery = Random(3)  # noqa: S311
        w.broker.forgets = lambda _: lottery.random() < 0.3
        await w.live(60)
        await w.until_empty()
        assert w.is_complete()


async def test_a_broker_that_dies_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """Connections end in the middle of everything; what was under way is sent again, and stored once."""
    async with way(tmp_path) as w:
        for _ in range(10):
            await w.live(3)
            w.broker.refusal = "down"
            w.broker.cut()
            await w.live(3)
            w.broker.refusal = None
        await w.until_empty()
        assert w.is_complete()


async def test_duplicates_and_disorder_end_in_one_row_each(tmp_path: Path) -> None:
    """Whatever a broker does to the order and number of messages, each line is stored once."""
    async with way(tmp_path) as w:
        await w.live(5)
        w.broker.copies, w.broker.swaps = 4, True
        await w.live(30)
        w.broker.swaps = False
        await w.until_empty()
        assert w.is_complete()
        assert sum(map(len, w.store.writes)) == w.appended


@pytest.mark.parametrize("kind", ["failures", "loses_answers"])
async def test_a_failing_store_loses_nothing(tmp_path: Path, kind: str) -> None:
    """Refused and unanswered writes are repeated until they are confirmed."""
    async with way(tmp_path) as w:
        await w.live(5)
        setattr(w.store, kind, 20)
        await w.live(60)
        await w.until_empty()
        assert w.is_complete()


async def test_a_slow_store_holds_nothing_in_memory_for_long(tmp_path: Path) -> None:
    """Behind a store that takes 30 s for each write everything arrives, and little is written twice."""
    async with way(tmp_path) as w:
        w.store.takes_s = 30
        await w.live(300)
        w.store.takes_s = 0
        await w.until_empty()
        assert w.is_complete()
        assert sum(map(len, w.store.writes)) <= 1.2 * w.appended


async def test_a_poisonous_line_leaves_a_gap_and_never_blocks(tmp_path: Path) -> None:
    """A line that the store never takes is receipted, and the store knows that something is missing."""
    async with way(tmp_path) as w:
        w.store.refuses = lambda line: "conflict" if b"=7.5," in line else None
        await w.live(10)
        await w.until_empty()
        gaps = [line for line in w.store.lines if line.startswith(b"#")]
        assert len(gaps) == 1
        assert b"kind=gap,cause=refused,device=meter" in gaps[0]
        assert len(w.store.lines) == w.appended
        path = tmp_path / "dead-letters" / "dead-letters.jsonl"
        assert json.loads(path.read_bytes())["sequence"] == 7


async def test_what_others_publish_on_our_topics_changes_nothing(tmp_path: Path) -> None:
    """While a stranger publishes rubbish on every topic of the site, every line is stored once."""
    topics = Topics(SITE)
    async with way(tmp_path) as w, w.broker.local.connect() as stranger:
        for number in range(30):
            for topic in (topics.readings, topics.readings_gz, topics.receipt, topics.catalogue, topics.status):
                await stranger.publish(Message(topic, b"rubbish %d" % number))
            await w.live(1)
        await w.until_empty()
        assert w.is_complete()
        assert w.relay.counters.malformed_receipts >= 29
        assert w.collector.counters.malformed >= 90
