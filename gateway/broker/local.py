"""A broker in this process: what `kvarter run` passes batches through, and what tests connect to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.broker.filters import Filter, is_topic, parse_filter
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import BrokerSession, Message


class LocalBroker:
    """Delivers messages between its sessions; a publisher waits for a subscriber whose queue is full.

    Args:
        queue_length: Messages that may wait for one session.
    """

    def __init__(self, *, queue_length: int = 64) -> None:
        self._queue_length = queue_length
        self._sessions: list[_Session] = []
        self._retained: dict[str, Message] = {}
        self._turns: dict[Filter, int] = {}

    @asynccontextmanager
    async def connect(self, *, will: Message | None = None) -> AsyncIterator[BrokerSession]:
        """Open a session; a block that is left by an error or by cancellation has vanished, and its will is published.

        Raises:
            SinkUnavailable: the will's topic is not one.
        """
        if will is not None:
            _check_topic(will.topic)
        session = _Session(self, self._queue_length)
        self._sessions.append(session)
        try:
            yield session
        except BaseException:
            self._leave(session)
            if will is not None:
                self._bequeath(will)
            raise
        self._leave(session)

    async def publish(self, message: Message) -> None:
        """Return when every session that asked for the message has it in its queue.

        Raises:
            SinkUnavailable: the topic is not one.
        """
        _check_topic(message.topic)
        for session in self._receivers(message):
            await session.deliver(Message(message.topic, message.payload))

    def retained(self, wanted: Filter) -> list[Message]:
        """Return the retained messages that a new subscription gets."""
        return [message for topic, message in self._retained.items() if wanted.matches(topic)]

    def _receivers(self, message: Message) -> list["_Session"]:
        """Keep the message if it is retained, and return the sessions that get it now, each once."""
        if message.retain:
            self._retained.pop(message.topic, None)
            if message.payload:
                self._retained[message.topic] = message
        receivers: list[_Session] = []
        shared: dict[Filter, list[_Session]] = {}
        for session in self._sessions:
            matching = [wanted for wanted in session.filters if wanted.matches(message.topic)]
            if any(wanted.group is None for wanted in matching):
                receivers.append(session)
            for wanted in matching:
                if wanted.group is not None:
                    shared.setdefault(wanted, []).append(session)
        for wanted, members in shared.items():
            turn = self._turns.get(wanted, 0)
            self._turns[wanted] = turn + 1
            if members[turn % len(members)] not in receivers:
                receivers.append(members[turn % len(members)])
        return receivers

    def _bequeath(self, will: Message) -> None:
        for session in self._receivers(will):
            session.offer(Message(will.topic, will.payload))

    def _leave(self, session: "_Session") -> None:
        self._sessions.remove(session)
        session.close()


class _Session:
    """One client of a local broker."""

    def __init__(self, broker: LocalBroker, queue_length: int) -> None:
        self._broker = broker
        self._queue_length = queue_length
        self._queue: deque[Message] = deque()
        self._closed = False
        self._wakers: set[asyncio.Future[None]] = set()
        self.filters: list[Filter] = []

    async def publish(self, message: Message) -> None:
        """Return when every session that asked for the message has it in its queue.

        Raises:
            SinkUnavailable: the topic is not one, or this session has ended.
        """
        self._check_open()
        await self._broker.publish(message)

    async def subscribe(self, topic: str) -> None:
        """Ask for a topic filter; retained messages come at once, but not to a shared subscription.

        Raises:
            SinkUnavailable: this is not a topic filter, or this session has ended.
        """
        self._check_open()
        wanted = parse_filter(topic)
        if wanted is None:
            raise SinkUnavailable(f"local broker: {topic!r} is not a topic filter")
        if wanted not in self.filters:
            self.filters.append(wanted)
        if wanted.group is None:
            for message in self._broker.retained(wanted):
                self.offer(message)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives.

        Raises:
            SinkUnavailable: this session has ended.
        """
        while True:
            while not self._queue:
                self._check_open()
                await self._change()
            message = self._queue.popleft()
            self._wake()
            yield message

    async def deliver(self, message: Message) -> None:
        """Return when the message is in the queue, or this session has ended."""
        while not self._closed and len(self._queue) >= self._queue_length:
            await self._change()
        self.offer(message)

    def offer(self, message: Message) -> None:
        """Put the message into the queue, however full: for what comes once and cannot wait."""
        if not self._closed:
            self._queue.append(message)
            self._wake()

    def close(self) -> None:
        """End the session; nobody waits for it any more."""
        self._closed = True
        self._wake()

    async def _change(self) -> None:
        waker = asyncio.get_running_loop().create_future()
        self._wakers.add(waker)
        try:
            await waker
        finally:
            self._wakers.discard(waker)

    def _wake(self) -> None:
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)

    def _check_open(self) -> None:
        if self._closed:
            raise SinkUnavailable("local broker: this session has ended")


def _check_topic(topic: str) -> None:
    if not is_topic(topic):
        raise SinkUnavailable(f"local broker: {topic!r} is not a topic to publish on")
