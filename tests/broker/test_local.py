import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.broker.local import LocalBroker
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import BrokerSession, Message
from tests.fakes import settle


async def take(messages: AsyncIterator[Message], count: int) -> list[Message]:
    """Return the next messages."""
    return [await anext(messages) for _ in range(count)]


async def test_every_subscriber_gets_a_message_once() -> None:
    """Overlapping filters of one session deliver one copy, and messages keep their order."""
    broker = LocalBroker()
    async with broker.connect() as sender, broker.connect() as receiver:
        await receiver.subscribe("a/#")
        await receiver.subscribe("a/+")
        await sender.publish(Message("a/1", b"first"))
        await sender.publish(Message("b/1", b"not asked for"))
        await sender.publish(Message("a/2", b"second"))
        got = await take(receiver.messages(), 2)
    assert got == [Message("a/1", b"first"), Message("a/2", b"second")]


async def test_retained_messages_come_with_the_subscription() -> None:
    """The last retained message comes to a new subscription marked as retained; an empty one removes it."""
    broker = LocalBroker()
    async with broker.connect() as sender, broker.connect() as receiver:
        for topic, payload in (("a", b"old"), ("a", b"new"), ("b", b"gone"), ("b", b"")):
            await sender.publish(Message(topic, payload, retain=True))
        await receiver.subscribe("$share/g/#")
        await receiver.subscribe("+")
        await sender.publish(Message("c", b"now", retain=True))
        got = await take(receiver.messages(), 2)
    assert got == [Message("a", b"new", retain=True), Message("c", b"now")]


async def test_members_of_a_group_share_the_messages() -> None:
    """Each message goes to one member of a group, in turn, and to all who ask outside the group."""
    broker = LocalBroker()
    async with broker.connect() as one, broker.connect() as two, broker.connect() as alone:
        for member in (one, two):
            await member.subscribe("$share/g/a")
        await alone.subscribe("a")
        for number in range(6):
            await one.publish(Message("a", b"%d" % number))
        counts = [len(await take(session.messages(), count)) for session, count in ((one, 3), (two, 3), (alone, 6))]
    assert counts == [3, 3, 6]


async def test_a_full_queue_holds_the_publisher_back() -> None:
    """A publisher waits for a slow subscriber, and goes on when it takes a message or leaves."""
    broker = LocalBroker(queue_length=2)
    done: list[int] = []

    async def publish(session: BrokerSession) -> None:
        for number in range(4):
            await session.publish(Message("a", b""))
            done.append(number)

    async with broker.connect() as sender, asyncio.TaskGroup() as tasks, broker.connect() as receiver:
        await receiver.subscribe("a")
        tasks.create_task(publish(sender), name="publish")
        await settle()
        assert done == [0, 1]
        await take(receiver.messages(), 1)
        await settle()
        assert done == [0, 1, 2]
    assert done == [0, 1, 2, 3]


async def test_the_will_of_a_vanished_session_is_published() -> None:
    """A block left by an error has vanished and leaves its will; a block that ends does not."""
    broker = LocalBroker()
    will = Message("status", b"offline", retain=True)
    async with broker.connect() as watcher:
        await watcher.subscribe("status")
        async with broker.connect(will=will):
            pass
        with pytest.raises(RuntimeError):
            async with broker.connect(will=will):
                raise RuntimeError
        await watcher.publish(Message("status", b"end"))
        got = await take(watcher.messages(), 2)
    assert [message.payload for message in got] == [b"offline", b"end"]


async def test_an_ended_session_takes_and_gives_nothing() -> None:
    """After its block a session raises SinkUnavailable everywhere."""
    async with LocalBroker().connect() as session:
        await session.subscribe("a")
        await session.publish(Message("a", b"last"))
    messages = session.messages()
    assert await anext(messages) == Message("a", b"last")
    with pytest.raises(SinkUnavailable):
        await anext(messages)
    with pytest.raises(SinkUnavailable):
        await session.publish(Message("a", b""))
    with pytest.raises(SinkUnavailable):
        await session.subscribe("a")


async def test_what_mqtt_forbids_is_refused() -> None:
    """Neither a wildcard topic to publish on nor a broken filter is accepted."""
    broker = LocalBroker()
    async with broker.connect() as session:
        with pytest.raises(SinkUnavailable, match="not a topic to publish on"):
            await session.publish(Message("a/+", b""))
        with pytest.raises(SinkUnavailable, match="not a topic filter"):
            await session.subscribe("a/#/b")
    with pytest.raises(SinkUnavailable):
        async with broker.connect(will=Message("#", b"")):
            pass
