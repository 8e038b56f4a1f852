"""Modbus answers in their three framings: through the bus, the conversation and the decoder of the values."""

import struct
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from drivers.link import Link, Receiver, Turn
from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.decode import Decoder
from drivers.modbus.pdu import IdentificationRequest, ReadRequest, Request, identification
from drivers.modbus.plan import Limits, plan_reads
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.spec import PointSpec, Slot, Straight, exact, straight
from drivers.modbus.timing import BusTiming
from drivers.profile import WORDS, Table, ValueType
from gateway.core.errors import DeviceError
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings
from tests.fakes import FakeClock
from tests.fakes_stream import ascii_frame, rtu, tcp
from tests.fuzz.codec import Codec, Way

T = TypeVar("T")
UNIT = 7
_WIDE = (-1e300, 1e300)
_MODULES = ("conversation", "pdu", "unpack", "digits", "checksum")
LINKS = {
    "rtu": LinkSettings(id="bus", tcp="192.0.2.1:502", framing="rtu"),
    "ascii": LinkSettings(id="bus", tcp="192.0.2.1:502", framing="ascii"),
    "tcp": LinkSettings(id="bus", tcp="192.0.2.1:502"),
}


async def _closed(_: LinkSettings) -> Stream:
    raise AssertionError("the bytes come from the fuzzer")


class _Line(Link):
    """A link on which chunks arrive: the first before the request, the others behind it."""

    chunks: Sequence[bytes] = ()

    async def exchange(self, turn: Turn, receiver: Receiver[T]) -> T | None:
        assert turn.request
        before, *behind = self.chunks
        if before:
            receiver.stray(before)
        receiver.sent()
        for chunk in behind:
            answer = receiver.feed(chunk)
            if answer is not None:
                return answer
        return None


@dataclass(frozen=True, slots=True)
class _Question:
    request: Request
    decoder: Decoder | None = None


def _decoder(specs: Sequence[PointSpec], request: ReadRequest) -> Decoder:
    timing = BusTiming(RtuFraming(), 0.001, 0.02)
    blocks = plan_reads(specs, limits=Limits(), bus=timing).blocks
    (block,) = blocks
    assert (block.table, block.address, block.count) == (request.table, request.address, request.count)
    return Decoder([spec.name for spec in specs], {spec.name: spec for spec in specs}, blocks)


def _points(table: Table, types: Sequence[ValueType], **orders: bool) -> list[PointSpec]:
    specs: list[PointSpec] = []
    address = 0
    for number, kind in enumerate(types):
        words = 1 if table in (Table.COIL, Table.DISCRETE) else 4 if kind is ValueType.STRING else WORDS[kind]
        slot = Slot(table, address, words, kind, **orders)
        line = straight(exact(0.1), exact(0)) if kind is ValueType.FLOAT32 else Straight(1, 0, 1)
        more: dict[str, Any] = {"states": {1: 1}, "straight": line} if kind is ValueType.STRING else {"straight": line}
        specs.append(PointSpec(name=f"point_{number}", slots=(slot,), limits=_WIDE, **more))
        address += words
    return specs


@cache
def _questions() -> tuple[_Question, ...]:
    numbers = [
        ValueType.UINT16, ValueType.INT16, ValueType.UINT32, ValueType.FLOAT32, ValueType.BCD16, ValueType.BCD32,
        ValueType.MOD10K_32, ValueType.UINT48, ValueType.INT64, ValueType.FLOAT64, ValueType.MOD10K_64,
    ]  # fmt: skip
    words = sum(WORDS[kind] for kind in numbers)
    holding = ReadRequest(Table.HOLDING, 0, words)
    few = ReadRequest(Table.INPUT, 0, 4)
    bits = ReadRequest(Table.COIL, 0, 10)
    swapped = _points(Table.INPUT, [ValueType.INT32, ValueType.MOD10K_32], low_byte_first=True)
    return (
        _Question(holding, _decoder(_points(Table.HOLDING, numbers), holding)),
        _Question(holding, _decoder(_points(Table.HOLDING, numbers, low_word_first=True), holding)),
        _Question(few, _decoder(swapped, few)),
        _Question(bits, _decoder(_points(Table.COIL, [ValueType.UINT16] * 10), bits)),
        _Question(IdentificationRequest()),
    )


def ended(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError("it waits for something")


def _run(framing: str, arriving: bytes) -> None:
    """Ask one question twice; what arrives is cut into chunks as its first two bytes say."""
    if len(arriving) < 2:
        return
    questions = _questions()
    question = questions[arriving[0] % len(questions)]
    octets, cut = arriving[2:], arriving[1]
    clock = FakeClock()
    line = _Line(LINKS[framing], open_stream=_closed, clock=clock)
    bus = ModbusBus(line, clock=clock)
    peer = Peer("meter", UNIT, 1.0, probes=(questions[2].request, questions[3].request))
    before, place = (octets[: cut & 0x0F], octets[cut & 0x0F :]) if cut & 0x80 else (b"", octets)
    middle = len(place) * (cut >> 4 & 0x07) // 8
    line.chunks = (before, place[:middle], place[middle:])
    for _ in range(2 if cut & 0x08 else 1):
        try:
            answer = ended(bus.ask(peer, question.request))
        except DeviceError:
            continue
        _judge(question, answer)


def _judge(question: _Question, answer: bytes) -> None:
    if question.decoder is None:
        assert all(isinstance(text, str) for text in identification(answer).values())
        return
    assert len(answer) == question.request.reply_bytes - 2
    decoded = question.decoder.decode([answer])
    assert all(value is None or abs(value) < 2**70 or isinstance(value, float) for value in decoded.values)


def _answers() -> tuple[bytes, ...]:
    """Return a good answer to each question, behind the two bytes that choose it."""
    found = []
    for number, question in enumerate(_questions()):
        request = question.request
        if isinstance(request, ReadRequest):
            size = request.reply_bytes - 2
            content = bytes((0, 1)) * (size // 2) + bytes(size % 2)
            found.append(bytes((number, 0x30)) + request.head + content)
        else:
            found.append(bytes((number, 0x30)) + request.head + b"\x01\x01\x00\x00\x02\x00\x03ABC\x01\x02X1")
    refused = bytes((0, 0x30, 0x83, 2))
    return (*found, refused)


def _wrapped(framing: str, content: bytes) -> bytes:
    head, pdu = content[:2], content[2:]
    if framing == "tcp":
        return head + tcp(1, UNIT, pdu)
    return head + (rtu(UNIT, pdu) if framing == "rtu" else ascii_frame(UNIT, pdu))


def _merged(framing: str, content: bytes) -> bytes:
    """Return two frames: of another unit, or of another transaction, and the awaited one."""
    head, pdu = content[:2], content[2:]
    if framing == "tcp":
        return head + tcp(0xFFFF, UNIT, pdu[::-1]) + tcp(1, UNIT, pdu)
    frame = rtu if framing == "rtu" else ascii_frame
    return head + frame(UNIT + 1, pdu) + frame(UNIT, pdu)


def _codec(framing: str) -> Codec:
    seeds = _answers()
    return Codec(
        name=f"modbus-{framing}",
        run=lambda arriving: _run(framing, arriving),
        ways=(
            Way(lambda content: _wrapped(framing, content), seeds),
            Way(lambda content: _merged(framing, content), seeds[1:4]),
        ),
        words=(b"\x03", b"\x83\x02", b"\x2b\x0e", struct.pack(">H", 0x8000), b":", b"\r\n", b"\x00\x00\x00\x06\x07"),
        modules=(
            *(f"drivers/modbus/{name}.py" for name in _MODULES if framing != "tcp" or name != "conversation"),
            f"drivers/modbus/{framing}.py",
        ),
        hostile=(
            b"\x04\x30\x00\x01\x00\x00\xff\xff\x07\x03\xff",
            b"\x00\x30" + rtu(UNIT, b"\x2b\x0e\x01\x01\xff\x00\xff" + b"\xff" * 200),
            b"\x00\x30:" + b"F" * 40_000,
        ),
    )


def modbus_codecs() -> Sequence[Codec]:
    """Return the codecs of the three framings."""
    return [_codec(framing) for framing in LINKS]
