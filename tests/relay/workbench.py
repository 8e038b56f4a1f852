"""A relay on the bench: a fake spool before it, a fake broker and a fake collector behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

from gateway.core.protocols import Entry
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.wire.topics import Topics
from tests.fakes import FakeClock
from tests.fakes_broker import FakeBroker, FakeCollector
from tests.fakes_spool import FakeSpool

RUN = "a" * 16
EARLIER_RUN = "b" * 16
TOPICS = Topics("house")
ORIGIN = Origin("house", RUN, "1.0", "cafe0001", {"cafe0001": b"catalogue in force", "cafe0000": b"older catalogue"})


@dataclass
class Bench:
    """A relay between a fake spool and a fake broker, with a fake collector behind it."""

    clock: FakeClock
    broker: FakeBroker
    spool: FakeSpool
    collector: FakeCollector
    relay: Relay
    appended: int = 0

    def append(self, count: int = 1, *, size: int = 100) -> None:
        """Put lines of a given size into the spool, each different."""
        for _ in range(count):
            body = b"kvarter,site=house,device=d status=%di" % self.appended
            self.appended += 1
            time_ms = self.clock.utc_ms() + self.appended
            self.spool.append(Entry(body.ljust(size - 21, b"0"), round(self.clock.monotonic() * 1000), time_ms))

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, so that whole conversations fit between them."""
        for _ in range(round(seconds * 10)):
            await self.clock.advance(0.1)

    def arrival_s(self, sequence: int) -> float:
        """Return when a line of this run came first."""
        batches = zip(self.collector.arrived_s, self.collector.batches, strict=True)
        return next(at for at, batch in batches if batch.run == RUN and batch.first <= sequence <= batch.last)

    def sequences(self) -> list[tuple[str, int, int]]:
        """Return run, first and last of each batch that the collector got."""
        return [(batch.run, batch.first, batch.last) for batch in self.collector.batches]


@asynccontextmanager
async def bench(
    settings: RelaySettings | None = None, *, origin: Origin = ORIGIN, collecting: bool = True
) -> AsyncIterator[Bench]:
    """Run everything for the length of the block; the relay is started by `running`."""
    clock = FakeClock()
    broker = FakeBroker(clock)
    spool = FakeSpool(clock, run=RUN, catalogue=origin.catalogue)
    collector = FakeCollector(broker.local, clock, TOPICS)
    relay = Relay(broker, spool, origin=origin, clock=clock, random=Random(1), settings=settings)  # noqa: S311
    made = Bench(clock, broker, spool, collector, relay)
    async with background(*([collector.run()] if collecting else [])):
        await made.pass_time(0.1)
        yield made


@asynccontextmanager
async def background(*coroutines: object) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run coroutines for the length of the block."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]  # type: ignore[call-overload]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
