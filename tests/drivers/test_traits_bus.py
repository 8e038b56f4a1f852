"""Device traits 26 to 50: sessions, gateways, the bus itself, and what a device does to its data."""

import asyncio
import struct
from collections.abc import Callable
from itertools import pairwise

import pytest

from gateway.core.errors import CorruptFrame, DeviceError, LinkDown, NoAnswer, Refused
from gateway.core.readout import Status
from gateway.core.site import LinkSettings
from tests.fakes_meter import RTU, Answer, Bench, bench, device, modbus
from tests.fakes_stream import Answers, FakeMeter, rtu, rtu_device, run_virtual, split_tcp, tcp, tcp_device, words_of

ON_TCP_RTU = LinkSettings(id="cabinet", tcp="192.0.2.1:502", framing="rtu")
PHASES = [
    {"point": f"elec_voltage_{phase}", "address": 2 * index, "type": "float32", "unit": "V"}
    for index, phase in enumerate(("l1", "l2", "l3"))
]
PROFILE = modbus(PHASES)
NAMES = ("elec_voltage_l1", "elec_voltage_l2", "elec_voltage_l3")
VALUES = (230.1, 231.2, 229.3)
REGISTERS = dict(enumerate(word for number in VALUES for word in words_of("f", number)))


def served() -> FakeMeter:
    """Return a meter with the three voltages."""
    return FakeMeter({3: dict(REGISTERS)})


def answering(change: Callable[[int, int, bytes], Answers]) -> Answer:
    """Return answers on Modbus TCP made of transaction id, unit and PDU of the right answer."""
    meter = served()

    def answer(frame: bytes) -> Answers:
        transaction, unit, pdu = split_tcp(frame)
        return change(transaction, unit, meter.pdu(pdu))

    return answer


def on_rtu(change: Callable[[bytes, bytes], Answers]) -> Answer:
    """Return answers on RTU made of the request and the frame of the right answer."""
    meter = served()
    return lambda frame: change(frame, rtu(frame[0], meter.pdu(frame[1:-2])))


async def right(here: Bench) -> bool:
    """Return whether a read gives the right values."""
    return tuple(await here.values(*NAMES)) == VALUES


def test_trait_26_one_connection_only() -> None:
    """A device that drops us for a newer client is asked again on a new connection; one that refuses us is down."""

    async def main() -> None:
        here = bench(PROFILE, served())
        assert await right(here)
        here.port.stream.hang_up()
        assert await right(here)
        assert here.link.counters.reopenings == 1
        here.port.stream.hang_up()
        here.port.failures = ["connection refused"]
        with pytest.raises(LinkDown, match="connection refused"):
            await here.read(*NAMES)
        await here.later(1.0)
        assert await right(here)

    run_virtual(main())


def test_trait_27_silence_after_connect() -> None:
    """A device that swallows what is asked too early is left alone after connecting, as its profile says."""

    async def main() -> None:
        connected_s = asyncio.get_running_loop().time()
        healthy = tcp_device({1: served()})

        def answer(frame: bytes) -> Answers:
            return healthy(frame) if asyncio.get_running_loop().time() >= connected_s + 1.5 else []

        assert await right(bench(modbus(PHASES, traits={"pause_after_connect": "2s"}), answer))

    run_virtual(main())


def test_trait_28_old_answers_in_a_burst() -> None:
    """Queued answers to given-up requests come before the new one, and none of them is taken."""

    async def main() -> None:
        queue: list[bytes] = []

        def delay(transaction: int, unit: int, pdu: bytes) -> Answers:
            queue.append(tcp(transaction, unit, pdu[:2] + bytes(len(pdu) - 2) if len(queue) < 2 else pdu))
            return [(0.01, b"".join(queue))] if len(queue) > 2 else []

        here = bench(PROFILE, answering(delay))
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await here.read(*NAMES)
        assert await right(here)
        assert here.link.counters.late == 2

    run_virtual(main())


@pytest.mark.parametrize(
    "change",
    [
        lambda transaction, unit, pdu: [(0.01, tcp(transaction + 1, unit, pdu))],
        lambda _, unit, pdu: [(0.01, tcp(0, unit, pdu))],
        lambda transaction, unit, pdu: [(0.01, tcp(transaction, unit + 1, pdu))],
        lambda transaction, unit, pdu: [(0.01, tcp(transaction, unit, pdu, protocol=1))],
        lambda transaction, unit, pdu: [(0.01, tcp(transaction, unit, bytes([4]) + pdu[1:]))],
        lambda transaction, unit, _: [(0.01, tcp(transaction, unit, b"\x03\x04\0\0\0\0"))],
    ],
    ids=["next id", "id 0", "other unit", "protocol id", "other function", "fewer registers"],
)
def test_trait_29_answers_to_something_else(change: Callable[[int, int, bytes], Answers]) -> None:
    """Transaction id, unit, protocol id, function and byte count must be those of the request."""

    async def main() -> None:
        here = bench(PROFILE, answering(change))
        with pytest.raises(DeviceError) as caught:
            await here.read(*NAMES)
        assert isinstance(caught.value, NoAnswer | CorruptFrame)

    run_virtual(main())


@pytest.mark.parametrize("unit", [0, 1, 200, 255])
def test_trait_30_several_units_in_one_box(unit: int) -> None:
    """Each unit id is asked as it is, also 0 and 255, and answers for itself."""

    async def main() -> None:
        units = {number: FakeMeter({3: dict.fromkeys(range(6), 0)}) for number in (0, 1, 200, 255)}
        units[unit] = served()
        assert await right(bench(PROFILE, tcp_device(units), settings=device(unit_id=unit)))

    run_virtual(main())


@pytest.mark.parametrize(("code", "text"), [(5, "not ready yet"), (6, "busy"), (11, "no answer from the device")])
def test_trait_31_later_please(code: int, text: str) -> None:
    """A device that is busy is refused this poll, keeps its link, is asked the same again, and then answers."""

    async def main() -> None:
        patience = [2]

        def change(transaction: int, unit: int, pdu: bytes) -> Answers:
            patience[0] -= 1
            return [(0.01, tcp(transaction, unit, bytes([0x83, code]) if patience[0] >= 0 else pdu))]

        here = bench(PROFILE, answering(change))
        for _ in range(2):
            with pytest.raises(Refused, match=text):
                await here.read(*NAMES)
        assert await right(here)
        assert len(here.port.opened) == 1
        assert len({frame[7:] for frame in here.port.stream.written}) == 1

    run_virtual(main())


@pytest.mark.parametrize("place", [1, 6, 7, 8, 9, 20])
def test_trait_32_answer_in_pieces_and_in_company(place: int) -> None:
    """An answer in two segments, or two answers in one, are read as what they are."""

    async def main() -> None:
        def split(transaction: int, unit: int, pdu: bytes) -> Answers:
            frame = tcp(transaction - 1, unit, pdu) + tcp(transaction, unit, pdu)
            return [(0.01, frame[:place]), (0.02, frame[place:])]

        assert await right(bench(PROFILE, answering(split)))

    run_virtual(main())


def test_trait_32_exception_with_a_wrong_length() -> None:
    """An exception whose header counts one byte too few is an exception all the same."""

    async def main() -> None:
        def short(transaction: int, unit: int, _: bytes) -> Answers:
            return [(0.01, tcp(transaction, unit, b"\x83\x06", length=2))]

        with pytest.raises(Refused, match="busy"):
            await bench(PROFILE, answering(short)).read(*NAMES)

    run_virtual(main())


def test_trait_33_peer_that_lost_its_power() -> None:
    """A connection on which nothing was answered for a while is made anew."""

    async def main() -> None:
        healthy = tcp_device({1: served()})
        here = bench(PROFILE, lambda frame: healthy(frame) if len(here.port.opened) > 1 else [])
        for _ in range(3):
            with pytest.raises(NoAnswer):
                await here.read(*NAMES)
            await here.later(9.5)
        assert await right(here)

    run_virtual(main())


def test_trait_33_slow_device() -> None:
    """A device that takes seven seconds is waited for where its profile says so."""

    async def main() -> None:
        slow = answering(lambda transaction, unit, pdu: [(7.0, tcp(transaction, unit, pdu))])
        assert await right(bench(modbus(PHASES, traits={"timeout": "8s"}), slow))

    run_virtual(main())


@pytest.mark.parametrize("delay_s", [1.1, 1.5, 2.5, 9.0])
@pytest.mark.parametrize("link", [RTU, ON_TCP_RTU], ids=["rtu", "rtu over tcp"])
def test_trait_35_late_answer(delay_s: float, link: LinkSettings) -> None:
    """The late answer to one request is never the answer to the next one, however late it is."""

    async def main() -> None:
        late = [True]

        def change(_: bytes, answer: bytes) -> Answers:
            if late[0]:
                late[0] = False
                return [(delay_s, rtu(1, answer[1:3] + bytes(len(answer) - 5)))]
            return [(0.05, answer)]

        here = bench(PROFILE, on_rtu(change), link=link)
        with pytest.raises(NoAnswer):
            await here.read(*NAMES)
        for _ in range(12):
            assert await right(here)
            await here.later(0.9)

    run_virtual(main())


@pytest.mark.parametrize(
    "change",
    [
        lambda _, answer: [(0.01, b"\0" + answer)],
        lambda _, answer: [(0.01, answer + b"\0")],
        lambda request, answer: [(0.0, request), (0.01, answer)],
        lambda request, answer: [(0.0, request + answer)],
        lambda request, answer: [
            (0.0, b"\xff" + request[:5]),
            (0.001, request[5:]),
            (0.01, b"\0\0" + answer + b"\xff"),
        ],
    ],
    ids=["before", "behind", "echo", "echo at once", "all of it"],
)
def test_trait_36_stray_bytes_and_echo(change: Callable[[bytes, bytes], Answers]) -> None:
    """Bytes of a driver that switches on or off, and our own request heard again, cost nothing."""

    async def main() -> None:
        here = bench(PROFILE, on_rtu(change), link=RTU)
        for _ in range(3):
            assert await right(here)
        assert here.link.counters.timeouts == 0

    run_virtual(main())


def test_trait_37_frames_of_a_second_client() -> None:
    """Valid frames of other units, requests and answers, are passed over and counted."""

    async def main() -> None:
        def change(_: bytes, answer: bytes) -> Answers:
            other = rtu(9, b"\x03\0\0\0\x06") + rtu(9, b"\x03\x0c" + bytes(12))
            return [(0.005, other), (0.01, answer)]

        here = bench(PROFILE, on_rtu(change), link=RTU)
        assert await right(here)
        assert here.link.counters.foreign == 2

    run_virtual(main())


def test_trait_38_adapter_that_keeps_bytes_back() -> None:
    """Pauses of 16 ms inside an answer are no end of it."""

    async def main() -> None:
        def change(_: bytes, answer: bytes) -> Answers:
            return [(0.016 * (number + 1), answer[3 * number : 3 * number + 3]) for number in range(6)]

        assert await right(bench(PROFILE, on_rtu(change), link=RTU))

    run_virtual(main())


def test_trait_39_pause_between_requests() -> None:
    """A device that needs 200 ms between two requests gets them."""

    async def main() -> None:
        profile = modbus(PHASES, traits={"single_values": True, "pause": "200ms"})
        here = bench(profile, served())
        assert await right(here)
        written_s = here.port.stream.written_s
        assert len(written_s) == 3
        assert all(later - earlier >= 0.21 for earlier, later in pairwise(written_s))

    run_virtual(main())


def test_trait_40_device_that_answers_at_once() -> None:
    """An answer that is there as soon as the request is sent is an answer."""

    async def main() -> None:
        assert await right(bench(PROFILE, rtu_device({1: served()}, delay_s=0.0), link=RTU))

    run_virtual(main())


@pytest.mark.parametrize("size", [1, 4, 7])
def test_trait_41_rtu_over_tcp(size: int) -> None:
    """RTU frames on a connection come cut and joined, and are told by length and CRC."""

    async def main() -> None:
        def change(_: bytes, answer: bytes) -> Answers:
            both = rtu(7, b"\x03\x02\0\0") + answer
            return [
                (0.001 * number, both[start : start + size]) for number, start in enumerate(range(0, len(both), size))
            ]

        here = bench(PROFILE, on_rtu(change), link=ON_TCP_RTU)
        for _ in range(3):
            assert await right(here)

    run_virtual(main())


def test_trait_44_broken_frame_before_the_answer() -> None:
    """A CRC error costs the broken frame and not what follows it in the same chunk."""

    async def main() -> None:
        def change(_: bytes, answer: bytes) -> Answers:
            broken = bytearray(answer)
            broken[5] ^= 0x10
            return [(0.01, bytes(broken) + answer)]

        assert await right(bench(PROFILE, on_rtu(change), link=RTU))

    run_virtual(main())


def test_trait_45_counter_torn_by_the_device() -> None:
    """A counter that jumps by one in its high word is read once more, and only a jump that stays is believed."""

    async def main() -> None:
        numbers = iter([0x0001_FFFE, 0x0002_FFFF, 0x0002_0001, 0x0001_0003, 0x0002_0004, 0x0000_0005, 0x0000_0006])

        def answer(frame: bytes) -> Answers:
            transaction, unit, _ = split_tcp(frame)
            return [(0.01, tcp(transaction, unit, b"\x03\x04" + struct.pack(">I", next(numbers))))]

        profile = modbus([{"point": "elec_energy_import", "address": 0, "type": "uint32", "unit": "kWh"}])
        here = bench(profile, answer)
        assert [(await here.values("elec_energy_import"))[0] for _ in range(4)] == [0x1FFFE, 0x20001, 0x20004, 6]

    run_virtual(main())


def test_trait_50_device_that_is_still_starting() -> None:
    """Valid frames full of zeros are no values while the device starts, and are believed when they stay."""

    async def main() -> None:
        energy = {"point": "elec_energy_import", "address": 0, "type": "uint32", "unit": "kWh"}
        power = {"point": "elec_power_active", "address": 2, "type": "uint16", "unit": "W"}
        names = ("elec_energy_import", "elec_power_active")
        meter = FakeMeter({3: {0: 0, 1: 0, 2: 0}})
        here = bench(modbus([energy, power]), meter)
        assert await here.values(*names) == (0.0, 0.0)
        meter.registers[3].update({1: 10234, 2: 1500})
        assert await here.values(*names) == (10234.0, 1500.0)
        meter.registers[3].update({1: 0, 2: 0})
        for _ in range(3):
            with pytest.raises(CorruptFrame, match="every register is 0 and its counters were not: it is starting"):
                await here.read(*names)
            await here.later(10.0)
        meter.registers[3].update({1: 10235, 2: 1500})
        assert await here.values(*names) == (10235.0, 1500.0)
        meter.registers[3].update({1: 0, 2: 0})
        with pytest.raises(CorruptFrame):
            await here.read(*names)
        await here.later(121.0)
        readout = await here.read(*names)
        assert (readout.values, readout.status) == ((0.0, 0.0), Status.OK)

    run_virtual(main())
