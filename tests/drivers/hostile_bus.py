"""A bus on which everything goes wrong that can, with units whose values say unit, register and request."""

import asyncio
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from drivers.factory import Metering, create_driver, open_link
from drivers.modbus.holes import LearntHoles
from gateway.core.errors import DeviceError, LinkDown
from gateway.core.readout import Readout
from gateway.core.site import LinkSettings
from tests.fakes_meter import VOCABULARY, device, modbus
from tests.fakes_stream import Answers, FakePort, LoopClock, rtu, run_virtual, split_tcp, tcp

UNITS = (3, 4, 5)
BLOCKS: Mapping[str, int] = {
    "elec_energy_import": 100, "elec_energy_export": 104, "elec_energy_reactive_import": 108,
    "elec_energy_import_l1": 400, "elec_energy_reactive_export": 800, "elec_energy_import_l2": 804,
}  # fmt: skip
LINKS = {
    "rtu": LinkSettings(id="bus", serial="/dev/fake", baudrate=9600, parity="none"),
    "rtu-over-tcp": LinkSettings(id="bus", tcp="192.0.2.1:502", framing="rtu"),
    "tcp": LinkSettings(id="bus", tcp="192.0.2.1:502"),
}
_WORDS = 4
"""Of one value: nothing, unit and register, and the number of the request in two."""
_TROUBLES = {
    "foreign": 0.05, "other_master": 0.05, "stray": 0.04, "echo": 0.03, "lost": 0.05, "late": 0.05, "truncated": 0.03,
    "corrupt": 0.03, "merged": 0.05, "repeated": 0.05, "refused": 0.02, "hung_up": 0.001,
}  # fmt: skip


@dataclass
class HostileBus:
    """Answers in order, and spoils what it answers.

    The order is kept, as docs/decisions/0004-late-answers.md takes for granted: an answer may come twice, but not an
    older one behind a newer one of the same unit.
    """

    framing: str
    random: Random
    requests: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    port: FakePort = field(init=False)
    _busy_until_s: float = 0.0
    _held: bytes = b""
    """Kept to be sent together with the next answer."""

    def __post_init__(self) -> None:
        self.port = FakePort(self.answer)

    def answer(self, frame: bytes) -> Answers:
        """Return what arrives after a request, and when."""
        self.requests += 1
        now_s = asyncio.get_running_loop().time()
        transaction, unit, pdu = split_tcp(frame) if self.framing == "tcp" else (0, frame[0], frame[1:-2])
        if self._now("hung_up"):
            self._busy_until_s, self._held = 0.0, b""
            self.port.stream.hang_up()
            return []
        arrivals = []
        for delay_s, chunk in self._spoilt(frame, (transaction, unit, self._reply(unit, pdu))):
            self._busy_until_s = max(self._busy_until_s, now_s + delay_s)
            arrivals.append((self._busy_until_s - now_s, chunk))
        return arrivals

    def _reply(self, unit: int, pdu: bytes) -> bytes:
        if pdu[0] not in (3, 4):
            return bytes([pdu[0] | 0x80, 1])
        function, address, count = struct.unpack(">BHH", pdu)
        if self._now("refused"):
            return bytes([function | 0x80, self.random.choice((4, 6, 11))])
        return bytes([function, 2 * count]) + b"".join(self._words(unit, address, count))

    def _words(self, unit: int, address: int, count: int) -> Iterator[bytes]:
        for each in range(address, address + count):
            place = each % _WORDS
            word = (0, unit << 8 | each // _WORDS, self.requests >> 16, self.requests & 0xFFFF)[place]
            yield struct.pack(">H", word)

    def _spoilt(self, request: bytes, reply: tuple[int, int, bytes]) -> Iterator[tuple[float, bytes]]:
        delay_s = self.random.expovariate(60)
        yield from self._before(request, reply, delay_s)
        if self._now("lost"):
            return
        if self._now("late"):
            delay_s += self.random.expovariate(0.4)
        frame = self._frame(*reply)
        if self._now("truncated"):
            yield delay_s, frame[: self.random.randrange(len(frame))]
            return
        if self._now("corrupt") and self.framing != "tcp":
            place = self.random.randrange(len(frame))
            frame = frame[:place] + bytes([frame[place] ^ 1 << self.random.randrange(8)]) + frame[place + 1 :]
        if self._now("merged"):
            self._held += frame
            return
        whole, self._held = self._held + frame, b""
        place = self.random.randrange(len(whole))
        yield delay_s, whole[:place]
        yield delay_s + self.random.choice((0.0, 0.002)), whole[place:]
        if self._now("repeated"):
            yield delay_s + self.random.choice((0.0, 0.001, 0.3, 3.0)), frame

    def _before(self, request: bytes, reply: tuple[int, int, bytes], delay_s: float) -> Iterator[tuple[float, bytes]]:
        """Yield what is heard before the answer."""
        transaction, unit, pdu = reply
        if self._now("echo"):
            yield 0.0, request
        if self._now("foreign"):
            # Right in all but the unit: of a neighbour, or of nobody.
            stranger = self.random.choice((unit ^ 7, 1, 200))
            yield self.random.random() * delay_s, self._frame(transaction, stranger, pdu)
        if self._now("other_master"):
            yield from self._overheard(transaction, unit, delay_s)
        if self._now("stray"):
            yield delay_s / 2, self.random.randbytes(self.random.randrange(1, 5))

    def _overheard(self, transaction: int, unit: int, delay_s: float) -> Iterator[tuple[float, bytes]]:
        """Another client asks a unit, ours too, for other registers and as many as we never ask for; both are heard."""
        asked = self.random.choice((unit, unit ^ 7, 9))
        count = self.random.choice((1, 7, 20))
        content = b"".join(self._words(asked, self.random.randrange(900), count))
        other = transaction + self.random.randrange(1, 0xFFFF) & 0xFFFF
        question = struct.pack(">BHH", 3, self.random.randrange(900), count)
        yield delay_s / 3, self._frame(other, asked, question)
        yield delay_s / 2, self._frame(other, asked, bytes([3, 2 * count]) + content)

    def _frame(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        return tcp(transaction, unit, pdu) if self.framing == "tcp" else rtu(unit, pdu)

    def _now(self, what: str) -> bool:
        happens = self.random.random() < _TROUBLES[what]
        self.happened[what] += happens
        return happens


def mistakes(readout: Readout, unit: int, *, first: int, last: int) -> Iterator[str]:
    """Yield what is another unit's, another register's, or was served before this poll began."""
    for point, value in zip(readout.points, readout.values, strict=True):
        if value is None:
            continue
        place, request = divmod(int(value), 1 << 32)
        if place != unit << 8 | BLOCKS[point] // _WORDS:
            yield f"{point} of unit {unit}: a value of unit {place >> 8}, register {(place & 0xFF) * _WORDS}"
        elif not first < request <= last:
            yield f"{point} of unit {unit}: served for request {request}, asked in {first} to {last}"


async def _polled(bus: HostileBus, transactions: int) -> Counter[str]:
    profile = modbus(
        [{"point": name, "address": address, "type": "uint64", "unit": VOCABULARY[name].unit}
         for name, address in BLOCKS.items()], traits={"timeout": "1s"},
    )  # fmt: skip
    clock = LoopClock()
    link = open_link(LINKS[bus.framing], clock=clock, open_stream=bus.port.open)
    drivers = {
        unit: create_driver(
            device(id=f"meter_{unit}", unit_id=unit), profile, link,
            metering=Metering(clock, VOCABULARY), holes=LearntHoles(),
        ) for unit in UNITS
    }  # fmt: skip
    ended: Counter[str] = Counter()
    while bus.requests < transactions:
        unit = bus.random.choice(UNITS)
        first = bus.requests
        try:
            readout = await drivers[unit].read(tuple(BLOCKS))
        except (DeviceError, LinkDown) as exc:
            ended[type(exc).__name__] += 1
        else:
            ended["values"] += sum(value is not None for value in readout.values)
            ended.update(f"wrong: {each}" for each in mistakes(readout, unit, first=first, last=bus.requests))
        await asyncio.sleep(bus.random.choice((0.0, 0.0, 0.05, 1.0)))
    return ended


def polled(framing: str, *, transactions: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """Return how the polls of so many transactions ended, and what had happened on the bus."""
    bus = HostileBus(framing, Random(f"{framing} {seed}"))  # noqa: S311 - repeatable trouble
    return run_virtual(_polled(bus, transactions)), bus.happened
