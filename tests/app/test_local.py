"""The service's local socket, with the service's link on a fake port."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.link import Link
from drivers.link_talk import Talk
from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.pdu import ReadRequest
from drivers.profile import Table
from gateway.app.local import LocalDoor
from gateway.app.local_port import find_service, service_link, traced
from gateway.app.local_words import socket_path
from gateway.core.errors import LinkDown, NoAnswer, Refused
from gateway.core.site import LinkSettings
from tests.fakes_stream import Answers, FakeMeter, FakePort, LoopClock, rtu

BUS = LinkSettings(id="bus", serial="/dev/fake", baudrate=9600, parity="none")
ASKED, SAID = b"\x10\x5b\x01\x5c\x16", b"\xe5"
METER = FakeMeter({3: {0: 17, 1: 18}})


def line(frame: bytes) -> Answers:
    """Answer as an M-Bus meter and a Modbus unit on one line do."""
    if frame == ASKED:
        return [(0.01, SAID)]
    if frame[:1] != b"\x01":
        return []
    pdu = frame[1:-2]
    return [(0.01, rtu(1, METER.pdu(pdu) if pdu[0] == 3 else bytes((pdu[0] | 0x80, 1))))]


@dataclass(frozen=True, slots=True)
class Host:
    """A door with a link behind it."""

    environment: dict[str, str]
    link: Link
    port: FakePort
    serving: "asyncio.Task[None]"


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Host]:
    """Serve for the block."""
    environment, port, clock = {"RUNTIME_DIRECTORY": str(folder)}, FakePort(line), LoopClock()
    path = socket_path("house", environment)
    door = LocalDoor(path, clock=clock)
    link = Link(BUS, open_stream=port.open, clock=clock, trace=door.trace("bus"))
    door.offer(link, [1])
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(door.serve(), name="door")
        async with asyncio.timeout(10):
            while not path.exists():  # noqa: ASYNC110 - another task makes it
                await asyncio.sleep(0.01)
        yield Host(environment, link, port, serving)
        serving.cancel()


@asynccontextmanager
async def guest(served: Host) -> AsyncIterator[Link]:
    """Yield the link of somebody who came through the door."""
    found = await find_service(BUS, served.environment)
    assert found is not None
    async with service_link(*found, clock=LoopClock()) as link:
        yield link


def bus_of(link: Link) -> ModbusBus:
    return link.companion(ModbusBus, lambda: pytest.fail("the link has a bus already"))


async def test_a_guest_asks_by_the_bus_of_the_service(tmp_path: Path) -> None:
    """Registers, refusals and silence reach the guest as on a port of its own."""
    async with service(tmp_path) as served, guest(served) as link:
        bus = bus_of(link)
        assert await bus.ask(Peer("meter", 1, 1.0), ReadRequest(Table.HOLDING, 0, 2)) == bytes((0, 17, 0, 18))
        with pytest.raises(Refused, match="illegal address"):
            await bus.ask(Peer("meter", 1, 1.0), ReadRequest(Table.HOLDING, 5, 1))
        with pytest.raises(NoAnswer, match="unit 2"):
            await bus.ask(Peer("meter", 2, 0.1), ReadRequest(Table.HOLDING, 0, 1))
        assert served.link.counters.requests == 3


async def test_a_guest_talks_another_protocol_on_the_port_of_the_service(tmp_path: Path) -> None:
    """A dialogue has the port for itself; the service has it again behind it."""

    async def dialogue(talk: Talk) -> bytes:
        talk.send(ASKED)
        return await talk.receive(timeout_s=2.0)

    async with service(tmp_path) as served, guest(served) as link:
        for _ in range(3):
            assert await link.talk(dialogue) == SAID
        async with asyncio.timeout(5):
            assert await served.link.talk(dialogue) == SAID


async def test_a_guest_can_send_nothing_that_writes(tmp_path: Path) -> None:
    """A Modbus frame in a dialogue does not leave, and the guest is sent away."""

    async def dialogue(talk: Talk) -> bytes:
        talk.send(rtu(1, bytes((6, 0, 1, 0, 2))))
        return await talk.receive(timeout_s=2.0)

    async with service(tmp_path) as served, guest(served) as link:
        with pytest.raises(LinkDown, match="only reads"):
            await link.talk(dialogue)
        assert [frame for stream in served.port.opened for frame in stream.written] == []


async def test_a_trace_tells_what_the_service_does(tmp_path: Path) -> None:
    """Both directions come with their bytes, from the moment of asking."""
    async with service(tmp_path) as served:
        found = await find_service(BUS, served.environment)
        assert found is not None
        bus = served.link.companion(ModbusBus, lambda: ModbusBus(served.link, clock=LoopClock()))
        seen = []

        async def poll() -> None:
            while True:
                await bus.ask(Peer("meter", 1, 1.0), ReadRequest(Table.HOLDING, 0, 1))
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
            polling = tasks.create_task(poll(), name="poll")
            async with aclosing(traced(found[0], "bus")) as passing:
                async for answer in passing:
                    seen.append(answer)
                    if len(seen) > 3:
                        break
            polling.cancel()
    assert {answer.direction for answer in seen} == {"out", "in"}
    assert all(answer.traced for answer in seen)


@pytest.mark.parametrize("said", [b"rubbish\n", b"{}\n", b'{"do":"ask","link":"bus","table":"holding","count":999}\n',
                                  b'{"do":"take","link":"no"}\n'])  # fmt: skip
async def test_nonsense_is_answered_and_the_door_stays_open(tmp_path: Path, said: bytes) -> None:
    """Who says what makes no sense is told so, and can go on."""
    async with service(tmp_path) as served:
        reader, writer = await asyncio.open_unix_connection(str(socket_path("house", served.environment)))
        writer.write(said)
        assert json.loads(await reader.readline())["error"] == "wrong"
        writer.write(b'{"do":"links"}\n')
        assert len(json.loads(await reader.readline())["links"]) == 1
        writer.close()
        await writer.wait_closed()


async def test_without_a_service_nobody_is_found(tmp_path: Path) -> None:
    """A socket that nobody listens on is no service, and the port is opened directly."""
    async with service(tmp_path) as served:
        environment = served.environment
    assert await find_service(BUS, environment) is None
