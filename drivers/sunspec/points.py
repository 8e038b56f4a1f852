"""A SunSpec profile and the models of one device → what is to be read. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drivers.modbus.points import limits_of, opposite, straight_of
from drivers.modbus.spec import PointSpec, Slot
from drivers.profile import SunspecField, SunspecModel, SunspecPoint, SunspecProfile, Table, ValueType
from drivers.sunspec.chain import COMMON_MODEL, Placed
from gateway.core.quantity import Kind, Vocabulary
from gateway.core.site import DeviceSettings

_EXPONENT_ABSENT = frozenset({0x8000})
_HEADER_WORDS = 2

_TYPES: Mapping[str, tuple[ValueType, int | None]] = {
    "uint16": (ValueType.UINT16, 0xFFFF),
    "int16": (ValueType.INT16, 0x8000),
    "sunssf": (ValueType.INT16, 0x8000),
    "enum16": (ValueType.UINT16, 0xFFFF),
    "bitfield16": (ValueType.BITS16, 0xFFFF),
    "uint32": (ValueType.UINT32, 0xFFFF_FFFF),
    "int32": (ValueType.INT32, 0x8000_0000),
    "enum32": (ValueType.UINT32, 0xFFFF_FFFF),
    "bitfield32": (ValueType.BITS32, 0xFFFF_FFFF),
    "acc32": (ValueType.UINT32, 0),
    "uint64": (ValueType.UINT64, 0xFFFF_FFFF_FFFF_FFFF),
    "int64": (ValueType.INT64, 0x8000_0000_0000_0000),
    "acc64": (ValueType.UINT64, 0),
    "float32": (ValueType.FLOAT32, None),
    "float64": (ValueType.FLOAT64, None),
    "string": (ValueType.STRING, None),
}
"""SunSpec type → how it lies in registers, and its code for 'not implemented'."""

Held = Sequence[Placed]


@dataclass(frozen=True, slots=True)
class Located:
    """A point's field in a device."""

    field: SunspecField
    model: SunspecModel
    start: int
    """Address of the model's id."""
    point: SunspecPoint
    """As it is in this model."""
    groups: tuple[int, ...] = (1,)
    """Of what the model repeats, from 1."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Where the value lies, or the values whose sum it is."""
        return tuple(slot_at(self.field, self.start + (group - 1) * self.model.repeat) for group in self.groups)


def sunspec_specs(
    profile: SunspecProfile,
    settings: DeviceSettings,
    vocabulary: Vocabulary,
    *,
    held: Held,
    models: Mapping[int, SunspecModel],
) -> dict[str, PointSpec]:
    """Return the points that the device has, by vocabulary name.

    Args:
        profile: Which points, in which models.
        settings: What this device is.
        vocabulary: Units and plausible ranges.
        held: The models of the device.
        models: What is known of models, by id.
    """
    specs = {}
    for point in profile.points:
        located = locate(point, held, models, instance=settings.instance)
        if located is not None:
            spec = _spec(located, settings, vocabulary)
            specs[spec.name] = spec
    return specs


def locate(
    point: SunspecPoint, held: Held, models: Mapping[int, SunspecModel], *, instance: int | None = None
) -> Located | None:
    """Return where the first model of the point that the device has carries it, None where none does.

    Args:
        point: What the profile says.
        held: The models of the device.
        models: What is known of models, by id.
        instance: Which of several models of the same id (meters), or of the groups that a model repeats (trackers).
    """
    for wanted in point.model:
        model, same = models.get(wanted), [placed for placed in held if placed.model == wanted]
        if model is None or not same:
            continue
        case = point.within(wanted)
        named = next((field for field in model.fields if field.name == case.name), None)
        is_repeated = named is not None and model.is_repeated(named)
        if not is_repeated and len(same) < (instance or 1):
            continue
        placed = same[0] if is_repeated else same[(instance or 1) - 1]
        field = _field(model, case.name, placed)
        if field is None or (isinstance(field.sf, str) and _field(model, field.sf, placed) is None):
            continue
        groups = _groups(case, instance, model.groups(placed.length)) if is_repeated else (1,)
        if groups:
            return Located(field, model, placed.start, case, groups)
    return None


def _groups(point: SunspecPoint, instance: int | None, count: int) -> tuple[int, ...]:
    """Return which of the repeated groups make the point, as far as the device has them."""
    if point.groups == "all":
        return tuple(range(1, count + 1))
    return tuple(group for group in point.groups or (instance or 1,) if group <= count)


def text_slot(name: str, held: Held, models: Mapping[int, SunspecModel], *, model: int | None = None) -> Slot | None:
    """Return where a text of the common model lies, None where the device has it not.

    Args:
        name: Of the field.
        held: The models of the device.
        models: What is known of models, by id.
        model: Address of a model: a meter behind an inverter has a common model of its own before it.
    """
    common = [placed for placed in held if placed.model == COMMON_MODEL and COMMON_MODEL in models]
    before = [placed for placed in common if model is not None and placed.start < model]
    for placed in (*before[-1:], *common[:1]):
        field = _field(models[COMMON_MODEL], name, placed)
        return slot_at(field, placed.start) if field is not None else None
    return None


def slot_at(field: SunspecField, start: int) -> Slot:
    """Return where a field of a model that begins at `start` lies."""
    return Slot(Table.HOLDING, start + field.offset, field.size, _TYPES[field.type][0])


def expected(profile: SunspecProfile, models: Mapping[int, SunspecModel]) -> tuple[Placed, ...]:
    """Return the models that a device of the profile is likely to have, one behind the other from the first base."""
    needed = {COMMON_MODEL} & models.keys()
    for point in profile.points:
        carriers = [
            each
            for each in point.model
            if each in models and any(field.name == point.within(each).name for field in models[each].fields)
        ]
        if carriers and needed.isdisjoint(carriers):
            needed.add(carriers[0])
    placed, address = [], profile.sunspec.bases[0] + _HEADER_WORDS
    groups = [max(point.groups) for point in profile.points if isinstance(point.groups, tuple) and point.groups]
    for model in sorted(needed):
        length = models[model].length + models[model].repeat * (max(groups, default=1) - 1)
        placed.append(Placed(model, address, length))
        address += _HEADER_WORDS + length
    return tuple(placed)


def _field(model: SunspecModel, name: str, placed: Placed) -> SunspecField | None:
    """Return the field, None where the model has none of that name or the device ends the model before it."""
    for field in model.fields:
        if field.name == name and field.type in _TYPES and field.offset + field.size <= _HEADER_WORDS + placed.length:
            return field
    return None


def _spec(located: Located, settings: DeviceSettings, vocabulary: Vocabulary) -> PointSpec:
    field, point = located.field, located.point
    name = opposite(point.point) if settings.invert else point.point
    quantity = vocabulary[name]
    slots, code = located.slots, _TYPES[field.type][1]
    power = Fraction(10) ** field.sf if isinstance(field.sf, int) else Fraction(1)
    return PointSpec(
        name=name,
        slots=slots,
        weights=(Fraction(1),) * len(slots),
        straight=straight_of(point, settings, vocabulary, scale=power),
        limits=limits_of(point, quantity, inverted=settings.invert),
        exponent=exponent_slot(located),
        exponent_absent=_EXPONENT_ABSENT,
        absent=frozenset(point.absent if code is None else (*point.absent, code)),
        states=point.states,
        otherwise=point.otherwise,
        is_integer=quantity.is_integer,
        is_counter=quantity.kind is Kind.COUNTER,
        optional=point.optional,
    )


def exponent_slot(located: Located) -> Slot | None:
    """Return where the power of ten of a point lies, None where it has none."""
    name = located.field.sf
    if not isinstance(name, str):
        return None
    return slot_at(next(field for field in located.model.fields if field.name == name), located.start)
