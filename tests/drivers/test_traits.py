"""What real Modbus devices do, as cases with the numbers of the project's list of device traits: encoding and codes.

Traits 17 to 24 are in `test_traits_addresses.py`, 26 to 50 in `test_traits_bus.py`.
"""

import re
from pathlib import Path

import pytest

from gateway.core.readout import Status, Value
from tests.fakes_meter import bench, device, modbus
from tests.fakes_stream import FakeMeter, run_virtual, words_of

ELSEWHERE = {
    25: "writing: no driver writes",
    34: "heartbeats are writes: no driver writes",
    42: "one port with two settings: refused by the configuration's own tests",
    43: "a dead device and its neighbours: the poller's own tests",
    46: "counters that wrap: interpreted where the store is; the profile's wrap is in the catalogue",
    49: "device clocks: never read; the gateway's own clock counts",
}


def value(
    kind: str, registers: list[int], *, name: str = "elec_power_active", unit: str = "W", **more: object
) -> Value:
    """Return the value of one point whose registers stand at address 0."""

    async def main() -> Value:
        profile = modbus([{"point": name, "address": 0, "type": kind, "unit": unit, **more}])
        served = FakeMeter({3: dict(enumerate(registers))})
        return (await bench(profile, served).values(name))[0]

    return run_virtual(main())


def test_every_trait_has_its_case() -> None:
    """Each of the 50 traits is a test of these files, or is somebody else's for a reason."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_traits*.py"))
    numbers = {int(number) for number in re.findall(r"^def test_trait_(\d\d)_", text, re.MULTILINE)}
    assert numbers | ELSEWHERE.keys() == set(range(1, 51))
    assert numbers.isdisjoint(ELSEWHERE)


@pytest.mark.parametrize(
    ("kind", "registers", "order", "number"),
    [
        ("int32", [0xFFFF, 0xCFC7], "big", -12345.0),
        ("int32", [0xCFC7, 0xFFFF], "little", -12345.0),
        ("uint64", [0, 0, 1, 2], "big", 65538.0),
        ("uint64", [2, 1, 0, 0], "little", 65538.0),
    ],
)
def test_trait_01_word_orders(kind: str, registers: list[int], order: str, number: float) -> None:
    """Whichever word comes first, the number is the same, in 32 and in 64 bits."""
    assert value(kind, registers, word_order=order) == number


def test_trait_01_byte_order_as_a_user_option() -> None:
    """A device whose user exchanged the bytes in each register is read with byte_order little."""
    assert value("uint32", [0x0100, 0x0200], byte_order="little") == 65538.0


def test_trait_02_word_order_flips_with_firmware() -> None:
    """A variant chosen by the firmware register turns the word order of every point."""

    async def main(firmware: int, registers: list[int]) -> Value:
        profile = modbus(
            [{"point": "elec_energy_import", "address": 0, "type": "uint32", "unit": "Wh"}],
            traits={"word_order": "little"},
            variants=[
                {"name": "new", "when": {"address": 9, "type": "uint16", "between": [113, 999]}, "word_order": "big"}
            ],
        )
        served = FakeMeter({3: {**dict(enumerate(registers)), 9: firmware}})
        return (await bench(profile, served).values("elec_energy_import"))[0]

    assert run_virtual(main(112, [1000, 0])) == 1.0
    assert run_virtual(main(113, [0, 1000])) == 1.0


def test_trait_03_energy_as_float() -> None:
    """Energy in 64 bits is exact to the Wh; in 32 bits it loses steps above 16777216 Wh and never runs backwards."""
    energy = {"name": "elec_energy_import", "unit": "Wh"}
    assert value("float64", words_of("d", 123456789.0), **energy) == 123456.789
    counted = [value("float32", words_of("f", float(wh)), **energy) for wh in range(16777200, 16777300)]
    assert counted == sorted(counted, key=float)  # type: ignore[arg-type]
    assert counted[16:19] == [16777.216, 16777.216, 16777.218]


def test_trait_04_value_split_over_registers() -> None:
    """Whole kWh and MWh in two registers are one value, read in one request."""

    async def main() -> Value:
        parts = [{"address": 10, "type": "uint16"}, {"address": 11, "type": "uint16", "scale": 1000}]
        profile = modbus([{"point": "hp_heat_energy_dhw", "sum": parts, "unit": "kWh"}])
        served = FakeMeter({3: {10: 512, 11: 7}})
        values = await bench(profile, served).values("hp_heat_energy_dhw")
        assert served.requests == [(3, 10, 2)]
        return values[0]

    assert run_virtual(main()) == 7512.0


@pytest.mark.parametrize(
    ("kind", "registers", "number"),
    [
        ("mod10k_32", [1234, 5678], 12345678.0),
        ("mod10k_64", [1, 2, 3, 4], 1000200030004.0),
        ("mod10k_32", [10000, 0], None),
        ("bcd32", [0x1234, 0x5678], 12345678.0),
        ("bcd32", [0x1234, 0x567A], None),
    ],
)
def test_trait_05_decimal_registers(kind: str, registers: list[int], number: float | None) -> None:
    """Base 10000 and BCD are read as numbers, and what is no digit as no value."""
    assert value(kind, registers) == number


@pytest.mark.parametrize("registers", [[0x4332], [0x4332, 0x0000], [0x4332, 0x2020], [0x4332, 0xFFFF]])
def test_trait_06_text_as_state(registers: list[int]) -> None:
    """Two characters are a state, whatever pads them; numbers in characters are numbers."""
    states = {"A1": 0, "C2": 2}
    assert value("string", registers, name="ev_state", unit="1", count=len(registers), states=states) == 2
    assert value("string", [0x3243], name="ev_state", unit="1", count=1, states=states, byte_order="little") == 2
    assert value("string", [0x3233, 0x302E, 0x3100], count=3) == 230.1


def test_trait_07_bits_over_two_registers_and_unknown_codes() -> None:
    """A bit field of two registers is one field; a code that nobody knows is no value and does not spoil the poll."""
    states = {16: 1, 0: 2}
    assert value("bits32", [1, 0], name="ev_error", unit="1", states=states, otherwise=0) == 1
    assert value("bits32", [0, 1], name="ev_error", unit="1", states=states, otherwise=0) == 2

    async def main() -> None:
        points = [
            {"point": "ev_state", "address": 0, "type": "uint16", "unit": "1", "states": {0: 0, 1: 1}},
            {"point": "ev_power", "address": 1, "type": "uint16", "unit": "W"},
        ]
        readout = await bench(modbus(points), FakeMeter({3: {0: 77, 1: 11000}})).read("ev_state", "ev_power")
        assert (readout.values, readout.status) == ((None, 11000.0), Status.PARTIAL)

    run_virtual(main())


def test_trait_08_counter_below_zero() -> None:
    """A counter that dips below zero is a small negative number with a mark, not 429496729.5 kWh."""

    async def main() -> None:
        profile = modbus([{"point": "pv_energy", "address": 0, "type": "int32", "unit": "kWh", "scale": 0.1}])
        readout = await bench(profile, FakeMeter({3: {0: 0xFFFF, 1: 0xFFFF}})).read("pv_energy")
        assert (readout.values, readout.suspect) == ((-0.1,), frozenset({"pv_energy"}))

    run_virtual(main())


def test_trait_09_power_factor_in_percent() -> None:
    """A power factor is a number from -1 to 1, whether the device says percent or thousandths."""
    assert value("int16", words_of("h", -98), name="elec_power_factor", unit="%") == -0.98
    assert value("int16", words_of("h", 985), name="elec_power_factor", unit="1", scale=0.001) == 0.985


@pytest.mark.parametrize(("code", "state"), [(0, 1), (1, 2), (0xFFFF, None), (2, None)])
def test_trait_10_codes_that_document_and_field_say_differently(code: int, state: int | None) -> None:
    """Only codes that the profile lists mean something."""
    assert value("uint16", [code], name="elec_tariff", unit="1", states={0: 1, 1: 2}) == state


@pytest.mark.parametrize(
    ("kind", "absent", "registers"),
    [
        ("int16", 0x8000, [0x8000]),
        ("uint16", 0xFFFF, [0xFFFF]),
        ("int32", 0x80000000, [0x8000, 0]),
        ("uint32", 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        ("int32", 0x7FFFFFFF, [0x7FFF, 0xFFFF]),
        ("int64", 0x7FFFFFFFFFFFFFFF, [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        ("uint64", 0xFFFFFFFFFFFFFFFF, [0xFFFF] * 4),
    ],
)
def test_trait_11_codes_for_not_available(kind: str, absent: int, registers: list[int]) -> None:
    """The codes of each type for 'not available' never become numbers."""
    assert value(kind, registers, absent=[absent]) is None


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7FBFFF80, 0xFFC00001, 0x7F800000, 0xFF800000])
def test_trait_12_floats_that_are_no_numbers(bits: int) -> None:
    """NaN of every payload, and infinity, are no value."""
    assert value("float32", [bits >> 16, bits & 0xFFFF]) is None


def test_trait_13_physical_value_for_not_available() -> None:
    """A temperature that means 'no sensor' is no value, and the one beside it is."""
    temperature = {"name": "hp_temp_dhw", "unit": "Cel", "scale": 0.1, "absent": [0xFD7A]}
    assert value("int16", words_of("h", -646), **temperature) is None  # type: ignore[arg-type]
    assert value("int16", words_of("h", -645), **temperature) == -64.5  # type: ignore[arg-type]


def test_trait_47_unit_changes_with_firmware() -> None:
    """A counter that an old firmware gives in other steps is read right by the firmware's register."""

    async def main(firmware: int) -> Value:
        energy = {"point": "ev_energy", "address": 1036, "type": "uint32", "unit": "kWh", "single": True}
        old = {"name": "old", "when": {"address": 1018, "type": "uint32", "between": [0, 30_000_000]},
               "points": [{**energy, "scale": 0.1}]}  # fmt: skip
        profile = modbus([{**energy, "scale": 0.0001}], traits={"single_values": True}, variants=[old])
        registers = {1018: firmware >> 16, 1019: firmware & 0xFFFF, 1036: 0x0001, 1037: 0xE240}
        return (await bench(profile, FakeMeter({3: registers}), settings=device()).values("ev_energy"))[0]

    assert run_virtual(main(31_000_000)) == 12.3456
    assert run_virtual(main(29_000_000)) == 12345.6
