"""A Modbus device through its driver: partial answers, what refusals teach, variants, sign, who it is."""

import asyncio

import pytest

from drivers.modbus.holes import LearntHoles
from gateway.core.errors import CorruptFrame, LinkDown, NoAnswer, Refused
from gateway.core.readout import Status
from gateway.core.site import LinkSettings
from tests.fakes_meter import (
    CURRENT,
    FAR,
    IMPORT,
    POWER,
    REGISTERS,
    RTU,
    TCP,
    VOLTAGE,
    bench,
    device,
    everywhere,
    meter,
    modbus,
)
from tests.fakes_stream import (
    Answers,
    rtu,
    run_virtual,
    split_tcp,
    tcp,
    tcp_device,
    words_of,
)


def test_one_readout() -> None:
    """Values come in the order asked for, in the vocabulary's unit, with the instant after the last answer."""

    async def main() -> None:
        here = bench(modbus([VOLTAGE, CURRENT, POWER]), meter(everywhere()))
        readout = await here.driver.read(["elec_power_active", "elec_voltage_l1"], keep_raw=True)
        assert readout.values == (1150.0, 230.1)
        assert (readout.device, readout.status, readout.suspect) == ("meter", Status.OK, frozenset())
        assert readout.raw == (tuple(words_of("f", 1.15)), tuple(words_of("f", 230.1)))
        assert readout.monotonic_s == asyncio.get_running_loop().time()

    run_virtual(main())


def test_silent_device() -> None:
    """The error names device, unit, link and time-out."""

    async def main() -> None:
        here = bench(modbus([VOLTAGE]), lambda _: [], settings=device(id="main_meter"))
        with pytest.raises(NoAnswer, match=r"^main_meter: no answer from unit 1 on cabinet within 1\.0 s$"):
            await here.read("elec_voltage_l1")
        assert here.link.counters.timeouts == 1

    run_virtual(main())


def test_refused_device() -> None:
    """The error says what was asked for and what the code means."""

    async def main() -> None:
        here = bench(modbus([VOLTAGE]), meter({}))
        message = r"^meter: unit 1 on cabinet refused holding 0 to 1: illegal address \(exception 2\)$"
        with pytest.raises(Refused, match=message) as caught:
            await here.read("elec_voltage_l1")
        assert caught.value.code == 2

    run_virtual(main())


def test_device_that_answers_rubbish() -> None:
    """Bytes that are no frame are an error of their own, with the bytes at hand."""

    async def main() -> None:
        here = bench(modbus([VOLTAGE]), lambda _: [(0.01, b"\x01\x03\x04junk")], link=RTU)
        with pytest.raises(CorruptFrame, match="check wiring, termination, baud rate and parity") as caught:
            await here.read("elec_voltage_l1")
        assert caught.value.frame == b"\x01\x03\x04junk"
        assert here.link.counters.corrupt == 1

    run_virtual(main())


def test_link_that_is_down() -> None:
    """A link that cannot be opened is not the device's fault."""

    async def main() -> None:
        here = bench(modbus([VOLTAGE]), meter())
        here.port.failures = ["cannot connect"]
        with pytest.raises(LinkDown, match="cannot connect"):
            await here.read("elec_voltage_l1")

    run_virtual(main())


def test_partial_readout() -> None:
    """Where one block fails the others give their values, and the readout says so."""

    async def main() -> None:
        def answer(frame: bytes) -> Answers:
            return [] if frame[9] == 200 else healthy(frame)

        healthy = tcp_device({1: meter(everywhere())})
        here = bench(modbus([VOLTAGE, IMPORT]), answer)
        readout = await here.read("elec_voltage_l1", "elec_energy_import")
        assert (readout.values, readout.status) == ((230.1, None), Status.PARTIAL)

    run_virtual(main())


def test_value_that_the_device_has_not_is_partial() -> None:
    """A point that was due and is 'not available' makes the readout partial."""

    async def main() -> None:
        profile = modbus([VOLTAGE, {**IMPORT, "absent": [1000]}])
        readout = await bench(profile, meter(everywhere())).read("elec_voltage_l1", "elec_energy_import")
        assert (readout.values, readout.status) == ((230.1, None), Status.PARTIAL)

    run_virtual(main())


def test_a_dead_device_costs_two_time_outs_and_then_one() -> None:
    """A device that is silent twice is left alone for this poll, and is asked once at the next."""

    async def main() -> None:
        profile = modbus([VOLTAGE, IMPORT, FAR], traits={"max_registers": 10})
        here = bench(profile, lambda _: [])
        for requests in (2, 3, 4):
            with pytest.raises(NoAnswer):
                await here.read("elec_voltage_l1", "elec_energy_import", "elec_frequency")
            assert here.link.counters.requests == requests

    run_virtual(main())


@pytest.mark.parametrize("link", [TCP, RTU], ids=["tcp", "rtu"])
def test_learns_the_limit_of_the_device(link: LinkSettings) -> None:
    """A device that takes fewer registers than its document says is read in smaller blocks, from the first poll on."""

    async def main() -> None:
        served = meter({address: address for address in range(100)}, most=30)
        names = [f"elec_voltage_{phase}" for phase in ("l1", "l2", "l3", "l12", "l23", "l31")]
        profile = modbus(
            [{"point": name, "address": 10 * n, "type": "uint16", "unit": "V"} for n, name in enumerate(names)]
        )
        here = bench(profile, served, link=link)
        assert await here.values(*names) == (0, 10, 20, 30, 40, 50)
        learnt = len(served.requests)
        assert await here.values(*names) == (0, 10, 20, 30, 40, 50)
        assert all(count <= 30 for _, _, count in served.requests[learnt:])
        again = bench(profile, served, link=link, holes=LearntHoles.from_mapping(here.holes.to_mapping()))
        before = len(served.requests)
        assert await again.values(*names) == (0, 10, 20, 30, 40, 50)
        assert all(count <= 30 for _, _, count in served.requests[before:])

    run_virtual(main())


def test_learns_a_hole_and_keeps_it() -> None:
    """A hole between two values is found once, and no request touches it again."""

    async def main() -> None:
        served = meter(REGISTERS)
        here = bench(modbus([VOLTAGE, CURRENT]), served)
        assert await here.values("elec_voltage_l1", "elec_current_l1") == (230.1, 5.0)
        assert here.holes.to_mapping() == {"holding": [[1, 6]]}
        served.requests.clear()
        assert await here.values("elec_voltage_l1", "elec_current_l1") == (230.1, 5.0)
        assert served.requests == [(3, 0, 2), (3, 6, 2)]

    run_virtual(main())


def test_optional_point_that_is_not_there() -> None:
    """An optional point that is refused alone is left out until the device was away, and is no reason to be partial."""

    async def main() -> None:
        registers = everywhere()
        del registers[6]
        served = meter(registers)
        here = bench(modbus([VOLTAGE, {**CURRENT, "optional": True}, {**POWER, "address": 8}]), served)
        names = ("elec_voltage_l1", "elec_current_l1", "elec_power_active")
        readout = await here.read(*names)
        assert (readout.values, readout.status) == ((230.1, None, 0.0), Status.OK)
        served.requests.clear()
        await here.read(*names)
        assert all(not address <= 6 < address + count for _, address, count in served.requests)
        registers[6], registers[7] = words_of("f", 5.0)
        served.registers[3].update(registers)
        here.port.stream.hang_up()
        assert await here.values(*names) == (230.1, None, 0.0)
        assert await here.values(*names) == (230.1, 5.0, 0.0)

    run_virtual(main())


def test_optional_point_that_is_refused_later() -> None:
    """An optional point that answered before is there: its refusal is a fault, and the readout is partial."""

    async def main() -> None:
        served = meter(everywhere({**REGISTERS, 3000: 4998}))
        here = bench(modbus([VOLTAGE, {**FAR, "optional": True}]), served)
        assert await here.values("elec_voltage_l1", "elec_frequency") == (230.1, 49.98)
        del served.registers[3][3000]
        for _ in range(3):
            readout = await here.read("elec_voltage_l1", "elec_frequency")
            assert (readout.values, readout.status) == ((230.1, None), Status.PARTIAL)

    run_virtual(main())


def test_required_point_that_is_refused_is_asked_for_each_time() -> None:
    """A point that the device must have and refuses costs one request at each poll, and comes back by itself."""

    async def main() -> None:
        served = meter(everywhere())
        here = bench(modbus([VOLTAGE, FAR]), served)
        for _ in range(3):
            readout = await here.read("elec_voltage_l1", "elec_frequency")
            assert (readout.values, readout.status) == ((230.1, None), Status.PARTIAL)
        served.registers[3][3000] = 4998
        assert await here.values("elec_voltage_l1", "elec_frequency") == (230.1, 49.98)
        assert served.requests.count((3, 3000, 1)) == 4

    run_virtual(main())


@pytest.mark.parametrize("link", [TCP, RTU], ids=["tcp", "rtu"])
def test_busy_teaches_nothing(link: LinkSettings) -> None:
    """A code that means 'later' divides no block."""

    async def main() -> None:
        healthy = meter(everywhere())
        busy = [True]

        def pdu(asked: bytes) -> bytes:
            return bytes([asked[0] | 0x80, 6]) if busy[0] else healthy.pdu(asked)

        def answer(frame: bytes) -> Answers:
            if link is RTU:
                return [(0.01, rtu(1, pdu(frame[1:-2])))]
            transaction, unit, asked = split_tcp(frame)
            return [(0.01, tcp(transaction, unit, pdu(asked)))]

        here = bench(modbus([VOLTAGE, CURRENT]), answer, link=link)
        for _ in range(3):
            with pytest.raises(Refused, match="busy"):
                await here.read("elec_voltage_l1", "elec_current_l1")
        busy[0] = False
        assert await here.values("elec_voltage_l1", "elec_current_l1") == (230.1, 5.0)
        assert here.holes.cuts == frozenset()
        assert healthy.requests[-1] == (3, 0, 8)

    run_virtual(main())
