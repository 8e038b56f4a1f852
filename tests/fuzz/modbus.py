"""Modbus answers in their three framings: through the bus, the conversation and the decoder of the values."""

import struct
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.decode import Decoder
from drivers.modbus.pdu import IdentificationRequest, ReadRequest, Request, identification
from drivers.modbus.plan import Limits, plan_reads
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.spec import PointSpec, Slot, Straight, exact, straight
from drivers.modbus.timing import BusTiming
from drivers.profile import WORDS, Table, ValueType
from gateway.core.errors import DeviceError
from gateway.core.site import LinkSettings
from tests.fakes_stream import ascii_frame, rtu, tcp
from tests.fuzz.codec import Codec, Way, same
from tests.fuzz.modbus_script import (
    UNIT,
    WRAPPINGS,
    Act,
    ScriptedLine,
    SilentClock,
    Step,
    script,
    steps_of,
)

T = TypeVar("T")
_WIDE = (-1e300, 1e300)
_MODULES = ("conversation", "pdu", "unpack", "digits", "checksum")
_MOST_ASKED = 6
_UDP = 0x01
"""Bit of the setup byte; the next two choose the probes."""
LINKS = {
    "rtu": (LinkSettings(id="bus", tcp="192.0.2.1:502", framing="rtu"),) * 2,
    "ascii": (LinkSettings(id="bus", tcp="192.0.2.1:502", framing="ascii"),) * 2,
    "tcp": (LinkSettings(id="bus", tcp="192.0.2.1:502"), LinkSettings(id="bus", udp="192.0.2.1:502")),
}


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


def _points(table: Table, types: Sequence[ValueType], *, start: int = 0, **orders: bool) -> list[PointSpec]:
    specs: list[PointSpec] = []
    address = start
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
    wide = ReadRequest(Table.INPUT, 100, 120)
    next_few = ReadRequest(Table.INPUT, 40, 4)
    discretes = ReadRequest(Table.DISCRETE, 3, 17)
    swapped = _points(Table.INPUT, [ValueType.INT32, ValueType.MOD10K_32], low_byte_first=True)
    return (
        _Question(holding, _decoder(_points(Table.HOLDING, numbers), holding)),
        _Question(holding, _decoder(_points(Table.HOLDING, numbers, low_word_first=True), holding)),
        _Question(few, _decoder(swapped, few)),
        _Question(bits, _decoder(_points(Table.COIL, [ValueType.UINT16] * 10), bits)),
        _Question(IdentificationRequest()),
        _Question(wide, _decoder(_points(Table.INPUT, [ValueType.FLOAT32] * 60, start=100), wide)),
        _Question(next_few, _decoder(_points(Table.INPUT, [ValueType.FLOAT32, ValueType.INT32], start=40), next_few)),
        _Question(discretes, _decoder(_points(Table.DISCRETE, [ValueType.UINT16] * 17, start=3), discretes)),
    )


@cache
def _probes() -> tuple[tuple[Request, ...], ...]:
    first, other, bits = (_questions()[number].request for number in (2, 3, 7))
    return ((first, other), (), (first,), (bits,))


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
    """Play a script: ask until it is over, or asking gives nothing any more."""
    if not arriving:
        return
    questions, setup = _questions(), arriving[0]
    steps = list(steps_of(arriving))
    clock = SilentClock()
    line = ScriptedLine(LINKS[framing][setup & _UDP], WRAPPINGS[framing], steps, clock=clock)
    bus = ModbusBus(line, clock=clock)
    peer = Peer("meter", UNIT, 1.0, probes=_probes()[setup >> 1 & 3])
    for _ in range(min(len(steps), _MOST_ASKED)):
        step = line.next
        if step is None:
            break
        if step.pause_s:
            clock.lapse(step.pause_s)
        question = questions[step.question % len(questions)]
        bus.is_doubtful(peer, question.request)
        with suppress(DeviceError):
            _judge(question, ended(bus.ask(peer, question.request)))


def _judge(question: _Question, answer: bytes) -> None:
    if question.decoder is None:
        assert all(isinstance(text, str) for text in identification(answer).values())
        return
    assert len(answer) == question.request.reply_bytes - 2
    decoded = question.decoder.decode([answer])
    assert all(value is None or abs(value) < 2**70 or isinstance(value, float) for value in decoded.values)


_FLOATS = (
    0.0, -0.0, 1.5, 0.1, -0.3, 230.7, 9999999.0, -9999999.5, 0.5, -2.0, 1e-30, 1e-45, 3.4028234663852886e38, 1e30,
    123456.78,
    float("nan"), float("inf"), 1.1754943508222875e-38, 0.29999998, 16777216.0, 8388608.0, 0.001953125, 5e-8, 1e22,
    6.103515625e-05, 99999.99, 0.333333343, 1.0000001, -4.7683716e-07, 2.0**-7,
)  # fmt: skip


def _conversations() -> tuple[bytes, ...]:
    """Return scripts in which something went wrong before, between or behind good answers."""
    good, late, none = (
        Step(Act.ANSWER, 0, bytes((0, 1)) * 20),
        Step(Act.LATE, 2, b"\0\2" * 4),
        Step(Act.NOTHING, 2),
    )
    few, other, identity = Step(Act.ANSWER, 2, b"\1\2"), Step(Act.ANSWER, 6), Step(Act.ANSWER, 4, b"ABC X1")
    refused = Step(Act.REFUSAL, 2, b"\2")
    return (
        script(good, few, Step(Act.ANSWER, 3, b"\xff"), identity, Step(Act.ANSWER, 7, b"\1\2\3")),
        script(Step(Act.ECHO, 0, b"\1" * 60), Step(Act.ECHO, 4, b"A", cut=1), Step(Act.REFUSAL, 0, b"\6")),
        script(none, none, few, late, other, few),
        script(none, late, late, few, other, refused, refused, few),
        script(few, Step(Act.LATE, 2, is_stray=True, more=True), few, other, other, few),
        script(refused, refused, few, refused, few, Step(Act.REFUSAL, 2, b"\1", more=True), few, few),
        script(none, refused, refused, refused, few, other, few),
        script(none, Step(Act.REFUSAL, 2, is_stray=True, more=True), refused, refused, few, other),
        script(none, none, none, Step(Act.ANSWER, 6, pause_s=61.0), Step(Act.ANSWER, 2, pause_s=4000.0), setup=2),
        script(*[Step(Act.NOTHING, 4)] * 5, few, few, setup=2),
        script(Step(Act.FOREIGN, 0, more=True), good, Step(Act.FOREIGN, 2, is_stray=True, more=True), few),
        script(Step(Act.RAW, 0, bytes(range(40)), more=True), good, Step(Act.RAW, 2, b"\x07\x83\x02", cut=2)),
        script(Step(Act.ANSWER, 4, b"\0" * 8, cut=3), Step(Act.PDU, 4, b"\x2b\x0e\x01\x01\xff\x01\x09\x00\x01A")),
        script(good, few, setup=_UDP),
        script(Step(Act.PDU, 2, b"\x04\x08" + b"\x80" * 8), Step(Act.PDU, 2, b"\x04\x06" + b"\x80" * 6)),
        script(few, none, few, Step(Act.ANSWER, 2, more=True), few, Step(Act.LATE, 6), few, setup=4),
    )


def _values() -> tuple[bytes, ...]:
    """Return scripts whose answers hold numbers of every size."""
    packed = [struct.pack(">f", number) for number in _FLOATS]
    return (
        script(Step(Act.ANSWER, 5, b"".join(packed))),
        script(Step(Act.ANSWER, 5, b"".join(reversed(packed)))),
        *(script(Step(Act.ANSWER, 0, bytes(8) + each + bytes((0x12, 0x34, 0, 9)))) for each in packed[2:20:3]),
        *(script(Step(Act.ANSWER, 6, each + each)) for each in packed[::4]),
        script(Step(Act.ANSWER, 0, b"\x27\x0f" * 30), Step(Act.ANSWER, 1, b"\x27\x10" * 30)),
        script(Step(Act.ANSWER, 0, b"\xff" * 60), Step(Act.ANSWER, 1, bytes(60)), Step(Act.ANSWER, 2, b"\x80\0" * 4)),
    )


def _codec(framing: str) -> Codec:
    framed = {"rtu": lambda pdu: rtu(UNIT, pdu), "ascii": lambda pdu: ascii_frame(UNIT, pdu)}.get(framing)
    read = b"\x04\x08" + bytes(range(8))
    whole = framed(read) if framed else tcp(1, UNIT, read)
    foreign = framed(b"\x10\0\0\0\2\4abcd") if framed else tcp(9, UNIT, read)
    return Codec(
        name=f"modbus-{framing}",
        run=lambda arriving: _run(framing, arriving),
        ways=(
            Way(same, _values()[2:]),
            Way(same, (*_conversations(), *_values()[:2]), is_dear=True),
            # What stands on a line outside of any script, in up to three chunks.
            Way(
                lambda content: script(
                    Step(Act.RAW, content[0] & 7, content[1:200], cut=content[0] >> 4 & 3, more=True),
                    Step(Act.RAW, content[0] & 7, content[200:450]),
                )
                if content
                else b"",
                (b"\x02" + whole, b"\x22" + foreign + whole, b"\x02" + whole[:-1] + whole, b"\x12" + whole * 3),
            ),
        ),
        words=(
            b"\x03", b"\x83\x02", b"\x2b\x0e", struct.pack(">H", 0x8000), b":", b"\r\n", b"\x00\x00\x00\x06\x07",
            *(Step(act, question).encoded() for act in Act for question in (0, 2, 4)),
            *(struct.pack(">f", number) for number in _FLOATS[:12]), Step(Act.NOTHING, 2).encoded() * 4,
            Step(Act.ANSWER, 6, more=True).encoded(), Step(Act.LATE, 2, is_stray=True, more=True).encoded(),
        ),
        modules=(
            *(f"drivers/modbus/{name}.py" for name in _MODULES if framing != "tcp" or name != "conversation"),
            f"drivers/modbus/{framing}.py",
        ),
        hostile=(
            script(*[Step(Act.NOTHING, 2)] * 40, Step(Act.ANSWER, 2)),
            script(Step(Act.RAW, 4, b"\x00\x01\x00\x00\xff\xff\x07\x03\xff")),
            script(Step(Act.PDU, 4, b"\x2b\x0e\x01\x01\xff\x00\xff" + b"\xff" * 200)),
            script(*[Step(Act.RAW, 0, b":" + b"F" * 250, more=True)] * 47),
            script(*[Step(Act.RAW, 0, b"\x07\x03\xfa" * 80, more=True)] * 47),
        ),
    )  # fmt: skip


def modbus_codecs() -> Sequence[Codec]:
    """Return the codecs of the three framings."""
    return [_codec(framing) for framing in LINKS]
