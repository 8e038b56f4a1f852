"""Asking a Kamstrup meter through its optical head."""

import pytest

from drivers.kmp.frame import MAX_REGISTERS
from gateway.core.errors import ConfigError, CorruptFrame, LinkDown, NoAnswer, Refused
from gateway.core.readout import Status
from gateway.core.site import LinkSettings
from gateway.sim.kmp import SimulatedKmpMeter
from gateway.sim.values import FixedValues
from tests.drivers.kmp.frames import answer, register, registers
from tests.drivers.kmp.meters import POINTS, VALUES, Desk, Today, kmp
from tests.fakes_meter import VOCABULARY
from tests.fakes_stream import Answers, run_virtual

NAMES = tuple(VALUES)
SERIAL, TYPE = answer(b"\x02\0\xbc\x61\x4e"), answer(b"\x01\0\1\7\1")
CLOCK = {"point": "dev_clock_offset", "unit": "", "clock": "offset"}


def asked(request: bytes) -> int:
    """Return the command of a request."""
    return request[2]


@pytest.mark.parametrize("link", [None, LinkSettings(id="converter", tcp="192.0.2.1:4001")], ids=["serial", "tcp"])
def test_values_through_the_echo(link: LinkSettings | None) -> None:
    """The head gives every request back; only the meter's answers are read."""

    async def main() -> None:
        desk = Desk(link=link) if link is not None else Desk()
        readout = await desk.driver.read(NAMES)
        assert (readout.values, readout.status) == (tuple(VALUES.values()), Status.OK)
        assert [asked(request) for request in desk.written] == [2, 1, 0x10]

    run_virtual(main())


def test_who_it_is_once_per_connection() -> None:
    """Serial number and type are asked for when the port was opened, and not at every poll."""

    async def main() -> None:
        desk = Desk()
        for _ in range(3):
            await desk.driver.read(NAMES)
        assert [asked(request) for request in desk.written] == [2, 1, 0x10, 0x10, 0x10]
        meter = (await desk.source.fetch(frozenset())).meter
        assert (meter.maker, meter.serial_number, meter.model, meter.version) == ("KAM", "12345678", "type 1", "G1")
        assert len(desk.written) == 5
        await desk.link.close()
        await desk.driver.read(NAMES)
        assert [asked(request) for request in desk.written] == [2, 1, 0x10]

    run_virtual(main())


def test_registers_in_blocks() -> None:
    """A profile says how many registers a request may have; more points need more requests."""

    async def main() -> None:
        desk = Desk(kmp([*POINTS, CLOCK], kmp={"max_registers": 2}))
        readout = await desk.driver.read((*NAMES, "dev_clock_offset"))
        assert readout.values[:4] == tuple(VALUES.values())
        # The meter says whole seconds, and two more answers come behind them.
        assert readout.values[4] is not None
        assert -2.0 < readout.values[4] < 0.0
        assert [asked(request) for request in desk.written] == [2, 1, 0x10, 0x10, 0x10]
        # Date and time are in one request, or midnight would come between them.
        assert desk.written[2][4:8] == bytes((0x03, 0xEB, 0x03, 0xEA))

    run_virtual(main())


def test_clock_needs_room_for_two() -> None:
    """Date and time that cannot be asked for together give no clock."""

    async def main() -> None:
        desk = Desk(kmp([*POINTS, CLOCK], kmp={"max_registers": 1}))
        readout = await desk.driver.read((*NAMES, "dev_clock_offset"))
        assert readout.values == (*VALUES.values(), None)

    run_virtual(main())


def test_register_that_the_meter_has_not() -> None:
    """What is absent from the answer has no value, and the rest counts."""

    async def main() -> None:
        desk = Desk(values={"heat_energy": 5.0})
        readout = await desk.driver.read(NAMES)
        assert (readout.values, readout.status) == ((5.0, None, None, None), Status.PARTIAL)
        with pytest.raises(Refused, match="meter: the meter has none of the registers of its profile"):
            await Desk(values={"heat_power": 1.0}).driver.read(NAMES)

    run_virtual(main())


def test_another_meter_answers() -> None:
    """The serial number of whoever answers now is told with the values, so that nobody joins two meters."""

    async def main() -> None:
        desk = Desk()
        await desk.driver.read(NAMES)
        await desk.link.close()
        desk.meter = SimulatedKmpMeter(
            desk.profile, FixedValues(dict(VALUES)), clock=Today(), vocabulary=VOCABULARY, serial_number="999"
        )
        assert (await desk.driver.identify())["serial_number"] == "999"

    run_virtual(main())


def test_silence() -> None:
    """A meter that says nothing, or whose head only echoes, gives no answer, and is asked who it is afterwards."""

    async def main() -> None:
        alive = [True]
        desk = Desk(answer=lambda request: desk.answer(request) if alive[0] else [(0.01, request)])
        await desk.driver.read(NAMES)
        alive[0] = False
        with pytest.raises(NoAnswer, match=r"meter: no answer from the meter at address 63 on head_1 within 2\.0 s"):
            await desk.driver.read(NAMES)
        alive[0] = True
        await desk.driver.read(NAMES)
        assert [asked(request) for request in desk.written] == [2, 1, 0x10, 0x10, 2, 1, 0x10]

    run_virtual(main())


def test_damaged_answer() -> None:
    """An answer with a wrong check is no value, and the message says what was wrong."""

    async def main() -> None:
        def answers(request: bytes) -> Answers:
            sound = {2: SERIAL, 1: TYPE}.get(asked(request), registers(register(60, 8, 0x42, b"\0\1\xe2\x40")))
            return [(0.05, sound if asked(request) != 0x10 else sound[:-3] + b"\0\0\x0d")]

        with pytest.raises(CorruptFrame, match=r"what came from .* on head_1 is no answer: the CRC"):
            await Desk(answer=answers).driver.read(NAMES)

    run_virtual(main())


def test_answers_of_others_are_not_taken() -> None:
    """An answer from another address, to another command or with registers nobody asked for is passed over."""

    async def main() -> None:
        energy = register(60, 8, 0x42, b"\0\1\xe2\x40")

        def answers(request: bytes) -> Answers:
            if asked(request) in (1, 2):
                return [(0.05, {2: SERIAL, 1: TYPE}[asked(request)])]
            foreign = [SERIAL, registers(register(1004, 46, 0, b"\0\0\0\1")), registers(energy)]
            return [(0.01 * (number + 1), sent) for number, sent in enumerate(foreign)]

        readout = await Desk(answer=answers).driver.read(NAMES)
        assert readout.values[0] == pytest.approx(342933.333)
        assert readout.status is Status.PARTIAL

    run_virtual(main())


def test_late_answer_is_not_taken_for_the_next() -> None:
    """What arrives between two requests is thrown away before the second."""

    async def main() -> None:
        desk = Desk()
        await desk.driver.read(NAMES)
        desk.port.stream.arrive(registers(register(60, 8, 0x42, b"\0\0\0\1")))
        assert (await desk.driver.read(NAMES)).values == tuple(VALUES.values())

    run_virtual(main())


def test_meter_that_does_not_know_its_type() -> None:
    """A meter that is silent when asked for its type is read all the same."""

    async def main() -> None:
        desk = Desk(answer=lambda request: [] if asked(request) == 1 else desk.answer(request))
        assert (await desk.driver.read(NAMES)).values == tuple(VALUES.values())
        assert await desk.driver.identify() == {"serial_number": "12345678", "model": "KAM"}

    run_virtual(main())


def test_port_that_is_gone() -> None:
    """A port that cannot be opened is the link's error."""

    async def main() -> None:
        desk = Desk()
        desk.port.failures.append("no such device")
        with pytest.raises(LinkDown, match="no such device"):
            await desk.driver.read(NAMES)

    run_virtual(main())


def test_quantity_without_a_register() -> None:
    """A profile that names a quantity that no register has is refused when it is read, with the point's name."""
    wrong = kmp([{"point": "heat_energy", "unit": "", "quantity": "happiness"}])
    with pytest.raises(ConfigError, match="test/meter: heat_energy: no register of the meter is 'happiness'"):
        Desk(wrong)
    assert kmp().kmp.max_registers == MAX_REGISTERS
