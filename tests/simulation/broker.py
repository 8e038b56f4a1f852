"""A simulated broker: forgetful over restarts, silent, duplicating, reordering, refusing, swallowing."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import BrokerSession, Message
from tests.simulation.disk import Process

_LATENCY_S = 0.02
_PATIENCE_S = 10.0
"""How long a client waits for an acknowledgement."""
_DELAY_S = 4.0


@dataclass
class SimBroker:
    """Holds sessions and retained messages; its faults may be changed at any time."""

    random: Random
    heard: Callable[[Message], None]
    """Is told of each message that a living client publishes."""
    is_refusing: bool = False
    is_silent: bool = False
    loses: float = 0.0
    """Share of the messages that are acknowledged and delivered to nobody."""
    repeats: float = 0.0
    delays: float = 0.0
    """Share of the messages that arrive after later ones."""
    sessions: list["_Session"] = field(default_factory=list)
    retained: dict[str, Message] = field(default_factory=dict)

    def client(self, process: Process) -> "SimClient":
        """Return the client of a process."""
        return SimClient(self, process)

    def cut(self) -> None:
        """End every connection, as a network does."""
        for session in list(self.sessions):
            session.end()

    def restart(self) -> None:
        """Lose everything that was in memory."""
        self.cut()
        self.retained.clear()

    def take(self, message: Message) -> None:
        """Keep and deliver a message."""
        self.heard(message)
        if self.loses and self.random.random() < self.loses:
            return
        if message.retain:
            self.retained[message.topic] = message
        if self.delays and self.random.random() < self.delays:
            loop = asyncio.get_running_loop()
            loop.call_later(self.random.uniform(0, _DELAY_S), self._deliver, message)
        else:
            self._deliver(message)
        if self.repeats and self.random.random() < self.repeats:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        for session in self.sessions:
            if any(_matches(wanted, message.topic) for wanted in session.filters):
                session.put(Message(message.topic, message.payload))


@dataclass
class SimClient:
    """Implements BrokerClient for one process."""

    broker: SimBroker
    process: Process

    @asynccontextmanager
    async def connect(self, *, will: Message | None = None) -> AsyncIterator[BrokerSession]:
        await asyncio.sleep(_LATENCY_S)
        if self.broker.is_refusing or not self.process.is_alive:
            raise SinkUnavailable("simulated broker: connection refused")
        session = _Session(self.broker, self.process)
        self.broker.sessions.append(session)
        try:
            yield session
        except BaseException:
            session.end()
            if will is not None and not self.broker.is_refusing:
                self.broker.take(will)
            raise
        session.end()


class _Session:
    """Implements BrokerSession."""

    def __init__(self, broker: SimBroker, process: Process) -> None:
        self._broker = broker
        self._process = process
        self._queue: deque[Message] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = asyncio.get_running_loop().create_future()
        self.filters: list[str] = []

    async def publish(self, message: Message) -> None:
        await self._travel()
        self._broker.take(message)
        if self._broker.is_silent:
            await asyncio.wait([self._ended], timeout=_PATIENCE_S)
            raise SinkUnavailable("simulated broker: no acknowledgement")

    async def subscribe(self, topic: str) -> None:
        await self._travel()
        if topic not in self.filters:
            self.filters.append(topic)
        for message in list(self._broker.retained.values()):
            if _matches(topic, message.topic):
                self.put(message)

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            while not self._queue:
                self._check()
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._check()
            yield self._queue.popleft()

    def belongs_to(self, process: Process) -> bool:
        """Return whether it is a connection of this process."""
        return self._process is process

    def put(self, message: Message) -> None:
        """Deliver a message."""
        self._queue.append(message)
        self._wake()

    def end(self) -> None:
        """Lose the connection."""
        if self in self._broker.sessions:
            self._broker.sessions.remove(self)
        if not self._ended.done():
            self._ended.set_result(None)
        self._wake()

    async def _travel(self) -> None:
        self._check()
        await asyncio.sleep(_LATENCY_S)
        self._check()

    def _check(self) -> None:
        if self._ended.done() or not self._process.is_alive:
            raise SinkUnavailable("simulated broker: the connection is gone")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _matches(wanted: str, topic: str) -> bool:
    if wanted == topic:
        return True
    levels, parts = wanted.split("/"), topic.split("/")
    return len(levels) == len(parts) and all(a in ("+", b) for a, b in zip(levels, parts, strict=True))
