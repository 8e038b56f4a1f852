"""Simulated Modbus devices on buses that deliver late, split, merged, foreign, dribbling, garbled or not at all.

Each answer holds numbers that no other answer ever held, so that a value says which answer it came from.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gateway.core.errors import LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings
from tests.fakes_stream import rtu, tcp

READS = (3, 4)
IDENTIFICATION = 0x2B
ABSENT = 0xFFFF
_TURN = 10_000
_DEVICE_WH = 100_000_000
_SPLIT_AT = 200


@dataclass(frozen=True, slots=True)
class Serving:
    """The registers of a device in one answer."""

    number: int
    asked_s: float
    has_voltage: bool


@dataclass
class SimDevice:
    """Holds a counter, a power and a voltage, which change with each request."""

    name: str
    number: int
    unit: int
    random: Random
    mode: str = "well"
    servings: deque[Serving] = field(default_factory=lambda: deque(maxlen=400))
    served: int = 0
    writes: list[bytes] = field(default_factory=list)
    """Requests that are no reads."""

    def energy_wh(self, number: int) -> int:
        return self.number * _DEVICE_WH + number

    def power_w(self, number: int) -> int:
        return self.number * _TURN + number % _TURN

    def voltage(self, number: int) -> int:
        return 2000 + (number * 7 + self.number) % 600

    def answer(self, pdu: bytes, now_s: float) -> bytes:
        """Return the answer to a request."""
        function = pdu[0]
        if function == IDENTIFICATION:
            return bytes([function | 0x80, 1])
        if function not in READS:
            self.writes.append(pdu)
            return bytes([function | 0x80, 1])
        if self.mode == "refusing":
            return bytes([function | 0x80, 4])
        address, count = struct.unpack(">HH", pdu[1:5])
        self.served += 1
        serving = Serving(self.served, now_s, not (self.mode == "absent" and self.served % 2))
        self.servings.append(serving)
        words = self._words(serving)
        held = [words.get(each) for each in range(address, address + count)]
        if None in held:
            return bytes([function | 0x80, 2])
        return struct.pack(f">BB{count}H", function, 2 * count, *held)

    def _words(self, serving: Serving) -> dict[int, int]:
        energy, power = self.energy_wh(serving.number), self.power_w(serving.number)
        voltage = self.voltage(serving.number) if serving.has_voltage else ABSENT
        words = {0: energy >> 16, 1: energy & 0xFFFF, 4: voltage, 900: 0, 901: self.number}
        for start in (2, _SPLIT_AT):
            words |= {start: power >> 16, start + 1: power & 0xFFFF}
        return words


@dataclass
class SimBus:
    """One port with its devices, and what is wrong with the wire."""

    link: str
    framing: str
    devices: dict[int, SimDevice]
    random: Random
    is_unplugged: bool = False
    streams: list["BusStream"] = field(default_factory=list)
    _free_s: dict[int, float] = field(default_factory=dict)
    _withheld: dict[int, list[bytes]] = field(default_factory=dict)

    async def open(self, settings: LinkSettings) -> Stream:
        """Open the port, as `drivers.factory.open_stream` does."""
        if self.is_unplugged:
            raise LinkDown(f"{settings.id}: no such port")
        self._free_s.clear()
        self._withheld.clear()
        stream = BusStream(self)
        self.streams = [stream]
        return stream

    def hang_up(self) -> None:
        """End the connection from the other side."""
        for stream in self.streams:
            stream.hang_up()

    def ask(self, stream: "BusStream", request: bytes) -> None:
        """Take a request, and let the bytes of its answer arrive in their time."""
        loop = asyncio.get_running_loop()
        unit, pdu, frame = self._taken_apart(request)
        device = self.devices.get(unit)
        if device is None or device.mode == "dead":
            return
        answer = device.answer(pdu, loop.time())
        start_s = max(loop.time(), self._free_s.get(unit, 0.0))
        for delay_s, chunk in self._delivered(device, frame(answer), frame):
            at_s = start_s + delay_s
            self._free_s[unit] = at_s
            loop.call_at(at_s, stream.arrive, chunk)

    def _taken_apart(self, request: bytes) -> tuple[int, bytes, Callable[[bytes], bytes]]:
        if self.framing == "tcp":
            transaction, _, _, unit = struct.unpack(">HHHB", request[:7])
            return unit, request[7:], lambda pdu: tcp(transaction, unit, pdu)
        unit = request[0]
        return unit, request[1:-2], lambda pdu: rtu(unit, pdu)

    def _delivered(
        self, device: SimDevice, frame: bytes, framed: Callable[[bytes], bytes]
    ) -> list[tuple[float, bytes]]:
        """Return delays and chunks, as the device's mode has it."""
        random, mode = self.random, device.mode
        if mode == "well":
            return [(0.02, frame)]
        if mode == "late" and random.random() < 0.5:
            return [(random.uniform(0.2, 8.0), frame)]
        if mode == "merged":
            return self._merged(device.unit, frame)
        cut = random.randrange(1, len(frame))
        wrong: dict[str, Callable[[], list[tuple[float, bytes]]]] = {
            "split": lambda: [(0.02, frame[:cut]), (random.choice((0.0, 0.01, 0.3)), frame[cut:])],
            "dribbling": lambda: [(0.3 * index, frame[index : index + 1]) for index in range(len(frame))],
            "twice": lambda: [(0.02, frame), (random.choice((0.0, 0.2)), frame)],
            "foreign": lambda: [(0.015, self._foreign(device.unit)), (0.02, frame)],
            "truncated": lambda: [(0.02, frame[:cut])],
            "garbled": lambda: [(0.02, self._garbled(frame))],
            "echoing": lambda: [(0.01, framed(bytes([3, 2, 0, 1]))), (0.02, frame)],
        }
        return wrong[mode]() if mode in wrong else [(0.02, frame)]

    def _merged(self, unit: int, frame: bytes) -> list[tuple[float, bytes]]:
        """Withhold answers, and let them arrive together with a later one."""
        withheld = self._withheld.setdefault(unit, [])
        withheld.append(frame)
        if self.random.random() < 0.4:
            return []
        chunk, self._withheld[unit] = b"".join(withheld), []
        return [(0.02, chunk)]

    def _foreign(self, unit: int) -> bytes:
        other, words = unit + 50, [self.random.randrange(65536) for _ in range(5)]
        pdu = struct.pack(">BB5H", 4, 10, *words)
        return tcp(self.random.randrange(65536), other, pdu) if self.framing == "tcp" else rtu(other, pdu)

    def _garbled(self, frame: bytes) -> bytes:
        """Flip bits; over TCP only in the header, since nothing there protects the values."""
        place = self.random.randrange(6 if self.framing == "tcp" else len(frame))
        return frame[:place] + bytes([frame[place] ^ (1 << self.random.randrange(8))]) + frame[place + 1 :]


class BusStream:
    """Implements Stream."""

    def __init__(self, bus: SimBus) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[bytes] = deque()
        self._waiter: asyncio.Future[bytes] | None = None
        self._is_open = True

    def write(self, data: bytes) -> None:
        if not self._is_open:
            raise LinkDown(f"{self._bus.link}: closed")
        self._bus.ask(self, data)

    def arrive(self, chunk: bytes) -> None:
        """Let bytes arrive."""
        if not self._is_open:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(chunk)
        else:
            self._chunks.append(chunk)

    async def receive(self, *, deadline_s: float) -> bytes:
        if self._chunks:
            return self._chunks.popleft()
        if not self._is_open:
            raise LinkDown(f"{self._bus.link}: the other side closed the connection")
        if deadline_s <= self._loop.time():
            return b""
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._waiter = waiter
        timer = self._loop.call_at(deadline_s, _expire, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()

    def set_baudrate(self, baudrate: int) -> None:
        """The wire takes any."""

    def hang_up(self) -> None:
        """Close from the other side."""
        self._is_open = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(LinkDown(f"{self._bus.link}: the other side closed the connection"))

    def close(self) -> None:
        self._is_open = False
        self._chunks.clear()


def _expire(waiter: asyncio.Future[bytes]) -> None:
    if not waiter.done():
        waiter.set_result(b"")
