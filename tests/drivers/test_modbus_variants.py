"""What a device is: variant, instance, sign, ratios, identity, and its place beside others."""

import pytest

from drivers.factory import Metering, create_driver
from drivers.modbus.holes import LearntHoles
from gateway.core.errors import ConfigError, NoAnswer, Refused
from gateway.core.readout import Status
from tests.fakes_meter import (
    CURRENT,
    EXPORT,
    IMPORT,
    POWER,
    REGISTERS,
    RTU,
    VOCABULARY,
    VOLTAGE,
    bench,
    device,
    everywhere,
    meter,
    modbus,
)
from tests.fakes_stream import Answers, FakeMeter, LoopClock, rtu, run_virtual, split_tcp, tcp, tcp_device

VARIED = modbus(
    [{**IMPORT, "scale": 1.0}, VOLTAGE],
    variants=[
        {"name": "old", "when": {"address": 100, "type": "uint16", "equals": [1]},
         "points": [{**IMPORT, "scale": 10.0}], "without": ["elec_voltage_l1"]},
        {"name": "odd", "when": {"address": 100, "type": "uint16", "between": [2, 5]}, "word_order": "little",
         "points": [CURRENT]},
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "values"),
    [
        (0, (1.0, 230.1, None)),
        (1, (10.0, None, None)),
        (2, (65536.0, 0.000147, 0.000000001)),
    ],
)
def test_variant_is_chosen_by_its_register(code: int, values: tuple[float | None, ...]) -> None:
    """The first variant whose condition holds replaces, adds and leaves out points; what it has not is not missed."""

    async def main() -> None:
        here = bench(VARIED, meter(everywhere({**REGISTERS, 100: code, 200: 0, 201: 1000})))
        readout = await here.read("elec_energy_import", "elec_voltage_l1", "elec_current_l1")
        if code < 2:
            assert readout.values == values
        else:
            assert readout.values[0] == values[0]
        assert readout.status is Status.OK

    run_virtual(main())


def test_variant_is_found_out_again_after_silence() -> None:
    """A device that was away may come back as another variant, for example with new firmware."""

    async def main() -> None:
        served = meter(everywhere({**REGISTERS, 100: 0}))
        alive = [True]
        healthy = tcp_device({1: served})
        here = bench(VARIED, lambda frame: healthy(frame) if alive[0] else [])
        assert await here.values("elec_energy_import") == (1.0,)
        alive[0] = False
        with pytest.raises(NoAnswer):
            await here.read("elec_energy_import")
        alive[0], served.registers[3][100] = True, 1
        assert await here.values("elec_energy_import") == (10.0,)

    run_virtual(main())


def test_variant_whose_register_is_refused_does_not_hold() -> None:
    """A device without the register is the ordinary one; a device that is busy is asked again later."""

    async def main() -> None:
        registers = everywhere()
        del registers[100]
        assert await bench(VARIED, meter(registers)).values("elec_energy_import") == (1.0,)

        def busy(frame: bytes) -> Answers:
            transaction, unit, _ = split_tcp(frame)
            return [(0.01, tcp(transaction, unit, b"\x83\x06"))]

        with pytest.raises(Refused, match="busy"):
            await bench(VARIED, busy).values("elec_energy_import")

    run_virtual(main())


def test_inverted_device() -> None:
    """Where the transformers look the other way, power changes its sign, and import and export change places."""

    async def main() -> None:
        profile = modbus([POWER, IMPORT, EXPORT, {**VOLTAGE, "limits": [200, 250]}])
        here = bench(profile, meter(everywhere()), settings=device(invert=True))
        names = ("elec_power_active", "elec_energy_import", "elec_energy_export", "elec_voltage_l1")
        assert await here.values(*names) == (-1150.0, 0.02, 1.0, 230.1)

    run_virtual(main())


def test_ratios_of_the_installation() -> None:
    """Raw values are multiplied by the ratios that the point demands; without them there is no driver."""

    async def main() -> None:
        profile = modbus([{**CURRENT, "multiply_by": ["ct_ratio"]}, {**POWER, "multiply_by": ["ct_ratio", "vt_ratio"]}])
        here = bench(profile, meter(everywhere()), settings=device(ct_ratio="100/5", vt_ratio=100))
        assert await here.values("elec_current_l1", "elec_power_active") == (100.0, 2300000.0)
        with pytest.raises(ConfigError, match="meter: vt_ratio is missing"):
            bench(profile, meter(), settings=device(ct_ratio=20))

    run_virtual(main())


def test_instances_lie_at_their_stride() -> None:
    """The second connector is read at its distance from the first, and there is no third of two."""

    async def main() -> None:
        profile = modbus([VOLTAGE], instances={"stride": 6, "max": 2})
        here = bench(profile, meter(everywhere()), settings=device(instance=2))
        assert await here.values("elec_voltage_l1") == (5.0,)
        with pytest.raises(ConfigError, match=r"meter: test/meter has 2 instance\(s\), not 3"):
            bench(profile, meter(), settings=device(instance=3))
        with pytest.raises(ConfigError, match="lies beyond address 65535"):
            bench(modbus([VOLTAGE], instances={"stride": 60000, "max": 3}), meter(), settings=device(instance=3))

    run_virtual(main())


def test_device_says_who_it_is() -> None:
    """Serial number, firmware and model are read alone, as text; what is not there is left out."""

    async def main() -> None:
        identity = {
            "serial_number": {"address": 100, "type": "uint32"},
            "firmware": {"address": 110, "type": "string", "count": 2},
            "model": {"address": 9000, "type": "uint16"},
        }
        registers = {**everywhere(), 100: 0x0001, 101: 0xE240, 110: 0x312E, 111: 0x3200}
        here = bench(modbus([VOLTAGE], identity=identity), meter(registers))
        assert await here.driver.identify() == {"serial_number": "123456", "firmware": "1.2"}
        assert await bench(modbus([VOLTAGE]), meter(registers)).driver.identify() == {}

    run_virtual(main())


def test_values_outside_the_plausible_are_marked() -> None:
    """The profile's own range counts where it is narrower than the vocabulary's."""

    async def main() -> None:
        profile = modbus([{**VOLTAGE, "limits": [207, 230]}, CURRENT])
        readout = await bench(profile, meter(everywhere())).read("elec_voltage_l1", "elec_current_l1")
        assert (readout.values, readout.suspect) == ((230.1, 5.0), frozenset({"elec_voltage_l1"}))

    run_virtual(main())


def test_bits_are_read_as_states() -> None:
    """Coils and discrete inputs are points like others."""

    async def main() -> None:
        alarm = {
            "point": "hp_alarm",
            "address": 12,
            "type": "bit",
            "table": "discrete",
            "unit": "1",
            "states": {0: 0, 1: 1},
        }
        served = FakeMeter({2: {address: address % 2 for address in range(20)}, 3: dict(everywhere())})
        assert await bench(modbus([alarm, VOLTAGE]), served).values("hp_alarm", "elec_voltage_l1") == (0, 230.1)

    run_virtual(main())


def test_two_devices_of_one_unit_share_what_is_known_of_it() -> None:
    """Drivers of two connectors of one unit take each other's late answers into account."""

    async def main() -> None:
        late = [True]
        served = meter(everywhere())

        def answer(frame: bytes) -> Answers:
            delay_s = 1.2 if late[0] and frame[1] == 3 else 0.01
            return [(delay_s, rtu(frame[0], served.pdu(frame[1:-2])))] if frame[1] == 3 else []

        profile = modbus([VOLTAGE, {**CURRENT, "address": 2}, IMPORT], instances={"stride": 6, "max": 2})
        here = bench(profile, answer, link=RTU, settings=device(instance=1))
        second = create_driver(
            device(id="second", instance=2), profile, here.link, metering=Metering(LoopClock(), VOCABULARY),
            holes=LearntHoles(),
        )  # fmt: skip
        with pytest.raises(NoAnswer):
            await here.read("elec_voltage_l1")
        late[0] = False
        readout = await second.read(["elec_voltage_l1"])
        assert readout.values == (5.0,)

    run_virtual(main())
