"""A SunSpec device as registers: the marker, the common model, the models that a profile reads, the end.

Source: SunSpec Device Information Model Specification, version 1.1, chapters 4 to 6.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.profile import Exponent, ModbusPoint, SunspecModel, SunspecPoint, SunspecProfile, Table, ValueType
from gateway.core.errors import ConfigError
from gateway.sim.words import Slot, to_words

MARKER: Final = (0x5375, 0x6E53)
"""The characters SunS."""
END_MODEL: Final = 0xFFFF
COMMON_MODEL: Final = 1
_THREE_PHASE_INVERTER: Final = 103
_COUNT: Final = "N"
"""The point that says how many groups follow."""

_TYPES: Final[Mapping[str, tuple[ValueType, tuple[int, ...]]]] = {
    "uint16": (ValueType.UINT16, (0xFFFF,)),
    "int16": (ValueType.INT16, (0x8000,)),
    "sunssf": (ValueType.INT16, (0x8000,)),
    "enum16": (ValueType.UINT16, (0xFFFF,)),
    "bitfield16": (ValueType.BITS16, (0xFFFF,)),
    "uint32": (ValueType.UINT32, (0xFFFFFFFF,)),
    "int32": (ValueType.INT32, (0x80000000,)),
    "enum32": (ValueType.UINT32, (0xFFFFFFFF,)),
    "bitfield32": (ValueType.BITS32, (0xFFFFFFFF,)),
    "acc32": (ValueType.UINT32, (0,)),
    "acc64": (ValueType.UINT64, (0,)),
    "uint64": (ValueType.UINT64, (0xFFFFFFFFFFFFFFFF,)),
    "int64": (ValueType.INT64, (0x8000000000000000,)),
    "float32": (ValueType.FLOAT32, ()),
    "float64": (ValueType.FLOAT64, ()),
    "string": (ValueType.STRING, ()),
}
"""SunSpec type → how it lies in registers, and its code for 'not implemented'."""
_NAN: Final = {"float32": 0x7FC00000, "float64": 0x7FF8000000000000, "string": 0, "pad": 0x8000}


@dataclass(frozen=True, slots=True)
class SunspecImage:
    """A device's registers from its base, and where its points lie in them."""

    base: int
    words: tuple[int, ...]
    points: tuple[ModbusPoint, ...]


def sunspec_image(profile: SunspecProfile, models: Mapping[int, SunspecModel], *, serial: str) -> SunspecImage:
    """Return the registers of a device that has every point of the profile.

    Args:
        profile: Which points, and where the chain begins.
        models: Definitions by model id.
        serial: What the device calls itself.

    Raises:
        ConfigError: a point is in none of the models it names.
    """
    base = profile.sunspec.bases[0]
    chosen = _chosen(profile.points, models)
    words = [*MARKER]
    points: list[ModbusPoint] = []
    for model_id in (COMMON_MODEL, *chosen):
        model = models[model_id]
        texts = (
            {"Mn": profile.maker, "Md": profile.model, "Vr": "1.0", "SN": serial} if model_id == COMMON_MODEL else {}
        )
        here = [point for point in profile.points if _home(point, chosen, models) == model_id]
        points += [_point(point.within(model_id), model, base + len(words)) for point in here]
        words += _content(model, texts, here)
    return SunspecImage(base, (*words, END_MODEL, 0), tuple(points))


def _chosen(points: Sequence[SunspecPoint], models: Mapping[int, SunspecModel]) -> list[int]:
    """Return a small set of models that together carry all points, in ascending order."""
    chosen: list[int] = []
    open_points = list(points)
    while open_points:
        carried = {model_id: sum(_carries(models[model_id], point) for point in open_points) for model_id in models}
        best = max(carried, key=lambda each: (carried[each], each == _THREE_PHASE_INVERTER, -each))
        if carried[best] == 0:
            lost = open_points[0]
            raise ConfigError(f"{lost.point}: no SunSpec model {_listed(lost.model)} has a point {lost.name!r}")
        chosen.append(best)
        open_points = [each for each in open_points if not _carries(models[best], each)]
    return sorted(chosen)


def _home(point: SunspecPoint, chosen: Sequence[int], models: Mapping[int, SunspecModel]) -> int:
    """Return the first model of the point that the device has."""
    return next(each for each in point.model if each in chosen and _carries(models[each], point))


def _carries(model: SunspecModel, point: SunspecPoint) -> bool:
    name = point.within(model.id).name
    return model.id in point.model and any(field.name == name for field in model.fields)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _content(model: SunspecModel, texts: Mapping[str, str], points: Sequence[SunspecPoint]) -> list[int]:
    """Return a model's registers with every point 'not implemented', except the given texts.

    What the model repeats is there as often as a point asks for; the parts of a sum behind its first one are 0.
    """
    last = max((group for point in points for group in _groups(point)), default=1)
    length = model.length + (last - 1) * model.repeat
    words = [model.id, length, *(0 for _ in range(length))]
    for field in model.fields:
        if field.name in texts:
            slot = Slot(Table.HOLDING, 0, ValueType.STRING, field.size)
            held: Sequence[int] = to_words(slot, texts[field.name][: 2 * field.size])
        else:
            code = _TYPES[field.type][1][0] if _TYPES.get(field.type, ("", ()))[1] else _NAN[field.type]
            held = [code >> 16 * index & 0xFFFF for index in reversed(range(field.size))]
        for group in range(last if model.is_repeated(field) else 1):
            place = field.offset + group * model.repeat
            words[place : place + field.size] = held
    for point in points:
        field = next(field for field in model.fields if field.name == point.within(model.id).name)
        for group in _groups(point)[1:]:
            place = field.offset + (group - 1) * model.repeat
            words[place : place + field.size] = [0] * field.size
    if model.repeat and any(field.name == _COUNT for field in model.fields):
        words[next(field.offset for field in model.fields if field.name == _COUNT)] = last
    return words


def _groups(point: SunspecPoint) -> tuple[int, ...]:
    """Return the repeated groups of a point; all of a device that has one."""
    return point.groups if isinstance(point.groups, tuple) else (1,)


def _point(point: SunspecPoint, model: SunspecModel, start: int) -> ModbusPoint:
    """Return the point as one with a fixed address, for a model that begins at `start`."""
    first = start
    field = next(field for field in model.fields if field.name == point.name)
    start += (_groups(point)[0] - 1) * model.repeat if model.is_repeated(field) else 0
    kind, absent = _TYPES[field.type]
    if kind in (ValueType.BITS16, ValueType.BITS32) and point.states is None:
        kind = ValueType.UINT16 if kind is ValueType.BITS16 else ValueType.UINT32
    return ModbusPoint(
        point=point.point,
        unit=point.unit,
        scale=point.scale * 10.0**field.sf if isinstance(field.sf, int) else point.scale,
        offset=point.offset,
        states=point.states,
        otherwise=point.otherwise,
        absent=point.absent + absent,
        multiply_by=point.multiply_by,
        wrap=point.wrap,
        table=Table.HOLDING,
        word_order="big",
        address=start + field.offset,
        type=kind,
        count=field.size if kind is ValueType.STRING else None,
        scale_from=_exponent(field.sf, model, first) if isinstance(field.sf, str) else None,
    )


def _exponent(name: str, model: SunspecModel, start: int) -> Exponent:
    field = next(field for field in model.fields if field.name == name)
    return Exponent(address=start + field.offset, type=ValueType.INT16, table=Table.HOLDING)
