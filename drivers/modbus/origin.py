"""How a stored value comes from registers, for whoever asks years later. Pure."""

from dataclasses import dataclass, field

from drivers.modbus.points import modbus_specs, opposite
from drivers.modbus.spec import PointSpec, Slot
from drivers.profile import ModbusProfile, ValueType
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings

Origin = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Stored value = raw * factor + offset; where an exponent is read beside it, times that power of ten first."""

    unit: str
    factor: float
    offset: float = 0.0
    origin: Origin = field(default_factory=dict)
    """Where the raw number stands in the device."""


def modbus_scaling(profile: ModbusProfile, settings: DeviceSettings, vocabulary: Vocabulary) -> dict[str, Scaling]:
    """Return the scaling of every point of the ordinary device; what a variant changes stands in the origin.

    Raises:
        ConfigError: the model has no such instance.
    """
    plain = modbus_specs(profile, settings, vocabulary)
    varied = {
        variant.name: modbus_specs(profile, settings, vocabulary, variant=variant) for variant in profile.variants
    }
    wraps = {
        opposite(point.point) if settings.invert else point.point: point.wrap
        for point in profile.points
        if point.wrap is not None
    }
    names = dict.fromkeys(name for specs in (plain, *varied.values()) for name in specs)
    found = {}
    for name in names:
        spec = plain.get(name) or next(specs[name] for specs in varied.values() if name in specs)
        origin = origin_of(spec)
        if name in wraps:
            origin["wrap"] = wraps[name]
        for variant, specs in varied.items():
            if specs.get(name) != spec:
                origin[f"variant {variant}"] = _described(specs.get(name))
        found[name] = scaling_of(spec, vocabulary[name].unit, origin)
    return found


def scaling_of(spec: PointSpec, unit: str, origin: Origin) -> Scaling:
    """Return the scaling of a point; 1 where its raw value is a code."""
    if spec.states is not None:
        return Scaling(unit, 1.0, 0.0, origin)
    return Scaling(unit, spec.straight.factor, spec.straight.shift, origin)


def origin_of(spec: PointSpec) -> Origin:
    """Return where a point's registers stand and what lies in them."""
    slot = spec.slots[0]
    origin: Origin = {"table": slot.table.value, "address": slot.address, "type": slot.type.value}
    if slot.words > 1 and slot.type is not ValueType.STRING:
        origin["word_order"] = "little" if slot.low_word_first else "big"
    if slot.low_byte_first:
        origin["byte_order"] = "little"
    if slot.type is ValueType.STRING:
        origin["count"] = slot.words
    if len(spec.slots) > 1 or spec.weights[0] != 1:
        pairs = zip(spec.slots, spec.weights, strict=True)
        origin["sum"] = " + ".join(f"{_place(part)} * {float(weight):.15g}" for part, weight in pairs)
    if spec.exponent is not None:
        origin["exponent_address"] = spec.exponent.address
    return origin


def _described(spec: PointSpec | None) -> str:
    if spec is None:
        return "not there"
    places = " + ".join(map(_place, spec.slots))
    line = spec.straight
    shift = f" + {line.shift:.15g}" if line.offset else ""
    return f"({places}) * {line.factor:.15g}{shift}" if spec.states is None else places


def _place(slot: Slot) -> str:
    order = ", low word first" if slot.low_word_first and slot.words > 1 else ""
    return f"{slot.table} {slot.address} {slot.type}{order}"
