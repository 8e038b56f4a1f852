"""Sites and collectors for tests: their files, simulated devices behind them, and an ear at the broker."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from gateway.broker.access import MqttAccess
from gateway.broker.mqtt import MqttBroker
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Message
from gateway.core.site import BrokerSettings
from tests.e2e.commands import RunningRole, running, until

SITE = "soenderborg-12"
METER = "eastron/sdm630"
"""Profile of the simulated meters."""
AGAIN_S = 0.1
ANSWER_S = 10.0

T = TypeVar("T")
Tree = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated device that serves."""

    role: RunningRole
    address: str
    """HOST:PORT, or the path of its pseudo-terminal."""
    log: Path
    """What it answered."""


@contextmanager
def simulated(folder: Path, name: str, *options: str | Path, profile: str = METER) -> Iterator[Simulated]:
    """Serve a profile on a free port for the block."""
    served, printed = folder / f"{name}.served", folder / f"{name}.log"
    arguments = ("simulate", profile, "--listen", "127.0.0.1:0", "--log", served, *options)
    with running(*arguments, log=printed) as role:
        until(lambda: " on 127.0.0.1:" in role.log, what=f"the simulated {name}")
        yield Simulated(role, role.log.split(" on ")[1].split()[0], served)


def write_site(
    path: Path, *, broker: str, links: Mapping[str, Tree], devices: Sequence[Tree], site: str = SITE
) -> Path:
    """Write a site file; links by their id."""
    tree = {
        "site": site,
        "clock": "trusted",
        "data": str(path.with_suffix(".data")),
        "spool": {"size_mib": 16},
        "broker": {"url": broker},
        "links": [{"id": name, **link} for name, link in links.items()],
        "devices": list(devices),
    }
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def write_collector(path: Path, *, broker: str, stores: Sequence[Tree], group: str | None = None) -> Path:
    """Write a collector file."""
    tree = {
        "broker": {"url": broker},
        "sites": ["soenderborg-*"],
        "data": str(path.with_suffix(".data")),
        "stores": list(stores),
        **({"group": group} if group else {}),
    }
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


class Aside:
    """An event loop in a thread of its own, for servers that go on while a test waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aside")
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Open a server; it is closed at the end, or by `close`."""
        return asyncio.run_coroutine_threadsafe(self._stack.enter_async_context(server), self._loop).result(ANSWER_S)

    def close(self) -> None:
        """Close all servers."""
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(ANSWER_S)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(slots=True)
class Ear:
    """Everything that came on some topics, also over a broker that comes and goes."""

    url: str
    topics: Sequence[str]
    heard: list[Message] = field(default_factory=list)

    def on(self, topic: str) -> list[Message]:
        """Return what came on one topic."""
        return [message for message in self.heard if message.topic == topic]

    def counters(self, who: str = SITE) -> dict[str, int]:
        """Return what the last birth of a site, or of whoever's name begins so, says that went wrong."""
        for message in reversed(self.heard):
            if message.topic.startswith(f"kvarter/1/{who}") and message.topic.endswith("/status"):
                tree = json.loads(message.payload)
                if "counters" in tree:
                    return {str(name): int(count) for name, count in tree["counters"].items()}
        return {}

    async def listen(self, stop: asyncio.Event) -> None:
        """Listen until stopped."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(), name="ear")
            await stop.wait()
            listening.cancel()

    async def _listen(self) -> None:
        broker = MqttBroker(BrokerSettings(url=self.url), MqttAccess("ear"))
        while True:
            with suppress(SinkUnavailable):
                async with broker.connect() as session:
                    for topic in self.topics:
                        await session.subscribe(topic)
                    async for message in session.messages():
                        self.heard.append(message)
            await asyncio.sleep(AGAIN_S)


@contextmanager
def listening(url: str, *topics: str) -> Iterator[Ear]:
    """Listen at a broker for the block, beside the test."""
    ear, stop = Ear(url, topics), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(ear.listen(stop),), name="ear")
    thread.start()
    try:
        yield ear
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
