"""Promise isolation with the real poller, link and bus: nine bad devices of ten cost the tenth at most a twentieth."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from drivers.factory import Metering, create_driver, open_link
from drivers.modbus.holes import LearntHoles
from gateway.core.readout import Readout, Status
from gateway.core.site import LinkSettings
from gateway.poller.poller import Poller, Target
from gateway.poller.schedule import PointGroup
from tests.fakes_meter import CURRENT, VOCABULARY, VOLTAGE, device, everywhere, meter, modbus
from tests.fakes_stream import Answers, FakePort, LoopClock, rtu, run_virtual, split_tcp, tcp

LINKS = {
    "rtu": LinkSettings(id="bus", serial="/dev/fake", baudrate=9600, parity="none"),
    "rtu-over-tcp": LinkSettings(id="bus", tcp="192.0.2.1:502", framing="rtu"),
    "tcp": LinkSettings(id="bus", tcp="192.0.2.1:502"),
}
ALIVE = 10
INTERVAL_S = 5.0
HOURS = 3
POINTS = ("elec_voltage_l1", "elec_current_l1")
Manner = Callable[[Random, bytes], Answers]
"""What a bad device sends when it is asked and should have sent a frame."""


def silent(_random: Random, _frame: bytes) -> Answers:
    """Send nothing."""
    return []


def dribbling(_random: Random, frame: bytes) -> Answers:
    """Send the right answer, a byte each half second, and break off before its end."""
    return [(0.5 * number, bytes([octet])) for number, octet in enumerate(frame[:-1], 1)]


def babbling(random: Random, _frame: bytes) -> Answers:
    """Talk for the length of the time-out."""
    return [(0.02 * number, random.randbytes(4)) for number in range(1, 50)]


def refusing_late(_random: Random, frame: bytes) -> Answers:
    """Let a gateway say, at the end of the time-out, that nobody answered."""
    is_rtu = len(frame) > 2 and frame[1] == 3
    refusal = rtu(frame[0], b"\x83\x0b") if is_rtu else tcp(int.from_bytes(frame[:2], "big"), frame[6], b"\x83\x0b")
    return [(0.9, refusal)]


class Bus:
    """Ten units, of which only one is well; `manners` are how the others are not."""

    def __init__(self, framing: str, manners: tuple[Manner, ...], *, bad: int = 9) -> None:
        self.framing = framing
        self._manners = manners
        self._random = Random(3)  # noqa: S311 - repeatable noise
        self._meter = meter(everywhere())
        self._bad = bad
        self.readouts: list[Readout] = []

    def answer(self, request: bytes) -> Answers:
        transaction, unit, pdu = split_tcp(request) if self.framing == "tcp" else (0, request[0], request[1:-2])
        said = self._meter.pdu(pdu) if pdu[0] == 3 else bytes([pdu[0] | 0x80, 1])
        frame = tcp(transaction, unit, said) if self.framing == "tcp" else rtu(unit, said)
        if unit == ALIVE or unit > self._bad:
            return [(0.02, frame)]
        return self._manners[unit % len(self._manners)](self._random, frame)

    async def run(self, seconds: float) -> None:
        clock = LoopClock()
        link = open_link(LINKS[self.framing], clock=clock, open_stream=FakePort(self.answer).open)
        profile = modbus([VOLTAGE, CURRENT], traits={"timeout": "1s"})
        targets = []
        for unit in range(1, 11):
            name = f"meter_{unit}"
            driver = create_driver(
                device(id=name, unit_id=unit), profile, link,
                metering=Metering(clock, VOCABULARY), holes=LearntHoles(),
            )  # fmt: skip
            targets.append(Target(name, driver, (PointGroup(name, POINTS, INTERVAL_S),)))
        poller = Poller("bus", targets, clock=clock, sink=self.readouts.append)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await poller.run()

    def outcomes(self, unit: int) -> Counter[Status]:
        return Counter(readout.status for readout in self.readouts if readout.device == f"meter_{unit}")


CASES = [
    *(pytest.param(framing, (silent,), id=f"{framing}-silent") for framing in LINKS),
    *(pytest.param(framing, (dribbling,), id=f"{framing}-dribbling") for framing in LINKS),
    *(pytest.param(framing, (babbling,), id=f"{framing}-babbling") for framing in LINKS),
    pytest.param("tcp", (refusing_late,), id="tcp-gateway-says-so"),
    pytest.param("rtu", (silent, dribbling, babbling), id="rtu-all-of-them"),
    pytest.param("tcp", (silent, dribbling, babbling, refusing_late), id="tcp-all-of-them"),
]


@pytest.mark.parametrize(("framing", "manners"), CASES)
def test_nine_bad_devices_cost_the_tenth_at_most_a_twentieth(framing: str, manners: tuple[Manner, ...]) -> None:
    """Whatever nine of ten devices do when they are asked, the tenth keeps 95 % of its schedule."""
    bus = Bus(framing, manners)
    run_virtual(bus.run(HOURS * 3600))
    due = HOURS * 3600 / INTERVAL_S
    assert bus.outcomes(ALIVE)[Status.OK] >= 0.95 * due
    assert all(bus.outcomes(unit)[Status.OK] == 0 for unit in range(1, 10))
    assert all(bus.outcomes(unit)[Status.SKIPPED] > 0 for unit in range(1, 10))


@pytest.mark.parametrize("manner", [silent, dribbling, babbling, refusing_late])
@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_one_bad_device_costs_its_nine_neighbours_nothing_more(framing: str, manner: Manner) -> None:
    """One that is dead, dribbles or babbles leaves each of nine neighbours 95 % of its schedule."""
    bus = Bus(framing, (manner,), bad=1)
    run_virtual(bus.run(3600))
    for unit in range(2, 11):
        assert bus.outcomes(unit)[Status.OK] >= 0.95 * 3600 / INTERVAL_S
