"""Every SunSpec model that the project knows, read through the driver from registers laid out here."""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest

from drivers.catalog import Catalog, load_sunspec_models
from drivers.factory import scaling
from drivers.profile import SunspecField, SunspecPoint, SunspecProfile
from gateway.core.errors import Refused
from gateway.core.readout import Status
from gateway.core.units import conversion
from tests.drivers.test_sunspec import common, served
from tests.fakes_meter import VOCABULARY, bench, device, sunspec
from tests.fakes_stream import FakeMeter, run_virtual

MODELS = load_sunspec_models()
PROFILES = [file.profile for file in Catalog(VOCABULARY) if isinstance(file.profile, SunspecProfile)]
LENGTHS = {1: 66, 101: 50, 102: 50, 103: 50, 111: 60, 112: 60, 113: 60, 124: 24, 160: 28, 201: 105, 202: 105, 203: 105,
           204: 105, 211: 124, 212: 124, 213: 124, 214: 124, 701: 153, 802: 62}  # fmt: skip
"""Source: sunspec/models, the sizes of all points without model id and length."""
ABSENT = {
    "uint16": 0xFFFF, "int16": 0x8000, "enum16": 0xFFFF, "bitfield16": 0xFFFF, "sunssf": 0x8000, "uint32": 0xFFFFFFFF,
    "int32": 0x80000000, "enum32": 0xFFFFFFFF, "bitfield32": 0xFFFFFFFF, "uint64": 0xFFFFFFFFFFFFFFFF,
    "int64": 0x8000000000000000, "acc32": 0, "acc64": 0, "float32": 0x7FC00000, "float64": 0x7FF8000000000000,
    "string": 0, "pad": 0x8000,
}  # fmt: skip
"""Source: SunSpec Device Information Model Specification, version 1.1, table of data types."""
CASES = [
    pytest.param(profile, model, id=f"{profile.profile} {model}")
    for profile in PROFILES
    for model in dict.fromkeys(number for point in profile.points for number in point.model)
]


def laid_out(
    number: int,
    values: Mapping[str, int | float],
    *,
    groups: Sequence[Mapping[str, int | float]] | None = None,
    length: int | None = None,
) -> list[int]:
    """Return a model in which only the named points are implemented.

    Args:
        number: The model.
        values: Raw numbers by name.
        groups: Raw numbers of each group that it repeats.
        length: What it says its length is, and has.
    """
    model, extra = MODELS[number], groups or [{}]
    words = [number, 0, *[0] * (model.length + (len(extra) - 1) * model.repeat)]
    for field in model.fields:
        repeated = field.offset >= model.length + 2 - model.repeat
        for index, group in enumerate(extra if repeated else [values]):
            code = coded(field, group.get(field.name))
            start = field.offset + index * model.repeat
            words[start : start + field.size] = [code >> 16 * place & 0xFFFF for place in reversed(range(field.size))]
    words += [0xFFFF] * ((length or 0) + 2 - len(words))
    words = words[: length + 2] if length else words
    words[1] = len(words) - 2
    return words


def coded(field: SunspecField, value: float | None) -> int:
    """Return the bits of a value, or of none."""
    if value is None:
        return ABSENT[field.type]
    if field.type == "float32":
        return int.from_bytes(struct.pack(">f", value), "big")
    return int(value) & (1 << 16 * field.size) - 1


def only(profile: SunspecProfile, model: int) -> SunspecProfile:
    """Return the profile with the points that this model carries."""
    return profile.model_copy(update={"points": tuple(point for point in profile.points if model in point.model)})


def field_of(point: SunspecPoint, model: int) -> SunspecField:
    """Return where the point stands in that model."""
    return next(field for field in MODELS[model].fields if field.name == point.within(model).name)


@pytest.mark.parametrize(("number", "length"), LENGTHS.items(), ids=str)
def test_lengths(number: int, length: int) -> None:
    """A model is as long as the standard says; its points lie one behind the other to its last register."""
    model = MODELS[number]
    assert model.length == length
    place = 2
    for field in model.fields:
        assert field.offset == place, field.name
        place += field.size
    assert place == length + 2


def test_known_models() -> None:
    """The models that the project promises are there, and only one repeats a group."""
    assert set(MODELS) == set(LENGTHS)
    assert {number: model.repeat for number, model in MODELS.items() if model.repeat} == {160: 20}


@pytest.mark.parametrize(("profile", "model"), CASES)
def test_values_of_every_point(profile: SunspecProfile, model: int) -> None:
    """Each point of each profile is read from each model that it names, with its own unit and power of ten."""
    profile = only(profile, model)
    values: dict[str, int | float] = {}
    expected: dict[str, float | int] = {}
    for number, point in enumerate(profile.points):
        here, field = point.within(model), field_of(point, model)
        raw: int | float = 1.5 + number if field.type == "float32" else 11 + number
        power = Fraction(1)
        if isinstance(field.sf, str):
            values[field.sf] = -1
            power = Fraction(1, 10)
        if here.states is not None:
            raw = next(code for code in here.states if isinstance(code, int) and code)
            expected[point.point] = here.states[int(raw)]
        else:
            # A sum of trackers is that of the groups that the profile names.
            count = len(point.groups) if isinstance(point.groups, tuple) else 1
            factor = Fraction(repr(conversion(here.unit, VOCABULARY[point.point].unit).factor))
            told = float(Fraction(raw) * power * factor * Fraction(repr(here.scale)) * count)
            expected[point.point] = round(told) if VOCABULARY[point.point].is_integer else told
        values[field.name] = values.setdefault(field.name, raw)
        if values[field.name] != raw:
            del expected[point.point]
    groups = [values] * 4 if MODELS[model].repeat else None

    async def main() -> None:
        meter = served(common(), laid_out(model, values, groups=groups), base=profile.sunspec.bases[0])
        here = bench(profile, meter, settings=device(unit_id=1))
        readout = await here.read(*expected)
        assert dict(zip(readout.points, readout.values, strict=True)) == pytest.approx(expected, rel=1e-14)

    run_virtual(main())


@pytest.mark.parametrize(("profile", "model"), CASES)
def test_nothing_is_implemented(profile: SunspecProfile, model: int) -> None:
    """A model full of the codes for 'not implemented' has no value, whatever the types, and nothing is suspect."""
    profile = only(profile, model)
    names = tuple(point.point for point in profile.points)

    async def main() -> None:
        meter = served(common(), laid_out(model, {}, groups=[{}] * 4 if MODELS[model].repeat else None))
        readout = await bench(profile, meter, settings=device(unit_id=1)).read(*names)
        assert (set(readout.values), readout.suspect) == ({None}, frozenset())

    run_virtual(main())


@pytest.mark.parametrize(("profile", "model"), CASES)
def test_values_without_their_power_of_ten(profile: SunspecProfile, model: int) -> None:
    """Where the power of ten is not implemented, there is no value, whatever the number beside it says."""
    profile = only(profile, model)
    scaled = [point for point in profile.points if isinstance(field_of(point, model).sf, str)]
    values: dict[str, int | float] = {field_of(point, model).name: 100 for point in scaled}
    groups = [values] * 4 if MODELS[model].repeat else None

    async def main() -> None:
        meter = served(common(), laid_out(model, values, groups=groups))
        here = bench(profile, meter, settings=device(unit_id=1))
        readout = await here.read(*(point.point for point in profile.points))
        held = dict(zip(readout.points, readout.values, strict=True))
        assert {held[point.point] for point in scaled} <= {None}

    run_virtual(main())


def test_units_of_every_case() -> None:
    """What a profile says of a single model converts to the vocabulary's unit, and its model carries the point."""
    for profile in PROFILES:
        for point in profile.points:
            assert set(point.cases) <= set(point.model)
            for model in point.model:
                assert field_of(point, model)
                conversion(point.within(model).unit, VOCABULARY[point.point].unit)


TRACKERS: list[dict[str, Any]] = [
    {"point": "pv_power_dc", "model": [160], "name": "DCW", "unit": "W"},
    {"point": "pv_voltage_dc", "model": [160], "name": "DCV", "unit": "V"},
]
SUM: list[dict[str, Any]] = [{"point": "pv_power_dc", "model": [160], "name": "DCW", "unit": "W", "groups": "all"}]
HEAD = {"DCW_SF": 1, "DCV_SF": -1, "N": 3}
THREE: list[Mapping[str, int | float]] = [{"DCW": 100, "DCV": 3001}, {"DCW": 200, "DCV": 3002}, {"DCW": 3, "DCV": 3003}]


def test_trackers_by_instance() -> None:
    """Each tracker is a device of its own; one that the inverter has not is refused with the models that it has."""

    async def main() -> None:
        meter = served(common(), laid_out(160, HEAD, groups=THREE))
        for number, values in ((None, (1000.0, 300.1)), (2, (2000.0, 300.2)), (3, (30.0, 300.3))):
            here = bench(sunspec(TRACKERS), meter, settings=device(instance=number))
            assert await here.values("pv_power_dc", "pv_voltage_dc") == values
        with pytest.raises(Refused, match="the unit has models 1, 160, and no point of"):
            await bench(sunspec(TRACKERS), meter, settings=device(instance=4)).read("pv_power_dc")

    run_virtual(main())


def test_sum_of_trackers() -> None:
    """The sum is of as many as the model is long, not as its own count says; one without a value spoils it."""

    async def main() -> None:
        for count, told in ((1, 1000.0), (2, 3000.0), (3, 3030.0)):
            meter = served(common(), laid_out(160, HEAD, groups=THREE[:count]))
            assert await bench(sunspec(SUM), meter).values("pv_power_dc") == (told,)
        chosen = sunspec([{**SUM[0], "groups": [1, 3]}])
        assert await bench(chosen, served(common(), laid_out(160, HEAD, groups=THREE))).values("pv_power_dc") == (
            1030.0,
        )
        meter = served(common(), laid_out(160, HEAD, groups=[THREE[0], {}]))
        assert await bench(sunspec(SUM), meter).values("pv_power_dc") == (None,)
        empty = served(common(), laid_out(160, HEAD, length=8))
        with pytest.raises(Refused):
            await bench(sunspec(SUM), empty).read("pv_power_dc")

    run_virtual(main())


METER: list[dict[str, Any]] = [{"point": "elec_power_active", "model": [203, 213], "name": "W", "unit": "W"}]


def test_several_meters_in_one_chain() -> None:
    """Behind an inverter each meter has a common model and a model of its own; `instance` counts those of one id."""

    async def main() -> None:
        second = [*common()]
        second[2 + 48 : 2 + 50] = struct.unpack(">2H", b"M2\0\0")
        first_meter, second_meter = laid_out(203, {"W": 11, "W_SF": 0}), laid_out(203, {"W": -22, "W_SF": 0})
        meter = served(common(), laid_out(103, {}), common(65), first_meter, second, second_meter)
        assert await bench(sunspec(METER), meter).values("elec_power_active") == (11.0,)
        here = bench(sunspec(METER), meter, settings=device(instance=2))
        assert await here.values("elec_power_active") == (-22.0,)
        assert (await here.driver.identify())["serial_number"].startswith("M2")
        with pytest.raises(Refused):
            await bench(sunspec(METER), meter, settings=device(instance=3)).read("elec_power_active")

    run_virtual(main())


def test_models_longer_than_the_standard() -> None:
    """What a maker adds behind a model moves the next one, and changes nothing of the points before it."""

    async def main() -> None:
        points = [*METER, {"point": "bat_soc", "model": [802], "name": "SoC", "unit": "%"}]
        longer = laid_out(203, {"W": 7, "W_SF": 2}, length=120)
        meter = served(laid_out(1, {}, length=70), longer, laid_out(802, {"SoC": 505, "SoC_SF": -1}))
        assert await bench(sunspec(points), meter).values("elec_power_active", "bat_soc") == (700.0, 50.5)

    run_virtual(main())


@pytest.mark.parametrize("base", [40000, 50000, 0, 41000])
def test_bases_that_the_profile_names(base: int) -> None:
    """The chain is found at each base that the profile names, and no other is asked for."""

    async def main() -> None:
        meter = served(common(), laid_out(203, {"W": 7, "W_SF": 0}), base=base)
        here = bench(sunspec(METER, sunspec={"bases": [base]}), meter)
        assert await here.values("elec_power_active") == (7.0,)
        assert min(address for _, address, _ in meter.requests) == base

    run_virtual(main())


@pytest.mark.parametrize("end", [[0xFFFF, 0], [0xFFFF, 0xFFFF], [0, 0], []])
def test_ends_of_the_chain(end: list[int]) -> None:
    """The chain ends at its end model, at zeros, and where the device has no more registers."""

    async def main() -> None:
        words = [0x5375, 0x6E53, *common(), *laid_out(203, {"W": 7, "W_SF": 0}), *end]
        meter = FakeMeter({3: {40000 + index: word for index, word in enumerate(words)}})
        assert await bench(sunspec(METER), meter).values("elec_power_active") == (7.0,)

    run_virtual(main())


def test_powers_of_ten_that_change() -> None:
    """A number and its power of ten are of one instant at every poll, however they change together."""

    async def main() -> None:
        meter = served(common(), laid_out(203, {"W": 4567, "W_SF": -1}))
        here, place = bench(sunspec(METER), meter), 40002 + 68
        fields = {field.name: field.offset for field in MODELS[203].fields}
        for raw, power, value in (
            (4567, -1, 456.7),
            (457, 0, 457.0),
            (46, 1, 460.0),
            (-5, 3, -5000.0),
            (1, -0x8000, None),
        ):
            meter.registers[3][place + fields["W"]] = raw & 0xFFFF
            meter.registers[3][place + fields["W_SF"]] = power & 0xFFFF
            assert await here.values("elec_power_active") == (value,)

    run_virtual(main())


def test_rollover_stands_in_the_catalogue() -> None:
    """Counters of 32 bits say where they begin again; those of 64 bits and of floats do not."""
    points = [{
        "point": "pv_energy", "model": [103, 113, 701], "name": "WH", "unit": "Wh", "wrap": 4294967296,
        "cases": {113: {}, 701: {"name": "TotWhInj"}},
    }]  # fmt: skip
    for first, name, wrap in ((103, "WH", 1 << 32), (113, "WH", None), (701, "TotWhInj", None)):
        ordered = [{**points[0], "model": [first]}]
        origin = scaling(sunspec(ordered), device(), VOCABULARY)["pv_energy"].origin
        assert (origin["name"], origin.get("wrap")) == (name, wrap)
    later = sunspec([{**SUM[0], "groups": [4]}])
    assert set(scaling(later, device(), VOCABULARY)) == {"pv_power_dc"}
    trackers = scaling(sunspec(SUM), device(instance=2), VOCABULARY)["pv_power_dc"].origin
    assert (trackers["groups"], trackers["instance"]) == ("all", 2)


def test_partial_device() -> None:
    """A point whose models the device has not is missing; one that is optional is not."""

    async def main() -> None:
        points = [*METER, {"point": "bat_soc", "model": [802], "name": "SoC", "unit": "%"}]
        meter = served(common(), laid_out(203, {"W": 7, "W_SF": 0}))
        assert (await bench(sunspec(points), meter).read("elec_power_active", "bat_soc")).status is Status.PARTIAL
        points[1]["optional"] = True
        readout = await bench(sunspec(points), meter).read("elec_power_active", "bat_soc")
        assert (readout.values, readout.status) == ((7.0, None), Status.OK)

    run_virtual(main())
