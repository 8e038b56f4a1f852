"""A collector on the bench: a broker before it, fake stores behind it, and a gateway that talks to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from gateway.broker.local import LocalBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.collector.statuses import Told
from gateway.core.protocols import Batch, Message, Store
from gateway.core.quantity import load_vocabulary
from gateway.wire.receipt import Receipt, decode_receipt
from gateway.wire.topics import Topics
from tests.collector.sending import SITE, START_MS, catalogue_message
from tests.fakes import FakeClock, settle
from tests.fakes_broker import FakeBroker

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
    told: Told | None = None,
) -> AsyncIterator[Bench]:
    """Run everything for the length of the block."""
    clock = broker.clock if broker is not None and isinstance(broker.clock, FakeClock) else FakeClock(utc_ms=START_MS)
    local = LocalBroker(queue_length=10_000) if broker is None else broker.local
    surroundings = Surroundings(clock, Random(1), load_vocabulary(), data)  # noqa: S311
    collector = Collector(broker or local, stores, surroundings=surroundings, settings=settings, told=told)
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
