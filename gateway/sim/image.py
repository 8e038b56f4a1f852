"""The register image of a profile: what `SimulatedDevice` serves."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from drivers.catalog import load_sunspec_models
from drivers.profile import ModbusProfile, RegisterProfile, SunspecProfile, Table
from drivers.profile_head import Setting
from gateway.core.quantity import Vocabulary
from gateway.sim.cluster import Cluster, clusters
from gateway.sim.conditions import Held, constants_of, find_variant
from gateway.sim.device import Image, Key, keys_of
from gateway.sim.place import PlacedPoint, place_points, place_profile
from gateway.sim.sunspec import sunspec_image
from gateway.sim.words import Slot, slot_of


@dataclass(frozen=True, slots=True)
class Layout:
    """A profile's device: its points by instance, and its whole register image."""

    points: Mapping[int, Sequence[PlacedPoint]]
    """Instance, from 1 → points."""
    image: Image


def lay_out(
    profile: RegisterProfile,
    vocabulary: Vocabulary,
    *,
    variant: str | None = None,
    settings: Mapping[Setting, float] | None = None,
    name: str = "",
) -> Layout:
    """Return the device that the profile describes, with all its instances, and without any other register.

    Args:
        profile: What the device is.
        vocabulary: Where the quantities are.
        variant: Name of the variant of the model, None for the ordinary one.
        settings: Ratios and pulse weights that its values are divided by, because the site multiplies by them.
        name: Decides the serial number.

    Raises:
        ConfigError: the profile has no such variant, or names a SunSpec point that its model does not have.
    """
    serial = zlib.crc32(name.encode()) % 100_000_000
    if isinstance(profile, SunspecProfile):
        return _sunspec(profile, vocabulary, settings=settings or {}, serial=serial)
    chosen = find_variant(profile, variant)
    points = {
        instance: place_profile(profile, vocabulary, variant=chosen, instance=instance, settings=settings or {})
        for instance in range(1, (profile.instances.max if profile.instances else 1) + 1)
    }
    slots = {slot for placed in points.values() for point in placed for slot in point.touched}
    constants = constants_of(profile, slots, variant=chosen, serial=serial)
    image = Image(
        fixed=_between(points) | _registers(constants.fixed),
        preferred=_registers(constants.preferred),
        alone={_span(slot): words for slot, words in constants.alone.items()},
        clusters=_clusters(points),
        exact=frozenset(_exact(profile, points, (*constants.fixed, *constants.preferred))),
        max_registers=profile.modbus.max_registers,
    )
    return Layout(points, image)


def _sunspec(
    profile: SunspecProfile, vocabulary: Vocabulary, *, settings: Mapping[Setting, float], serial: int
) -> Layout:
    whole = sunspec_image(profile, load_sunspec_models(), serial=f"{serial:08}")
    place = partial(slot_of, table=None, word_order=None)
    points = {1: place_points(whole.points, vocabulary, place=place, settings=settings)}
    written = {key for placed in points[1] for slot in placed.touched for key in keys_of(slot)}
    held = {(Table.HOLDING, whole.base + index): word for index, word in enumerate(whole.words)}
    image = Image(
        fixed={key: word for key, word in held.items() if key not in written},
        clusters=_clusters(points),
        max_registers=profile.sunspec.max_registers,
    )
    return Layout(points, image)


def _clusters(points: Mapping[int, Sequence[PlacedPoint]]) -> tuple[tuple[int, Cluster], ...]:
    return tuple((instance, cluster) for instance, placed in points.items() for cluster in clusters(placed))


def _between(points: Mapping[int, Sequence[PlacedPoint]]) -> dict[Key, int]:
    """Return zeros for what lies between the parts of one value, since these are read in one request."""
    held = {key for placed in points.values() for point in placed for slot in point.touched for key in keys_of(slot)}
    between: dict[Key, int] = {}
    for placed in (point for some in points.values() for point in some if not point.point.single):
        for table in {slot.table for slot in placed.touched}:
            slots = [slot for slot in placed.touched if slot.table is table]
            inside = range(min(slot.address for slot in slots), max(slot.end for slot in slots))
            between |= dict.fromkeys({(table, address) for address in inside} - held, 0)
    return between


def _registers(held: Held) -> dict[Key, int]:
    return {key: word for slot, words in held.items() for key, word in zip(keys_of(slot), words, strict=True)}


def _span(slot: Slot) -> tuple[Table, int, int]:
    return slot.table, slot.address, slot.words


def _exact(
    profile: ModbusProfile, points: Mapping[int, Sequence[PlacedPoint]], constants: Sequence[Slot]
) -> Iterator[tuple[Table, int, int]]:
    """Yield what answers only alone: a value, or a value and its exponent where they lie side by side."""
    for placed in (placed for some in points.values() for placed in some):
        if not (placed.point.single or profile.modbus.single_values):
            continue
        yield from map(_span, placed.touched)
        first = min(slot.address for slot in placed.touched)
        count = max(slot.end for slot in placed.touched) - first
        if placed.exponent is not None and count == sum(slot.words for slot in placed.touched):
            yield placed.slots[0].table, first, count
    if profile.modbus.single_values:
        yield from map(_span, constants)
