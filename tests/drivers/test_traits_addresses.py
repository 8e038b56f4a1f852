"""Device traits 14 to 24: SunSpec at night, addresses as they are, holes, limits, optional blocks, tables."""

import struct

import pytest

from drivers.modbus.holes import LearntHoles
from gateway.core.errors import NoAnswer
from gateway.core.readout import Status
from gateway.core.site import LinkSettings
from tests.fakes_meter import RTU, TCP, bench, modbus, sunspec
from tests.fakes_stream import Answers, FakeMeter, run_virtual, split_tcp, tcp, tcp_device

VOLTAGES = [f"elec_voltage_{phase}" for phase in ("l1", "l2", "l3", "l12", "l23", "l31")]
INVERTER = sunspec(
    [
        {"point": "pv_power_ac", "model": [103], "name": "W", "unit": "W"},
        {"point": "pv_energy", "model": [103], "name": "WH", "unit": "Wh"},
        {"point": "elec_frequency", "model": [103], "name": "Hz", "unit": "Hz"},
    ],
    kind="pv_inverter",
)
NAMES = ("pv_power_ac", "pv_energy", "elec_frequency")


def inverter(model: list[int]) -> FakeMeter:
    """Return a SunSpec device at 40000 with the common model and these 50 registers of model 103."""
    chain = [0x5375, 0x6E53, 1, 66, *[0] * 66, 103, 50, *model, 0xFFFF, 0]
    return FakeMeter({3: {40000 + index: word for index, word in enumerate(chain)}})


def model_103(*, watts: int, exponent: int, energy: int = 1_234_567, hertz: int = 4998) -> list[int]:
    """Return the registers of model 103 with these raw numbers; the rest is 'not implemented'."""
    words = [0xFFFF] * 50
    words[12], words[13] = watts & 0xFFFF, exponent & 0xFFFF
    words[14], words[15] = hertz, 0xFFFE
    words[22], words[23], words[24] = energy >> 16, energy & 0xFFFF, 0
    return words


def points(addresses: dict[str, int], **more: object) -> list[dict[str, object]]:
    """Return points of one register each."""
    return [
        {"point": name, "address": address, "type": "uint16", "unit": "V", **more}
        for name, address in addresses.items()
    ]


def test_trait_14_inverter_at_night() -> None:
    """Values that are 'not implemented' at night, and a wake-up full of ones, are no values and trip no bounds."""

    async def main() -> None:
        for word in (0xFFFF, 0x8000):
            readout = await bench(INVERTER, inverter([word] * 50)).read(*NAMES)
            assert (readout.values, readout.status, readout.suspect) == ((None,) * 3, Status.PARTIAL, frozenset())

    run_virtual(main())


def test_trait_15_power_of_ten_changes_between_polls() -> None:
    """A value and its power of ten come from one request at each poll, so that a change of both changes nothing."""

    async def main() -> None:
        served = inverter(model_103(watts=4567, exponent=0))
        here = bench(INVERTER, served)
        assert await here.values(*NAMES) == (4567.0, 1234.567, 49.98)
        served.registers[3].update(inverter(model_103(watts=457, exponent=1)).registers[3])
        served.requests.clear()
        assert await here.values(*NAMES) == (4570.0, 1234.567, 49.98)
        assert len(served.requests) == 1

    run_virtual(main())


def test_trait_16_power_of_ten_not_available() -> None:
    """Without its power of ten a value is not available."""

    async def main() -> None:
        readout = await bench(INVERTER, inverter(model_103(watts=4567, exponent=0x8000))).read(*NAMES)
        assert readout.values == (None, 1234.567, 49.98)

    run_virtual(main())


@pytest.mark.parametrize("address", [0, 1, 30000, 40001, 65535])
def test_trait_17_addresses_go_on_the_wire_as_written(address: int) -> None:
    """An address in a profile is the address in the frame, whatever notation its document has."""

    async def main() -> None:
        served = FakeMeter({3: {address: 2301}})
        assert await bench(modbus(points({"elec_voltage_l1": address}, scale=0.1)), served).values(
            "elec_voltage_l1"
        ) == (230.1,)
        assert served.requests == [(3, address, 1)]

    run_virtual(main())


@pytest.mark.parametrize("link", [TCP, RTU], ids=["tcp", "rtu"])
def test_trait_18_hole_that_is_refused(link: LinkSettings) -> None:
    """A hole costs some refusals once; the values come at the first poll, and no later poll touches it."""

    async def main() -> None:
        served = FakeMeter({3: {0: 1, 1: 2, 2: 3, 7: 4, 8: 5, 9: 6}})
        here = bench(modbus(points(dict(zip(VOLTAGES, (0, 1, 2, 7, 8, 9), strict=True)))), served, link=link)
        assert await here.values(*VOLTAGES) == (1, 2, 3, 4, 5, 6)
        served.requests.clear()
        assert await here.values(*VOLTAGES) == (1, 2, 3, 4, 5, 6)
        assert all(address + count <= 3 or address >= 7 for _, address, count in served.requests)
        assert here.holes.to_mapping() == {"holding": [[2, 7]]}

    run_virtual(main())


def test_trait_19_hole_that_is_silent() -> None:
    """A hole that answers nothing is found after three polls, while the rest of the device answers."""

    async def main() -> None:
        served = FakeMeter({3: {0: 1, 1: 2, 7: 3, 8: 4, 500: 5}})
        healthy = tcp_device({1: served})

        def answer(frame: bytes) -> Answers:
            address, count = struct.unpack(">HH", frame[8:12])
            return [] if address <= 4 < address + count else healthy(frame)

        addresses = dict(zip(VOLTAGES, (0, 1, 7, 8, 500), strict=False))
        here = bench(modbus(points(addresses)), answer)
        for _ in range(3):
            assert await here.values(*addresses) == (None, None, None, None, 5)
        assert await here.values(*addresses) == (1, 2, 3, 4, 5)
        assert here.holes.cuts == frozenset()

    run_virtual(main())


@pytest.mark.parametrize("limit", [1, 25, 50, 61, 100, 124])
def test_trait_20_limit_that_is_not_the_documented_one(limit: int) -> None:
    """A device that takes fewer registers than the profile says gives all its values from the first poll on."""

    async def main() -> None:
        addresses = {name: 24 * index for index, name in enumerate(VOLTAGES)}
        served = FakeMeter({3: {address: address for address in range(200)}}, most=limit)
        here = bench(modbus(points(addresses)), served)
        assert await here.values(*addresses) == tuple(addresses.values())
        served.requests.clear()
        assert await here.values(*addresses) == tuple(addresses.values())
        assert all(count <= limit for _, _, count in served.requests)

    run_virtual(main())


def test_trait_21_reads_that_must_fit_the_values() -> None:
    """No request begins or ends inside a value; a device that gives one value per request gets exactly that."""

    async def main() -> None:
        places = {"elec_voltage_l1": 0, "elec_voltage_l2": 2, "elec_voltage_l3": 10}
        starts = {0, 2, 10}
        served = FakeMeter({3: dict.fromkeys(range(20), 0)})
        for traits in ({"max_registers": 3}, {"single_values": True}, {}):
            profile = modbus([{**point, "type": "uint32"} for point in points(places)], traits=traits)
            await bench(profile, served).values(*places)
        assert all(address in starts and address + count - 2 in starts for _, address, count in served.requests)
        assert served.requests[-4:-1] == [(3, 0, 2), (3, 2, 2), (3, 10, 2)]

    run_virtual(main())


def test_trait_22_register_that_means_something_else_when_read_alone() -> None:
    """What tells the model is read alone, though it is also half of a voltage."""

    async def main() -> None:
        served = FakeMeter({3: {0: 0, 1: 4000}})

        def answer(frame: bytes) -> Answers:
            transaction, unit, pdu = split_tcp(frame)
            return [(0.01, tcp(transaction, unit, b"\x03\x02\x01\x55" if pdu[1:] == b"\0\1\0\1" else served.pdu(pdu)))]

        point = {"point": "elec_voltage_l31", "address": 0, "type": "uint32", "unit": "V", "scale": 0.1}
        condition = {"address": 1, "type": "uint16", "equals": [341]}
        variant = {"name": "EM340", "when": condition, "points": [{**point, "scale": 0.2}]}
        assert await bench(modbus([point], variants=[variant]), answer).values("elec_voltage_l31") == (800.0,)

    run_virtual(main())


@pytest.mark.parametrize("link", [TCP, RTU], ids=["tcp", "rtu"])
def test_trait_23_optional_blocks(link: LinkSettings) -> None:
    """What a machine has not is asked for until it refused it, and then not again while it stays connected."""

    async def main() -> None:
        served = FakeMeter({3: {0: 2301, 1: 2302}})
        profile = modbus(
            points({"elec_voltage_l1": 0, "elec_voltage_l2": 1}) + points({"elec_voltage_l3": 700}, optional=True)
        )
        here = bench(profile, served, link=link)
        for _ in range(2):
            readout = await here.read(*VOLTAGES[:3])
            assert (readout.values, readout.status) == ((2301, 2302, None), Status.OK)
        asked = [address for _, address, _ in served.requests]
        assert 1 <= asked.count(700) <= 2
        assert asked[-1] == 0

    run_virtual(main())


def test_trait_24_same_address_in_two_tables() -> None:
    """Equal addresses of holding and input registers, coils and discrete inputs are different points."""

    async def main() -> None:
        served = FakeMeter({3: {0: 1}, 4: {0: 2}, 1: {0: 1}, 2: {0: 0}})
        profile = modbus(
            [
                *points({"elec_voltage_l1": 0}),
                *points({"elec_voltage_l2": 0}, table="input"),
                {"point": "hp_alarm", "address": 0, "type": "bit", "table": "coil", "unit": "1"},
                {"point": "ev_error", "address": 0, "type": "bit", "table": "discrete", "unit": "1"},
            ]
        )
        names = ("elec_voltage_l1", "elec_voltage_l2", "hp_alarm", "ev_error")
        assert await bench(profile, served).values(*names) == (1.0, 2.0, 1, 0)
        assert {function for function, _, _ in served.requests} == {1, 2, 3, 4}

    run_virtual(main())


def test_trait_48_blocks_change_while_running() -> None:
    """A device that comes back from an update with another map is learnt anew, and old certainties stay harmless."""

    async def main() -> None:
        served = FakeMeter({3: {0: 1, 10: 2}})
        alive = [True]
        healthy = tcp_device({1: served})
        places = {"elec_voltage_l1": 0, "elec_voltage_l2": 10}
        profile = modbus([*points({"elec_voltage_l1": 0}), *points({"elec_voltage_l2": 10}, optional=True)])
        here = bench(profile, lambda frame: healthy(frame) if alive[0] else [], holes=LearntHoles())
        assert await here.values(*places) == (1, 2)
        served.registers[3] = {0: 3}
        alive[0] = False
        with pytest.raises(NoAnswer):
            await here.read(*places)
        alive[0] = True
        readout = await here.read(*places)
        assert (readout.values, readout.status) == ((3, None), Status.OK)

    run_virtual(main())
