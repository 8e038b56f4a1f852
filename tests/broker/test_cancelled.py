import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest

from gateway.broker.access import MqttLimits
from gateway.broker.mqtt import MqttSession
from gateway.core.protocols import Message


class HastyClient:
    """A library whose waits return, cancelled or not, as `asyncio.wait_for` of Python 3.11 does now and then."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def publish(self, *_: object, **__: object) -> None:
        """Return only when the wait is cancelled, as if the acknowledgement had come just then."""
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def subscribe(self, *_: object, **__: object) -> list[int]:
        """Return only when the wait is cancelled, as if the broker had granted it just then."""
        await self.publish()
        return [1]


@pytest.mark.parametrize("call", ["publish", "subscribe"])
async def test_a_cancellation_that_the_library_swallows_ends_the_call(call: str) -> None:
    """A publish or a subscribe that is cancelled raises, although what it waits for comes at the same moment."""
    client = HastyClient()
    session = MqttSession(cast("Any", client), "mqtt://broker", MqttLimits())
    asked = session.publish(Message("a/b", b"")) if call == "publish" else session.subscribe("a/#")
    task = asyncio.ensure_future(asked)
    await client.asked.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
