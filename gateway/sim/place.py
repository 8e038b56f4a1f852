"""The points of a profile, each with its place in the device and its way into the vocabulary's unit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

from drivers.profile import ModbusPoint, ModbusProfile, Variant
from drivers.profile_head import Setting
from gateway.core.quantity import Quantity, Vocabulary
from gateway.core.units import Conversion, conversion
from gateway.sim.words import Slot, slot_of


@dataclass(frozen=True, slots=True)
class PlacedPoint:
    """One point, ready to be written into registers and read back."""

    point: ModbusPoint
    quantity: Quantity
    conversion: Conversion
    """From the device's unit to the vocabulary's."""
    slots: tuple[Slot, ...]
    """One, or the parts of a sum."""
    part_scales: tuple[float, ...]
    """One per slot."""
    exponent: Slot | None
    exponent_absent: tuple[int, ...]
    ratio: float
    """Product of the site's settings that the device's number is multiplied by."""

    @property
    def name(self) -> str:
        """The vocabulary's name."""
        return self.quantity.name

    @property
    def touched(self) -> tuple[Slot, ...]:
        """Every slot that the value depends on."""
        return self.slots if self.exponent is None else (*self.slots, self.exponent)


def place_profile(
    profile: ModbusProfile,
    vocabulary: Vocabulary,
    *,
    variant: Variant | None = None,
    instance: int = 1,
    settings: Mapping[Setting, float],
) -> tuple[PlacedPoint, ...]:
    """Return the points of one instance of the device.

    Args:
        profile: Whose points.
        vocabulary: Where their quantities are.
        variant: Which variant of the model the device is, None for the ordinary one.
        instance: From 1; the second and later ones lie at the profile's stride.
        settings: Ratios and pulse weights of the installation; 1 where nothing is said.
    """
    points = tuple(_varied(profile, variant)) if variant else profile.points
    place = partial(
        slot_of,
        table=profile.modbus.table,
        word_order=(variant.word_order if variant else None) or profile.modbus.word_order,
        shift=(instance - 1) * (profile.instances.stride if profile.instances else 0),
    )
    return place_points(points, vocabulary, place=place, settings=settings)


def place_points(
    points: Iterable[ModbusPoint],
    vocabulary: Vocabulary,
    *,
    place: "partial[Slot]",
    settings: Mapping[Setting, float],
) -> tuple[PlacedPoint, ...]:
    """Return the points, each where `place` puts its fields."""
    placed = []
    for point in points:
        quantity = vocabulary[point.point]
        placed.append(
            PlacedPoint(
                point=point,
                quantity=quantity,
                conversion=conversion(point.unit, quantity.unit),
                slots=tuple(place(field) for field in point.fields),
                part_scales=tuple(part.scale for part in point.sum) or (1.0,),
                exponent=place(point.scale_from) if point.scale_from else None,
                exponent_absent=point.scale_from.absent if point.scale_from else (),
                ratio=prod(settings.get(setting, 1.0) for setting in point.multiply_by),
            )
        )
    return tuple(placed)


def _varied(profile: ModbusProfile, variant: Variant) -> Iterator[ModbusPoint]:
    replaced = {point.point: point for point in variant.points}
    for point in profile.points:
        if point.point not in variant.without:
            yield replaced.pop(point.point, point)
    yield from replaced.values()
