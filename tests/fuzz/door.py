"""The loop behind the local socket: what a visitor says, line by line, and what the service answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from drivers.link import Link
from drivers.link_talk import Talk
from drivers.scan.harmless import changes_something
from gateway.app.local import LocalDoor
from gateway.app.local_words import MAX_LINE_BYTES, Answer, Said
from gateway.core.errors import LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings
from tests.fakes import FakeClock
from tests.fuzz.codec import Codec, Way, same
from tests.fuzz.modbus_script import UNIT, WRAPPINGS, Act, ScriptedLine, Step

T = TypeVar("T")
_BUS = LinkSettings(id="bus", tcp="192.0.2.1:502", framing="rtu")
_DOWN = LinkSettings(id="down", tcp="192.0.2.2:502")
_STEPS = (
    Step(Act.ANSWER, 0, b"\1\2"),
    Step(Act.REFUSAL, 0, b"\2"),
    Step(Act.NOTHING, 0),
    Step(Act.RAW, 0, b"\xff" * 9),
)


_CUT_OFF = b"\x01\x04"
"""A request that the port does not survive."""


class _Reader(asyncio.StreamReader):
    """Lets others run before each line, as a socket does."""

    async def readline(self) -> bytes:
        await asyncio.sleep(0)
        return await super().readline()


class _Writer:
    """What a stream writer does for the loop; it keeps the lines that were written."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.is_closed = False

    def is_closing(self) -> bool:
        return self.is_closed

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    async def drain(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.is_closed = True


class _Talk:
    """What a link lends: it takes everything, and says one byte."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        assert not changes_something(frame)
        if frame.startswith(_CUT_OFF):
            raise LinkDown("gone")
        self.sent.append(frame)

    def set_baudrate(self, baudrate: int) -> None:
        assert 300 <= baudrate <= 4_000_000

    async def receive(self, *, timeout_s: float) -> bytes:
        if len(self.sent) == 1:
            self.sent.append(b"")
            return b"\1"
        await asyncio.sleep(timeout_s)
        return b""

    async def drain(self, *, silence_s: float) -> None:
        """Nothing more comes."""
        assert silence_s


class _Lent(ScriptedLine):
    """A link whose port visitors may have."""

    async def talk(self, dialogue: Callable[[Talk], Awaitable[T]]) -> T:
        return await dialogue(cast("Talk", _Talk()))


async def _refused(_: LinkSettings) -> Stream:
    raise LinkDown("nobody is there")


async def _told(_: Said) -> Mapping[str, object]:
    return {"state": "online"}


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _run(arriving: bytes) -> None:
    """Let a visitor say this and leave: every line but the empty end is answered, or the visit is over."""
    clock = FakeClock()
    door = LocalDoor(Path("/nowhere"), clock=clock)
    door.offer(_Lent(_BUS, WRAPPINGS["rtu"], _STEPS, clock=clock), (UNIT,))
    door.offer(Link(_DOWN, open_stream=_refused, clock=clock))
    door.answer("status", _told)
    writer = _Writer()
    _loop().run_until_complete(_visited(door, arriving, writer))
    assert writer.is_closed
    for line in writer.lines:
        Answer.model_validate_json(line)


async def _visited(door: LocalDoor, arriving: bytes, writer: _Writer) -> None:
    reader = _Reader(limit=MAX_LINE_BYTES)
    reader.feed_data(arriving)
    reader.feed_eof()
    # The loop itself, because a socket for each input costs a hundred times more than what is tried.
    visit = cast("Callable[..., asyncio.Future[None]]", door._visit)  # noqa: SLF001
    await visit(reader, cast("asyncio.StreamWriter", writer))


def _door() -> Codec:
    ask = b'{"do":"ask","link":"bus","unit":7,"table":"holding","address":0,"count":2}\n'
    seeds = (
        b'{"do":"links"}\n{"do":"status"}\n{"do":"reload"}\n',
        ask * 7,
        ask.replace(b"}", b',"probes":[{"table":"coil","address":1,"count":1}]}')
        + b'{"do":"ask","link":"bus","unit":7}\n',
        ask.replace(b'"bus"', b'"down"') + ask.replace(b"2}", b"9999}"),
        b'{"do":"take","link":"down"}\n{"do":"send","hex":"0103"}\n{"do":"speed","baudrate":300}\n{"do":"give"}\n',
        b'{"do":"take","link":"bus"}\n{"do":"send","hex":"0103000000018 40a"}\n{"do":"give"}\n{"do":"links"}\n',
        b'{"do":"take","link":"bus"}\n{"do":"send","hex":"010300000001840a"}\n{"do":"speed","baudrate":300}\n',
        b'{"do":"take","link":"bus"}\n{"do":"send","hex":"010600010002"}\n',
        b'{"do":"take","link":"bus"}\n{"do":"links"}\n',
        b'{"do":"take","link":"bus"}\n{"do":"send","hex":"01040000000131ca"}\n{"do":"give"}\n',
        b'{"do":"trace","link":"bus"}\n\n',
        b'{"do":"ask","link":"none"}\nnonsense\n[]\n{"do":"links"}',
    )
    single = (
        ask,
        ask.replace(b'"unit":7', b'"unit":8'),
        b'{"do":"links"}\n',
        b'{"do":"take","link":"down"}\n',
        b'{"do":"take","link":"none"}\n',
        b'{"do":"give"}\n',
    )
    return Codec(
        name="door",
        run=_run,
        ways=(Way(same, single), Way(same, seeds, is_dear=True)),
        words=(
            b'"do"', b'"take"', b'"links"', b"\n", b"null", b"[", b"{", b"}", b'"', b"-1", b"1e999", b"NaN", b'"down"',
            b"65536", b"\r\n", b"\xff", b'"link":"bus"', b'{"do":"links"}\n',
        ),
        modules=("gateway/app/local.py",),
        hostile=(b"[" * 40_000, b"[" * 16_000 + b"\n", b'{"hex":"' + b"0" * 40_000 + b'"}\n', b"\n" * 2000),
    )  # fmt: skip


def door_codecs() -> Sequence[Codec]:
    """Return the codec of the loop behind the local socket."""
    return [_door()]
