"""A conversation on a Modbus line, written in bytes: what the line does to each request in turn.

A step is three bytes and its content: what happens and when, which question is asked next, how long the content is.
Answers are made from the request that was really sent, so that a script gets past the first of them whatever is asked.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from drivers.link import Link, Receiver, Turn
from drivers.modbus.checksum import crc16, lrc8
from drivers.modbus.pdu import IdentificationRequest
from gateway.core.clock import Clock
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings
from tests.fakes import FakeClock

T = TypeVar("T")
UNIT = 7
MOST_STEPS = 48
_STRAY, _CUT, _PAUSE, _MORE = 0x08, 0x30, 0x40, 0x80
_PAUSE_S, _LONG_PAUSE_S = 61.0, 4000.0
_LONG = 0x80
_BITS = (1, 2)


class Act(IntEnum):
    """What comes."""

    RAW = 0
    """The content as it is."""
    PDU = 1
    """The content in a frame of the unit."""
    ANSWER = 2
    """What was asked for, made of the content."""
    REFUSAL = 3
    """An exception, its code the content's first byte."""
    ECHO = 4
    """The request, as an adapter hears it, and the answer."""
    LATE = 5
    """The answer to the request before."""
    FOREIGN = 6
    """The answer, of another unit and of another transaction."""
    NOTHING = 7


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one request, or a part of it."""

    act: Act
    question: int
    content: bytes = b""
    is_stray: bool = False
    """It comes before the request is sent."""
    cut: int = 0
    """Quarters of it that come first."""
    pause_s: float = 0.0
    """Before the request."""
    more: bool = False
    """The next step belongs to the same request."""

    def encoded(self) -> bytes:
        """Return the step as bytes."""
        head = self.act | _STRAY * self.is_stray | self.cut << 4 | _PAUSE * bool(self.pause_s) | _MORE * self.more
        question = self.question | _LONG * (self.pause_s > _PAUSE_S)
        return bytes((head, question, len(self.content))) + self.content


def script(*steps: Step, setup: int = 0) -> bytes:
    """Return a script; the setup byte chooses link and probes."""
    return bytes((setup,)) + b"".join(step.encoded() for step in steps)


def steps_of(octets: bytes) -> Iterator[Step]:
    """Yield the steps of a script behind its setup byte."""
    at = 1
    for _ in range(MOST_STEPS):
        if at + 3 > len(octets):
            return
        head, question, size = octets[at : at + 3]
        pause_s = 0.0 if not head & _PAUSE else _LONG_PAUSE_S if question & _LONG else _PAUSE_S
        yield Step(
            Act(head & 7),
            question & ~_LONG,
            octets[at + 3 : at + 3 + size],
            is_stray=bool(head & _STRAY),
            cut=(head & _CUT) >> 4,
            pause_s=pause_s,
            more=bool(head & _MORE),
        )
        at += 3 + size


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How one framing carries a PDU."""

    opened: Callable[[bytes], bytes]
    """Request → its PDU."""
    framed: Callable[[int, int, bytes], bytes]
    """Transaction, unit, PDU → frame."""


def _rtu(_: int, unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def _ascii(_: int, unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return b":" + (body + bytes((lrc8(body),))).hex().upper().encode() + b"\r\n"


def _tcp(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction & 0xFFFF, 0, (len(pdu) + 1) & 0xFFFF, unit) + pdu


WRAPPINGS = {
    "rtu": Wrapping(lambda request: request[1:-2], _rtu),
    "ascii": Wrapping(lambda request: bytes.fromhex(request[3:-4].decode()), _ascii),
    "tcp": Wrapping(lambda request: request[7:], _tcp),
}


class SilentClock(FakeClock):
    """Lets time pass without anybody who waits."""

    def lapse(self, seconds: float) -> None:
        """Move on."""
        self._move_to(self.monotonic() + seconds)


class ScriptedLine(Link):
    """A link on which happens what a script says."""

    def __init__(self, settings: LinkSettings, wrapping: Wrapping, steps: Sequence[Step], *, clock: Clock) -> None:
        super().__init__(settings, open_stream=_closed, clock=clock)
        self._wrapping = wrapping
        self._steps = list(steps)
        self._before = b""
        self._number = 0

    @property
    def next(self) -> Step | None:
        """What happens next, None where the script is over."""
        return self._steps[0] if self._steps else None

    async def exchange(self, turn: Turn, receiver: Receiver[T]) -> T | None:
        assert turn.request
        self._number += 1
        pdu = self._wrapping.opened(turn.request)
        taken = list(self._taken())
        for step in taken:
            if step.is_stray:
                receiver.stray(self._octets(step, turn.request, pdu))
        receiver.sent()
        found = next(filter(None, (self._heard(step, turn.request, pdu, receiver) for step in taken)), None)
        self._before = pdu
        return found

    def _taken(self) -> Iterator[Step]:
        while self._steps:
            step = self._steps.pop(0)
            yield step
            if not step.more:
                return

    def _heard(self, step: Step, request: bytes, pdu: bytes, receiver: Receiver[T]) -> T | None:
        """Return the answer that the step's bytes complete, fed as they are cut."""
        if step.is_stray:
            return None
        octets = self._octets(step, request, pdu)
        place = len(octets) * step.cut // 4
        answers = [receiver.feed(chunk) for chunk in (octets[:place], octets[place:]) if chunk]
        return next((answer for answer in answers if answer is not None), None)

    def _octets(self, step: Step, request: bytes, pdu: bytes) -> bytes:
        framed, content, number = self._wrapping.framed, step.content, self._number
        answer = answer_to(self._before or pdu if step.act is Act.LATE else pdu, content)
        match step.act:
            case Act.RAW | Act.NOTHING:
                return content if step.act is Act.RAW else b""
            case Act.PDU:
                return framed(number, UNIT, content)
            case Act.REFUSAL:
                return framed(number, UNIT, bytes((pdu[0] | 0x80, content[0] if content else 2)))
            case Act.FOREIGN:
                return framed(number + 1, UNIT + 1, answer)
            case Act.LATE:
                return framed(number - 1, UNIT, answer)
        return (request if step.act is Act.ECHO else b"") + framed(number, UNIT, answer)


def answer_to(pdu: bytes, content: bytes) -> bytes:
    """Return the answer to a request, its registers, bits or texts made of the content."""
    function = pdu[0]
    if function == IdentificationRequest().function:
        return IdentificationRequest().head + b"\x01\x01\x00\x00\x01\x00" + bytes((len(content),)) + content
    count = int.from_bytes(pdu[3:5], "big")
    size = (count + 7) // 8 if function in _BITS else 2 * count
    return bytes((function, size & 0xFF)) + content[:size].ljust(size, b"\0")


async def _closed(_: LinkSettings) -> Stream:
    raise AssertionError("the bytes come from the script")
