"""SunSpec devices: found at their base, followed along the chain, read with their powers of ten."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.catalog import load_sunspec_models
from drivers.factory import points_of, read_plan, scaling
from drivers.profile import SunspecProfile
from drivers.sunspec.chain import Placed, Walk, walk
from gateway.core.errors import CorruptFrame, NoAnswer, Refused
from gateway.core.readout import Status
from gateway.core.site import LinkSettings
from tests.fakes_meter import RTU, TCP, VOCABULARY, bench, device, sunspec
from tests.fakes_stream import FakeMeter, run_virtual, tcp_device

MODELS = load_sunspec_models()
POINTS: list[dict[str, Any]] = [
    {"point": "pv_power_ac", "model": [103, 113], "name": "W", "unit": "W"},
    {"point": "pv_energy", "model": [103, 113], "name": "WH", "unit": "Wh", "wrap": 4294967295},
    {"point": "elec_voltage_l1", "model": [103, 113], "name": "PhVphA", "unit": "V"},
    {"point": "elec_frequency", "model": [103, 113], "name": "Hz", "unit": "Hz"},
    {"point": "pv_state", "model": [103, 113], "name": "St", "unit": "1", "states": {4: 4, 7: 7}},
    {"point": "pv_temp_cabinet", "model": [103, 113], "name": "TmpCab", "unit": "Cel", "optional": True},
]
PROFILE = sunspec(POINTS, kind="pv_inverter")
NAMES = tuple(str(point["point"]) for point in POINTS)


def text(words: str, size: int) -> list[int]:
    """Return registers of a text."""
    octets = words.encode().ljust(2 * size, b"\0")
    return list(struct.unpack(f">{size}H", octets))


def common(length: int = 66) -> list[int]:
    """Return the common model."""
    held = [*text("Acme", 16), *text("Sun 5", 16), *text("", 8), *text("1.2.3", 8), *text("SN-77", 16), 1, 0x8000]
    return [1, length, *held[:length]]


def model(number: int, values: Mapping[str, int], *, length: int | None = None) -> list[int]:
    """Return a model in which only the named points are implemented."""
    table = MODELS[number]
    words = [0xFFFF] * (table.length + 2)
    for field in table.fields:
        if field.type in ("int16", "sunssf"):
            words[field.offset] = 0x8000
        if field.name in values:
            code = values[field.name] & (1 << 16 * field.size) - 1
            words[field.offset : field.offset + field.size] = [
                code >> 16 * index & 0xFFFF for index in reversed(range(field.size))
            ]
    words[0], words[1] = number, length or table.length
    return words[: words[1] + 2]


INVERTER = model(
    103,
    {"W": 4567, "W_SF": -1, "WH": 1234567, "WH_SF": 1, "PhVphA": 2301, "V_SF": -1, "Hz": 4998, "Hz_SF": -2, "St": 4},
)
VALUES = (456.7, 12345.67, 230.1, 49.98, 4, None)


def served(*models: Sequence[int], base: int = 40000) -> FakeMeter:
    """Return a device with these models behind the marker."""
    words = [0x5375, 0x6E53, *(word for each in models for word in each), 0xFFFF, 0]
    return FakeMeter({3: {base + index: word for index, word in enumerate(words)}})


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("link", [TCP, RTU], ids=["tcp", "rtu"])
def test_found_at_each_base(base: int, link: LinkSettings) -> None:
    """The marker is looked for where it may stand, and the values are read wherever their model is."""

    async def main() -> None:
        here = bench(PROFILE, served(common(), INVERTER, base=base), link=link)
        readout = await here.read(*NAMES)
        assert (readout.values, readout.status) == (VALUES, Status.OK)
        assert await here.values(*NAMES) == VALUES

    run_virtual(main())


def test_found_where_other_bases_are_silent() -> None:
    """A device that says nothing where it has no registers is found after as many polls as it has silent bases."""

    async def main() -> None:
        healthy = tcp_device({1: served(common(), INVERTER, base=0)})
        here = bench(PROFILE, lambda frame: healthy(frame) if frame[8] < 0x80 else [])
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await here.read(*NAMES)
        assert await here.values(*NAMES) == VALUES

    run_virtual(main())


def test_one_request_per_poll() -> None:
    """On a socket all values and their powers of ten come in one request."""

    async def main() -> None:
        meter = served(common(), INVERTER)
        here = bench(PROFILE, meter)
        await here.read(*NAMES)
        meter.requests.clear()
        await here.read(*NAMES)
        assert len(meter.requests) == 1

    run_virtual(main())


def test_small_requests_keep_value_and_power_of_ten_together() -> None:
    """A device that takes few registers still gives each value with its power of ten in one request."""

    async def main() -> None:
        meter = served(common(), INVERTER)
        profile = sunspec(POINTS, kind="pv_inverter", sunspec={"max_registers": 8})
        here = bench(profile, meter)
        assert await here.values(*NAMES) == VALUES
        meter.requests.clear()
        await here.read(*NAMES)
        start = 40002 + 68
        for value, exponent in ((14, 15), (24, 26), (10, 13), (16, 17)):
            assert any(
                address <= start + value and start + exponent < address + count for _, address, count in meter.requests
            )
        assert all(count <= 8 for _, _, count in meter.requests)

    run_virtual(main())


def test_model_lengths_of_the_device_count() -> None:
    """A common model without its pad moves everything behind it, and a model cut short lacks its last points."""

    async def main() -> None:
        assert await bench(PROFILE, served(common(65), INVERTER)).values(*NAMES) == VALUES
        cut = model(103, {"W": 4567, "W_SF": -1, "PhVphA": 2301, "V_SF": -1, "Hz": 4998, "Hz_SF": -2}, length=20)
        readout = await bench(PROFILE, served(common(), cut)).read(*NAMES)
        assert readout.values == (456.7, None, 230.1, 49.98, None, None)
        assert readout.status is Status.PARTIAL

    run_virtual(main())


def test_first_model_of_the_point_that_is_there_counts() -> None:
    """A float inverter gives the same points from its own model, without powers of ten."""

    async def main() -> None:
        bits = {"W": 456.7, "WH": 12345670.0, "PhVphA": 230.1, "Hz": 49.98}
        held = {name: struct.unpack(">I", struct.pack(">f", number))[0] for name, number in bits.items()}
        here = bench(PROFILE, served(common(), model(120, {}) if 120 in MODELS else [120, 2, 0, 0], model(113, held)))
        assert await here.values(*NAMES[:4]) == (456.7, 12345.67, 230.1, 49.98)

    run_virtual(main())


def test_not_implemented_is_no_value() -> None:
    """The code of each type for 'not implemented' is no value, and nothing is suspect."""

    async def main() -> None:
        readout = await bench(PROFILE, served(common(), model(103, {}))).read(*NAMES)
        assert (readout.values, readout.suspect, readout.status) == ((None,) * 6, frozenset(), Status.PARTIAL)

    run_virtual(main())


def test_device_without_marker() -> None:
    """A device that is no SunSpec device is refused with the reason."""

    async def main() -> None:
        meter = FakeMeter({3: dict.fromkeys(range(40000, 40100), 0)})
        with pytest.raises(Refused, match="meter: the unit is no SunSpec device, as asked for by test/meter"):
            await bench(PROFILE, meter).read(*NAMES)
        with pytest.raises(Refused, match="meter: the unit has models 1, 201, and no point of test/meter"):
            await bench(PROFILE, served(common(), model(201, {}))).read(*NAMES)

    run_virtual(main())


def test_models_are_found_again_after_silence() -> None:
    """An inverter that comes back with other models is read by those."""

    async def main() -> None:
        meter, alive = served(common(), INVERTER), [True]
        healthy = tcp_device({1: meter})
        here = bench(PROFILE, lambda frame: healthy(frame) if alive[0] else [])
        assert await here.values(*NAMES) == VALUES
        alive[0] = False
        with pytest.raises(NoAnswer):
            await here.read(*NAMES)
        meter.registers = served(common(65), [999, 3, 0, 0, 0], INVERTER).registers
        alive[0] = True
        assert await here.values(*NAMES) == VALUES

    run_virtual(main())


def test_device_that_starts_is_not_believed() -> None:
    """Registers that are all 0 after a counter was not are no values."""

    async def main() -> None:
        meter = served(common(), INVERTER)
        here = bench(PROFILE, meter)
        await here.read("pv_energy", "pv_power_ac")
        for address in range(40000 + 2 + 68 + 2, 40000 + 2 + 68 + 52):
            meter.registers[3][address] = 0
        readout = await here.read("pv_energy", "pv_power_ac")
        assert readout.values == (None, 0.0)

    run_virtual(main())


def test_device_says_who_it_is() -> None:
    """Maker, model, version and serial number are in the common model."""

    async def main() -> None:
        for link in (TCP, RTU):
            assert await bench(PROFILE, served(common(), INVERTER), link=link).driver.identify() == {
                "serial_number": "SN-77", "firmware": "1.2.3", "model": "Sun 5", "maker": "Acme",
            }  # fmt: skip

    run_virtual(main())


def test_inverted_device() -> None:
    """Sign and direction are turned here as well."""

    async def main() -> None:
        here = bench(PROFILE, served(common(), INVERTER), settings=device(invert=True))
        assert await here.values("pv_power_ac", "elec_voltage_l1") == (-456.7, 230.1)

    run_virtual(main())


def follow(steps: Walk, registers: Mapping[int, int]) -> tuple[Placed, ...]:
    """Return what a walk finds in these registers."""
    address, count = next(steps)
    try:
        while True:
            wanted = range(address, address + count)
            held = (
                b"".join(registers[each].to_bytes(2, "big") for each in wanted)
                if set(wanted) <= set(registers)
                else None
            )
            address, count = steps.send(held)
    except StopIteration as found:
        models: tuple[Placed, ...] = found.value
        return models


def test_chain_is_followed_to_its_end() -> None:
    """Each model is placed behind the one before it, and the end model ends the chain."""
    registers = served(common(), INVERTER, model(120, {}) if 120 in MODELS else [120, 1, 0]).registers[3]
    found = follow(walk((40000,)), registers)
    assert [(placed.model, placed.start) for placed in found] == [(1, 40002), (103, 40070), (120, 40122)]


@given(st.lists(st.integers(0, 0xFFFF), max_size=400), st.integers(0, 65000))
def test_no_chain_is_endless(words: list[int], base: int) -> None:
    """Whatever the registers say, the walk ends within a bounded number of reads, and places models upwards."""
    words = [0x5375, 0x6E53, *words]
    registers = {base + index: word for index, word in enumerate(words) if base + index <= 0xFFFF}
    found = follow(walk((base,)), registers)
    assert len(found) <= 100
    starts = [placed.start for placed in found]
    assert starts == sorted(set(starts))


def test_models_of_no_length_end_by_themselves() -> None:
    """A chain of empty models is given up after a hundred."""
    registers = {40000: 0x5375, 40001: 0x6E53} | {40002 + index: 7 * (1 - index % 2) for index in range(1000)}
    assert len(follow(walk((40000,)), registers)) == 100


def test_plan_and_scaling_before_the_device_is_known() -> None:
    """What a poll will cost, and how values come from models, is known from the profile alone."""
    plan = read_plan(device(), PROFILE, TCP, points_of(PROFILE, device()))
    assert len(plan.blocks) == 1
    assert 0.0 < plan.duration_s < 0.1
    found = scaling(PROFILE, device(), VOCABULARY)
    assert set(found) == set(NAMES)
    energy = found["pv_energy"]
    assert (energy.unit, energy.factor, energy.offset) == ("kWh", 0.001, 0.0)
    assert energy.origin == {
        "models": "103, 113", "name": "WH", "type": "acc32", "exponent": "WH_SF", "raw_wrap": 1 << 32,
        "wrap": 4294967295,
    }  # fmt: skip
    assert found["pv_state"].factor == 1.0


def test_profile_without_known_models_has_no_scaling() -> None:
    """A model that the table does not know gives no point, and no error before the device is asked."""
    unknown = sunspec([{"point": "pv_power_ac", "model": [64999], "name": "W", "unit": "W"}])
    assert scaling(unknown, device(), VOCABULARY) == {}
    assert isinstance(unknown, SunspecProfile)
    assert read_plan(device(), unknown, TCP, ("pv_power_ac",)).blocks == ()


def test_wake_up_full_of_ones_is_not_corrupt() -> None:
    """An inverter that wakes up says nothing for a while; that is partial, not an error."""

    async def main() -> None:
        meter = served(common(), [103, 50, *[0xFFFF] * 50])
        try:
            readout = await bench(PROFILE, meter).read(*NAMES)
        except CorruptFrame:  # pragma: no cover - what must not happen
            pytest.fail("taken for corrupt")
        assert readout.status is Status.PARTIAL

    run_virtual(main())
