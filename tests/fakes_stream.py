"""A fake Stream, the devices behind it, and a loop whose time passes at once.

Frames are built here by other code than the drivers' own, so that both cannot be wrong in the same way.
"""

import asyncio
import heapq
import selectors
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from gateway.core.errors import LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings

T = TypeVar("T")
Answers = Iterable[tuple[float, bytes]]
"""Delay after the request in seconds, and the bytes that then arrive."""


class _VirtualSelector(selectors.SelectSelector):
    """Instead of waiting, moves the time of its loop."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        self.now_s += max(0.0, timeout)
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s

    def _write_to_self(self) -> None:
        """Threads have no place in virtual time."""


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns; its waits take no time."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(main)


class LoopClock:
    """Implements Clock on the time of the running loop."""

    def utc_ms(self) -> int:
        return round(self.monotonic() * 1000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def synchronised(self) -> bool:
        return True

    def awaited(self) -> bool:
        return False

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - self.monotonic()))


class FakeStream:
    """Implements Stream: what is written goes to `answer`, and what that returns arrives in its time."""

    def __init__(self, answer: Callable[[bytes], Answers]) -> None:
        self._answer = answer
        self._arriving: list[tuple[float, int, bytes]] = []
        self._sequence = 0
        self._changed = asyncio.Event()
        self.written: list[bytes] = []
        self.written_s: list[float] = []
        self.is_closed = False
        self.peer_closed = False
        self.baudrates: list[int] = []

    def write(self, data: bytes) -> None:
        if self.is_closed or self.peer_closed:
            raise LinkDown("fake: closed")
        self.written.append(data)
        self.written_s.append(asyncio.get_running_loop().time())
        for delay_s, chunk in self._answer(data):
            self.arrive(chunk, delay_s=delay_s)

    def arrive(self, chunk: bytes, *, delay_s: float = 0.0) -> None:
        """Let bytes arrive that nobody asked for."""
        self._sequence += 1
        at_s = asyncio.get_running_loop().time() + delay_s
        heapq.heappush(self._arriving, (at_s, self._sequence, chunk))
        self._changed.set()

    async def receive(self, *, deadline_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            if self._arriving and self._arriving[0][0] <= loop.time():
                return heapq.heappop(self._arriving)[2]
            if self.peer_closed or self.is_closed:
                raise LinkDown("fake: the other side closed the connection")
            if deadline_s <= loop.time():
                return b""
            wake_s = min(deadline_s, self._arriving[0][0] if self._arriving else deadline_s)
            self._changed.clear()
            timer = loop.call_at(wake_s, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()

    def set_baudrate(self, baudrate: int) -> None:
        self.baudrates.append(baudrate)

    def hang_up(self) -> None:
        """Close from the other side."""
        self.peer_closed = True
        self._changed.set()

    def close(self) -> None:
        self.is_closed = True
        self._changed.set()


class FakePort:
    """Opens fake streams to the same device, or fails as told."""

    def __init__(self, answer: Callable[[bytes], Answers]) -> None:
        self._answer = answer
        self.opened: list[FakeStream] = []
        self.failures: list[str] = []

    async def open(self, settings: LinkSettings) -> Stream:
        if self.failures:
            raise LinkDown(f"{settings.id}: {self.failures.pop(0)}")
        stream = FakeStream(self._answer)
        self.opened.append(stream)
        return stream

    @property
    def stream(self) -> FakeStream:
        """The one opened last."""
        return self.opened[-1]


@cache
def _shifted(octet: int) -> int:
    """Return what eight shifts make of one octet."""
    register = octet
    for _ in range(8):
        register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def crc(octets: bytes) -> bytes:
    """Return the two CRC bytes of an RTU frame."""
    register = 0xFFFF
    for octet in octets:
        register = register >> 8 ^ _shifted((register ^ octet) & 0xFF)
    return struct.pack("<H", register)


def rtu(unit: int, pdu: bytes) -> bytes:
    """Return an RTU frame."""
    return bytes([unit]) + pdu + crc(bytes([unit]) + pdu)


def tcp(transaction: int, unit: int, pdu: bytes, *, protocol: int = 0, length: int | None = None) -> bytes:
    """Return a Modbus TCP frame, wrong where told."""
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


def ascii_frame(unit: int, pdu: bytes) -> bytes:
    """Return a Modbus ASCII frame."""
    octets = bytes([unit]) + pdu
    check = (256 - sum(octets) % 256) % 256
    return b":" + "".join(f"{octet:02X}" for octet in (*octets, check)).encode() + b"\r\n"


@dataclass
class FakeMeter:
    """Registers of one unit, by function code; an address that is not there is refused."""

    registers: dict[int, dict[int, int]]
    """Function code → address → register or bit."""
    most: int = 125
    requests: list[tuple[int, int, int]] = field(default_factory=list)
    """Function, address, count."""

    def pdu(self, request: bytes) -> bytes:
        """Return the answer to a request."""
        function, address, count = struct.unpack(">BHH", request)
        self.requests.append((function, address, count))
        held = self.registers.get(function)
        if held is None:
            return bytes([function | 0x80, 1])
        wanted = range(address, address + count)
        if count > self.most or any(each not in held for each in wanted):
            return bytes([function | 0x80, 2])
        words = [held[each] for each in wanted]
        if function <= 2:
            packed = sum(bit << place for place, bit in enumerate(words)).to_bytes((count + 7) // 8, "little")
        else:
            packed = struct.pack(f">{count}H", *words)
        return bytes([function, len(packed)]) + packed


def split_tcp(frame: bytes) -> tuple[int, int, bytes]:
    """Return transaction id, unit and PDU of a Modbus TCP request."""
    transaction, _, _, unit = struct.unpack(">HHHB", frame[:7])
    return transaction, unit, frame[7:]


def tcp_device(units: Mapping[int, FakeMeter], *, delay_s: float = 0.01) -> Callable[[bytes], Answers]:
    """Return the answers of well-behaved units on Modbus TCP; others stay silent."""

    def answer(frame: bytes) -> Answers:
        transaction, unit, pdu = split_tcp(frame)
        return [(delay_s, tcp(transaction, unit, units[unit].pdu(pdu)))] if unit in units else []

    return answer


def rtu_device(units: Mapping[int, FakeMeter], *, delay_s: float = 0.01) -> Callable[[bytes], Answers]:
    """Return the answers of well-behaved units on an RTU bus; others stay silent."""

    def answer(frame: bytes) -> Answers:
        return [(delay_s, rtu(frame[0], units[frame[0]].pdu(frame[1:-2])))] if frame[0] in units else []

    return answer


def words_of(fmt: str, *numbers: float) -> list[int]:
    """Return big-endian registers of a struct format."""
    packed = struct.pack(">" + fmt, *numbers)
    return [int.from_bytes(packed[index : index + 2], "big") for index in range(0, len(packed), 2)]


def held(blocks: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Return address → register from first addresses and runs of registers."""
    return {start + index: word for start, words in blocks.items() for index, word in enumerate(words)}


Opener = Callable[[LinkSettings], Awaitable[Stream]]
