"""A profile and a device's settings → what is to be read: variant, instance, ratios and sign in force. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod

from drivers.modbus.spec import PointSpec, Slot, Straight, exact, slot_of, straight
from drivers.profile import (
    LAST_ADDRESS,
    ModbusPoint,
    ModbusProfile,
    Part,
    Profile,
    RegisterField,
    Variant,
)
from drivers.profile_head import Point, Setting
from gateway.core.errors import ConfigError
from gateway.core.quantity import Kind, Quantity, Vocabulary
from gateway.core.site import DeviceSettings
from gateway.core.units import conversion

_OPPOSITES: Mapping[str, str] = {
    "import": "export",
    "export": "import",
    "charge": "discharge",
    "discharge": "charge",
}


def opposite(name: str) -> str:
    """Return the point that a register is when the current transformers look the other way."""
    return "_".join(_OPPOSITES.get(part, part) for part in name.split("_"))


def offered(profile: Profile, settings: DeviceSettings) -> tuple[str, ...]:
    """Return the vocabulary names of every point that the profile, or a variant of it, gives for this device."""
    names = [point.point for point in profile.points]
    if isinstance(profile, ModbusProfile):
        names += [point.point for variant in profile.variants for point in variant.points]
    return tuple(dict.fromkeys(opposite(name) if settings.invert else name for name in names))


def demanded(profile: Profile, settings: DeviceSettings) -> dict[str, set[Setting]]:
    """Return point → keys of the site file that its raw value is multiplied by."""
    points: list[Point] = list(profile.points)
    if isinstance(profile, ModbusProfile):
        points += [point for variant in profile.variants for point in variant.points]
    found: dict[str, set[Setting]] = {}
    for point in points:
        name = opposite(point.point) if settings.invert else point.point
        found.setdefault(name, set()).update(point.multiply_by)
    return found


def straight_of(point: Point, settings: DeviceSettings, vocabulary: Vocabulary, *, scale: Fraction) -> Straight:
    """Return the line from the raw number to the value in the vocabulary's unit, sign and ratios included.

    Args:
        point: What the profile says.
        settings: Ratios and sign; a ratio that is not set counts as 1.
        vocabulary: Where the unit is.
        scale: What else the raw number is multiplied by.
    """
    name = opposite(point.point) if settings.invert else point.point
    quantity = vocabulary[name]
    unit = conversion(point.unit, quantity.unit)
    ratio = prod((exact(float(getattr(settings, key) or 1)) for key in point.multiply_by), start=Fraction(1))
    sign = -1 if settings.invert and quantity.sign is not None else 1
    factor = exact(unit.factor)
    return straight(
        sign * exact(point.scale) * scale * ratio * factor,
        sign * (exact(point.offset) * factor + exact(unit.offset)),
    )


def limits_of(point: Point, quantity: Quantity, *, inverted: bool) -> tuple[float, float]:
    """Return the plausible range in the vocabulary's unit."""
    if point.limits is None:
        return quantity.limits
    low, high = (float(limit) for limit in point.limits)
    return (-high, -low) if inverted and quantity.sign is not None else (low, high)


def modbus_specs(
    profile: ModbusProfile,
    settings: DeviceSettings,
    vocabulary: Vocabulary,
    *,
    variant: Variant | None = None,
) -> dict[str, PointSpec]:
    """Return the device's points by vocabulary name.

    Args:
        profile: What the model has.
        settings: What this device is.
        vocabulary: Units and plausible ranges.
        variant: Which variant of the model it is, None for the ordinary one.

    Raises:
        ConfigError: the model has no such instance.
    """
    shift = _shift(profile, settings)
    word_order = (variant.word_order if variant else None) or profile.modbus.word_order

    def place(field: RegisterField) -> Slot:
        return slot_of(field, table=profile.modbus.table, word_order=word_order, shift=shift)

    specs = {}
    for point in _varied(profile, variant):
        name = opposite(point.point) if settings.invert else point.point
        quantity = vocabulary[name]
        specs[name] = PointSpec(
            name=name,
            slots=tuple(place(field) for field in point.fields),
            straight=straight_of(point, settings, vocabulary, scale=Fraction(1)),
            limits=limits_of(point, quantity, inverted=settings.invert),
            weights=_weights(point.sum),
            exponent=place(point.scale_from) if point.scale_from else None,
            exponent_absent=frozenset(point.scale_from.absent if point.scale_from else ()),
            absent=frozenset(point.absent),
            states=point.states,
            otherwise=point.otherwise,
            is_integer=quantity.is_integer,
            is_counter=quantity.kind is Kind.COUNTER,
            optional=point.optional,
            single=point.single,
        )
    return specs


def _weights(parts: Sequence[Part]) -> tuple[Fraction, ...]:
    return tuple(exact(part.scale) for part in parts) or (Fraction(1),)


def _shift(profile: ModbusProfile, settings: DeviceSettings) -> int:
    instance, instances = settings.instance or 1, profile.instances
    if instance == 1:
        return 0
    if instances is None or instance > instances.max:
        most = instances.max if instances else 1
        raise ConfigError(f"{settings.id}: {profile.profile} has {most} instance(s), not {instance}")
    shift = (instance - 1) * instances.stride
    last = max(field.address + field.words for point in profile.points for field in point.fields) - 1
    if last + shift > LAST_ADDRESS:
        raise ConfigError(f"{settings.id}: instance {instance} of {profile.profile} lies beyond address {LAST_ADDRESS}")
    return shift


def _varied(profile: ModbusProfile, variant: Variant | None) -> Iterator[ModbusPoint]:
    if variant is None:
        yield from profile.points
        return
    replaced = {point.point: point for point in variant.points}
    for point in profile.points:
        if point.point not in variant.without:
            yield replaced.pop(point.point, point)
    yield from replaced.values()
