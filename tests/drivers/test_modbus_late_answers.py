"""Promise no-wrong-value without transaction ids: nothing late, repeated, foreign or broken becomes a value."""

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from drivers.factory import Metering, create_driver, open_link
from drivers.modbus.holes import LearntHoles
from drivers.profile import ModbusProfile
from gateway.core.errors import DeviceError
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout
from gateway.core.site import DeviceSettings, LinkSettings
from tests.fakes_stream import Answers, FakePort, LoopClock, ascii_frame, rtu, run_virtual

VOCABULARY = load_vocabulary()
NAMES = [f"elec_voltage_{phase}" for phase in ("l1", "l2", "l3", "l12", "l23", "l31")] + [
    f"elec_current_{phase}" for phase in ("l1", "l2", "l3", "n")
]


def profile(addresses: dict[str, int], **traits: object) -> ModbusProfile:
    """Return a meter whose values are 32-bit numbers at these addresses."""
    return ModbusProfile.model_validate(
        {
            "profile": "test/meter",
            "maker": "Test",
            "model": "Meter",
            "kind": "electricity_meter",
            "source": [{"document": "none", "version": "0"}],
            "protocol": "modbus",
            "interval": "1s",
            "modbus": {"table": "holding", "word_order": "big", "max_registers": 20, "timeout": "1s", **traits},
            "points": [
                {"point": name, "address": address, "type": "uint32", "unit": VOCABULARY[name].unit}
                for name, address in addresses.items()
            ],
            "tests": [{"registers": {0: [0, 0]}, "expect": {"elec_voltage_l1": 0}}],
        }
    )


@dataclass
class Adversary:
    """A bus on which a unit answers in order, and everything else goes wrong.

    The high word of each value is its address, the low word the number of the request that it answers.
    """

    random: random.Random
    ascii: bool = False
    trouble: float = 1.0
    """How often things go wrong, from 0."""
    overtaking: bool = False
    """Answers are late out of turn, and none comes twice."""
    addresses: frozenset[int] = frozenset()
    requests: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    _busy_until_s: float = 0.0

    def answer(self, frame: bytes) -> Answers:
        self.requests += 1
        if self.ascii:
            frame = bytes.fromhex(frame[1:-2].decode())[:-1] + b"??"
        reply = self._reply(frame[1:-2])
        now_s = asyncio.get_running_loop().time()
        arrivals = []
        for delay_s, chunk in self._spoilt(frame[0], reply):
            # Unless told otherwise the channel keeps the order.
            self._busy_until_s = now_s + delay_s if self.overtaking else max(self._busy_until_s, now_s + delay_s)
            arrivals.append((self._busy_until_s - now_s, chunk))
        return arrivals

    def _reply(self, pdu: bytes) -> bytes:
        if pdu[0] not in (3, 4):
            return bytes([pdu[0] | 0x80, 1])
        function, address, count = struct.unpack(">BHH", pdu)
        if any(each not in self.addresses for each in (address, address + count - 1)):
            return bytes([function | 0x80, 2])
        if self._now("busy", 0.01):
            return bytes([function | 0x80, 6])
        words = [self.requests if each % 2 else each for each in range(address, address + count)]
        return bytes([function, 2 * count]) + struct.pack(f">{count}H", *words)

    def _spoilt(self, unit: int, pdu: bytes) -> Iterator[tuple[float, bytes]]:
        frame = self._frame(unit, pdu)
        delay_s = self.random.expovariate(50)
        if self._now("foreign", 0.05):
            yield self.random.random() * delay_s, self._frame(unit + 1, pdu)
        if self._now("stray", 0.05):
            yield delay_s / 2, self.random.randbytes(self.random.randrange(1, 4))
        if self._now("lost", 0.05):
            return
        if self._now("late", 0.05):
            delay_s += self.random.expovariate(0.4)
        if self._now("truncated", 0.03):
            yield delay_s, frame[: self.random.randrange(len(frame))]
            return
        if self._now("corrupt", 0.03):
            place = self.random.randrange(len(frame))
            frame = frame[:place] + bytes([frame[place] ^ 1 << self.random.randrange(8)]) + frame[place + 1 :]
        if self._now("split", 0.1):
            place = self.random.randrange(len(frame))
            yield delay_s, frame[:place]
            yield delay_s + 0.01, frame[place:]
        else:
            yield delay_s, frame
        if not self.overtaking and self._now("repeated", 0.05):
            yield delay_s + self.random.choice((0.0, 0.001, 0.3, 3.0)), frame

    def _frame(self, unit: int, pdu: bytes) -> bytes:
        return ascii_frame(unit, pdu) if self.ascii else rtu(unit, pdu)

    def _now(self, what: str, chance: float) -> bool:
        happens = self.random.random() < chance * self.trouble
        self.happened[what] += happens
        return happens


def wrong(readout: Readout, asked: dict[str, int], *, first: int, last: int) -> list[str]:
    """Return the points whose value is another address's, or was given before this readout began."""
    found = []
    for point, value in zip(readout.points, readout.values, strict=True):
        if value is None:
            continue
        address, request = divmod(int(value), 0x10000)
        if address != asked[point] or not first < request <= last:
            found.append(f"{point}: {address} in answer {request}, asked for {asked[point]} in {first} to {last}")
    return found


async def outcome_of(
    adversary: Adversary, asked: dict[str, int], *, polls: int, framing: str = "rtu", interval_s: float = 0.0
) -> Counter[str]:
    """Return how the polls ended, with what was wrong."""
    adversary.addresses = frozenset(each + more for each in asked.values() for more in (0, 1))
    settings = LinkSettings(id="bus", serial="/dev/fake", baudrate=9600, parity="none", framing=framing)
    clock = LoopClock()
    link = open_link(settings, clock=clock, open_stream=FakePort(adversary.answer).open)
    device = DeviceSettings(id="meter", profile="test/meter", link="bus", unit_id=7)
    driver = create_driver(device, profile(asked), link, metering=Metering(clock, VOCABULARY), holes=LearntHoles())
    ended: Counter[str] = Counter()
    for _ in range(polls):
        first = adversary.requests
        try:
            readout = await driver.read(tuple(asked))
        except DeviceError as exc:
            ended[type(exc).__name__] += 1
        else:
            ended[readout.status.name] += 1
            ended["values"] += sum(value is not None for value in readout.values)
            for mistake in wrong(readout, asked, first=first, last=adversary.requests):
                ended[mistake] += 1
        await asyncio.sleep(interval_s + adversary.random.choice((0.0, 0.05, 0.5)))
    assert adversary.requests < 0x10000
    return ended


ONE_BLOCK_AND_ANOTHER = {"elec_voltage_l1": 100, "elec_voltage_l2": 102, "elec_voltage_l3": 104, "elec_current_l1": 900}
SIDE_BY_SIDE = {name: 100 + 2 * index for index, name in enumerate(NAMES)}
TWINS = {"elec_voltage_l1": 100, "elec_voltage_l2": 400, "elec_voltage_l3": 700, "elec_current_l1": 702}
FULL_BLOCKS = {name: 100 + 2 * index for index, name in enumerate(NAMES)} | {
    f"elec_power_active_{phase}": 300 + 2 * index for index, phase in enumerate(("l1", "l2", "l3"))
}


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
@pytest.mark.parametrize("asked", [ONE_BLOCK_AND_ANOTHER, TWINS, FULL_BLOCKS], ids=["blocks", "twins", "full"])
def test_no_value_is_wrong_whatever_happens_on_the_bus(asked: dict[str, int], framing: str) -> None:
    """Late, lost, repeated, foreign, truncated, corrupt, split and merged frames give nobody another one's value."""
    adversary = Adversary(random.Random(7), ascii=framing == "ascii")  # noqa: S311 - repeatable trouble
    ended = run_virtual(outcome_of(adversary, asked, polls=2000, framing=framing))
    assert {reason: count for reason, count in ended.items() if ":" in reason} == {}
    assert ended["values"] > 2000
    assert min(adversary.happened.values()) > 20


def test_no_late_answer_is_taken_even_out_of_turn() -> None:
    """Where a gateway lets later answers overtake, a late one is still not taken for the same request, sent again."""
    adversary = Adversary(random.Random(11), trouble=0.5, overtaking=True)  # noqa: S311 - repeatable trouble
    ended = run_virtual(outcome_of(adversary, SIDE_BY_SIDE, polls=2000, interval_s=2.0))
    assert {reason: count for reason, count in ended.items() if ":" in reason} == {}
    assert ended["values"] > 2000
    assert adversary.happened["late"] > 50


def test_a_healthy_bus_pays_nothing_for_it() -> None:
    """Where nothing goes wrong, each poll is its blocks and no probe."""
    adversary = Adversary(random.Random(7), trouble=0.0)  # noqa: S311 - repeatable
    ended = run_virtual(outcome_of(adversary, ONE_BLOCK_AND_ANOTHER, polls=200))
    assert ended == {"OK": 200, "values": 800}
    assert adversary.requests == 400
