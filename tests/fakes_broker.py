"""A broker that misbehaves as a script says, and a collector without a store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.broker.local import LocalBroker
from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Batch, BrokerClient, BrokerSession, Message
from gateway.wire.batch import decode_batch, decompress
from gateway.wire.receipt import Receipt, encode_receipt
from gateway.wire.topics import Topics

_T = TypeVar("_T")


def _never(_: Message) -> bool:
    return False


@dataclass
class FakeBroker:
    """Implements BrokerClient; every attribute may be changed while sessions are open."""

    clock: Clock
    refusal: str | None = None
    """Why nobody can connect."""
    silent: bool = False
    """Takes publishes and never acknowledges them."""
    forgets: Callable[[Message], bool] = _never
    """Acknowledged and not delivered."""
    denies: Callable[[Message], bool] = _never
    """Refused, and the connection stands."""
    copies: int = 1
    """How often each message is delivered."""
    swaps: bool = False
    """Delivers each message after the one that follows it."""
    hides: Callable[[Message], bool] = _never
    """Delivered to nobody who is connected here."""
    widens: bool = False
    """Delivers every topic to whoever subscribes to one."""
    bytes_per_s: float = float("inf")
    """Of the link between the clients and the broker."""
    attempts: int = 0
    published: list[Message] = field(default_factory=list)
    """What was acknowledged, or would have been."""
    waiting: int = 0
    """Publishes without acknowledgement now."""

    def __post_init__(self) -> None:
        self.local = LocalBroker(queue_length=10_000)
        self._sessions: list[_Session] = []
        self._held: Message | None = None
        self._link_free_s = 0.0

    @asynccontextmanager
    async def connect(self, *, will: Message | None = None) -> AsyncIterator[BrokerSession]:
        self.attempts += 1
        if self.refusal is not None:
            raise SinkUnavailable(self.refusal)
        async with self.local.connect(will=will) as inner:
            session = _Session(self, inner)
            self._sessions.append(session)
            try:
                yield session
            finally:
                self._sessions.remove(session)

    def cut(self) -> None:
        """End every session, as a killed broker does."""
        for session in self._sessions:
            session.cut.set()

    async def carry(self, message: Message) -> list[Message]:
        """Log a message and return what is delivered now."""
        self._link_free_s = max(self._link_free_s, self.clock.monotonic()) + len(message.payload) / self.bytes_per_s
        await self.clock.sleep_until(self._link_free_s)
        self.published.append(message)
        if self.forgets(message):
            return []
        if not self.swaps:
            return [message] * self.copies
        held, self._held = self._held, None if self._held else message
        return [message, held] * self.copies if held else []


async def _next(messages: AsyncIterator[Message]) -> Message:
    return await anext(messages)


class _Session:
    """One client of the broker."""

    def __init__(self, broker: FakeBroker, inner: BrokerSession) -> None:
        self._broker = broker
        self._inner = inner
        self.cut = asyncio.Event()

    async def publish(self, message: Message) -> None:
        if self._broker.denies(message):
            raise SinkUnavailable(f"denied: {message.topic}")
        self._broker.waiting += 1
        try:
            await self._until_cut(self._publish(message))
        finally:
            self._broker.waiting -= 1

    async def _publish(self, message: Message) -> None:
        for delivered in await self._broker.carry(message):
            await self._inner.publish(delivered)
        if self._broker.silent:
            await asyncio.Event().wait()

    async def subscribe(self, topic: str) -> None:
        await self._until_cut(self._inner.subscribe("#" if self._broker.widens else topic))

    async def messages(self) -> AsyncIterator[Message]:
        messages = self._inner.messages()
        while True:
            message = await self._until_cut(_next(messages))
            if not self._broker.hides(message):
                yield message

    async def _until_cut(self, wish: Coroutine[object, object, _T]) -> _T:
        wished, cut = asyncio.ensure_future(wish), asyncio.ensure_future(self.cut.wait())
        try:
            await asyncio.wait({wished, cut}, return_when=asyncio.FIRST_COMPLETED)
            if wished.done():
                return wished.result()
            raise SinkUnavailable("the connection is gone")
        finally:
            wished.cancel()
            cut.cancel()


@dataclass
class FakeCollector:
    """Takes the batches of one site and gives receipts, as far as it is told to."""

    broker: BrokerClient
    clock: Clock
    topics: Topics
    answers: bool = True
    delay_s: float = 0.0
    """Between a batch and its receipt."""
    accepts: tuple[str, ...] = ()
    batches: list[Batch] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    """When each batch came, on the clock."""
    messages: list[Message] = field(default_factory=list)

    @property
    def lines(self) -> set[bytes]:
        """Every line that came at least once."""
        return {line for batch in self.batches for line in batch.lines}

    async def run(self) -> None:
        async with self.broker.connect() as session, asyncio.TaskGroup() as tasks:
            for topic in (self.topics.readings, self.topics.readings_gz, self.topics.catalogue, self.topics.status):
                await session.subscribe(topic)
            async for message in session.messages():
                self.messages.append(message)
                if message.topic in (self.topics.readings, self.topics.readings_gz):
                    tasks.create_task(self._take(session, message), name="fake collector")

    async def _take(self, session: BrokerSession, message: Message) -> None:
        text = decompress(message.payload) if message.topic == self.topics.readings_gz else message.payload
        _, batch = decode_batch(text)
        self.batches.append(batch)
        self.arrived_s.append(self.clock.monotonic())
        if self.answers:
            await self.clock.sleep_until(self.clock.monotonic() + self.delay_s)
            receipt = Receipt(batch.run, batch.first, batch.last, self.accepts)
            await session.publish(Message(self.topics.receipt, encode_receipt(receipt)))
