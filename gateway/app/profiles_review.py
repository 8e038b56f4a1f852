"""What a profile's schema cannot see: registers that contradict one another, and what is missing for others. Pure."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import ValidationError

from drivers.catalog import load_sunspec_models
from drivers.modbus.pdu import BIT_TABLES
from drivers.profile import (
    LAST_ADDRESS,
    ModbusPoint,
    ModbusProfile,
    Profile,
    RegisterField,
    SunspecProfile,
    Table,
    ValueType,
)
from gateway.app.profiles_trial import Problem
from gateway.core.site import LinkSettings
from gateway.document.tree import Place

_BITS_OF_A_REGISTER = 16
_FEW_VALUES = 3
_SOURCES = 2


def contradictions(profile: Profile) -> Iterator[Problem]:
    """Yield what cannot be in a profile that follows the schema."""
    yield from _impossible_lines(profile)
    if isinstance(profile, SunspecProfile):
        yield from _unknown_in_models(profile)
    if not isinstance(profile, ModbusProfile):
        return
    yield from _overlaps(profile)
    for place, point in _points(profile):
        yield from _sizes(place, point, profile)
        yield from _codes(place, point)
        yield from _tables(place, point, profile)
    if profile.instances is not None:
        last = max(field.address + field.words - 1 for _, point in _points(profile) for field in point.fields)
        reach = last + (profile.instances.max - 1) * profile.instances.stride
        if reach > LAST_ADDRESS:
            yield ("instances", "max"), f"the last instance reaches to address {reach}, beyond {LAST_ADDRESS}"
    yield from _untested_registers(profile)


def remarks(profile: Profile, path: Path) -> Iterator[str]:
    """Yield what is missing before others can rely on the profile."""
    if f"{path.parent.name}/{path.stem}" != profile.profile:
        yield f"kvarter finds it as {profile.profile} only in a file {profile.profile}.yaml of a folder with profiles"
    if len(profile.source) < _SOURCES:
        yield "one source only: name the maker's document, or two independent sources"
    if not all(each.version.strip() and each.note.strip() for each in profile.source):
        yield "a source without version or note: say which edition it is, and what was taken from it"
    if not profile.caveats:
        yield "no caveats: say what a reader of the values must know"
    if not profile.setup:
        yield "no setup: say how address and baud rate are set on the device"
    if isinstance(profile, ModbusProfile) and not profile.fingerprint:
        yield "no fingerprint: kvarter scan cannot tell the model"
    yield from _remarks_on_tests(profile)
    if not profile.verified:
        yield "verified by nobody yet: compare the values with the display of a device, and say so under `verified`"


def _remarks_on_tests(profile: Profile) -> Iterator[str]:
    tested = {name for test in profile.tests for name, value in test.expect.items() if value is not None}
    if untested := [point.point for point in profile.points if point.point not in tested]:
        yield f"points without an expected value in the tests: {', '.join(untested)}"
    if any(len(test.expect) < _FEW_VALUES for test in profile.tests):
        yield f"a test with fewer than {_FEW_VALUES} expected values says little"
    if not all(test.note for test in profile.tests):
        yield "a test without note: say where its expected values come from"


def _points(profile: ModbusProfile) -> Iterator[tuple[Place, ModbusPoint]]:
    for index, point in enumerate(profile.points):
        yield ("points", index), point
    for number, variant in enumerate(profile.variants):
        for index, point in enumerate(variant.points):
            yield ("variants", number, "points", index), point


def _fields(point: ModbusPoint) -> tuple[RegisterField, ...]:
    return (*point.fields, *((point.scale_from,) if point.scale_from else ()))


def _impossible_lines(profile: Profile) -> Iterator[Problem]:
    """Yield what no serial port can be set to."""
    factory = profile.link_defaults.model_dump(exclude={"tcp_port", "unit_id"}, exclude_none=True)
    try:
        LinkSettings.model_validate({"id": "link", "serial": "serial", **factory})
    except ValidationError as exc:
        for error in exc.errors():
            yield ("link_defaults", *error["loc"]), error["msg"][:1].lower() + error["msg"][1:]


def _overlaps(profile: ModbusProfile) -> Iterator[Problem]:
    """Yield each point that reads registers of another one as something else."""
    places = [
        (("points", index), point.point, field)
        for index, point in enumerate(profile.points)
        for field in _fields(point)
    ]
    for (_, other, one), (place, name, two) in combinations(places, 2):
        if name == other or (one.table or profile.modbus.table) != (two.table or profile.modbus.table):
            continue
        same = (one.address, one.type, one.words) == (two.address, two.type, two.words)
        if not same and one.address < two.address + two.words and two.address < one.address + one.words:
            first, last = max(one.address, two.address), min(one.address + one.words, two.address + two.words) - 1
            where = f"register {_hex(first)}" if first == last else f"registers {_hex(first)} to {_hex(last)}"
            yield place, f"{name} overlaps {other}: {where}"


def _sizes(place: Place, point: ModbusPoint, profile: ModbusProfile) -> Iterator[Problem]:
    most = profile.modbus.max_registers
    for field in _fields(point):
        if field.words > most:
            yield place, f"{point.point} takes {field.words} registers, and a request at most {most} (max_registers)"
        hole = next((each for each in profile.modbus.holes if _touches(field, each)), None)
        if hole is not None:
            yield place, f"{point.point} lies in the hole {_hex(hole[0])} to {_hex(hole[1])}"


def _touches(field: RegisterField, hole: tuple[int, int]) -> bool:
    return field.address <= hole[1] and hole[0] < field.address + field.words


def _codes(place: Place, point: ModbusPoint) -> Iterator[Problem]:
    for field in point.fields:
        bits = 1 if field.type is ValueType.BIT else _BITS_OF_A_REGISTER * field.words
        for index, code in enumerate(point.absent):
            if not 0 <= code < 1 << bits:
                yield (
                    (*place, "absent", index),
                    f"{code} does not fit into {field.type}; write it as an unsigned number",
                )
        if field.type in (ValueType.BITS16, ValueType.BITS32):
            for bit in point.states or ():
                if not isinstance(bit, int) or not 0 <= bit < bits:
                    yield (*place, "states", bit), f"{field.type} has the bits 0 to {bits - 1}"


def _tables(place: Place, point: ModbusPoint, profile: ModbusProfile) -> Iterator[Problem]:
    for field in _fields(point):
        table = field.table or profile.modbus.table
        if (table in BIT_TABLES) != (field.type is ValueType.BIT):
            yield place, f"{field.type} cannot lie in table {table}"


def _untested_registers(profile: ModbusProfile) -> Iterator[Problem]:
    """Yield each expected value whose registers the test does not give, neither for the model nor for a variant."""
    points: dict[str, list[ModbusPoint]] = {}
    for _, point in _points(profile):
        points.setdefault(point.point, []).append(point)
    for number, test in enumerate(profile.tests):
        shift = (profile.instances.stride if profile.instances else 0) * ((test.instance or 1) - 1)
        runs = ((profile.modbus.table, test.registers), *test.tables.items())
        held = {
            (table, first + index) for table, run in runs for first, words in run.items() for index in range(len(words))
        }
        for name, value in test.expect.items():
            ways = [_missing(point, held, shift, profile.modbus.table) for point in points.get(name, ())]
            is_absent = value is None and any(point.optional for point in points.get(name, ()))
            if ways and all(ways) and not is_absent:
                yield ("tests", number, "expect", name), f"the test does not give {', '.join(ways[0])}"


def _missing(point: ModbusPoint, held: set[tuple[Table | None, int]], shift: int, table: Table | None) -> Sequence[str]:
    needed = [
        (field.table or table, field.address + shift + index)
        for field in _fields(point)
        for index in range(field.words)
    ]
    return [f"{place} {_hex(address)}" for place, address in needed if (place, address) not in held]


def _unknown_in_models(profile: SunspecProfile) -> Iterator[Problem]:
    models = load_sunspec_models()
    for index, point in enumerate(profile.points):
        for model in point.model:
            if model not in models:
                yield ("points", index, "model"), f"model {model} is not known; known are {', '.join(map(str, models))}"
                continue
            case = point.within(model)
            if case.name not in {field.name for field in models[model].fields}:
                yield ("points", index, "name"), f"model {model} has no point {case.name}"


def _hex(address: int) -> str:
    return f"0x{address:04X}"
