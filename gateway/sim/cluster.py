"""Points that must be written together: they share an exponent, or a register that several of them interpret."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from gateway.core.quantity import Kind
from gateway.sim.encode import Registers, Value, codes_for, encode, fits, state_of
from gateway.sim.place import PlacedPoint
from gateway.sim.words import Raw, Slot, from_code, to_words

_EXPONENTS: Final = range(-2, 11)
"""Powers of ten that a device may state. Source: SunSpec Device Information Model Specification, type sunssf."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Points with common registers; most clusters have one point."""

    points: tuple[PlacedPoint, ...]

    @property
    def slots(self) -> frozenset[Slot]:
        """Every register of its points."""
        return frozenset(slot for placed in self.points for slot in placed.touched)

    def encode(self, values: Mapping[str, Value], *, clip: bool = False) -> Registers:
        """Return the registers that say the values, by point; a point that is not there has no value.

        Raises:
            ValueError: the device cannot say one of them.
        """
        if len(self.points) == 1 and self.points[0].exponent is None:
            return encode(self.points[0], values.get(self.points[0].name), clip=clip)
        return tuple(self._together(values, clip=clip))

    def _together(self, values: Mapping[str, Value], *, clip: bool) -> Iterator[tuple[Slot, tuple[int, ...]]]:
        exponents = {}
        for slot in {placed.exponent for placed in self.points if placed.exponent is not None}:
            members = [placed for placed in self.points if placed.exponent == slot]
            exponents[slot] = _exponent_for(members, values)
            code = members[0].exponent_absent[:1]
            missing = exponents[slot] is None and code
            yield slot, from_code(slot, code[0]) if missing else to_words(slot, exponents[slot] or 0)
        settled = set()
        for placed in self.points:
            sharing = [other for other in self.points if other.slots == placed.slots and other.point.states is not None]
            if len(sharing) > 1 and placed.point.states is not None:
                if placed.slots not in settled:
                    settled.add(placed.slots)
                    yield placed.slots[0], to_words(placed.slots[0], _shared_code(sharing, values))
                continue
            exponent = exponents[placed.exponent] if placed.exponent is not None else 0
            value = values.get(placed.name)
            if value is None and exponent is None and not placed.point.absent:
                value = 0
            yield from encode(placed, value, exponent=exponent or 0, clip=clip)


def clusters(points: Iterable[PlacedPoint]) -> tuple[Cluster, ...]:
    """Return the points, grouped so that no two groups share a register as a whole slot."""
    groups: list[list[PlacedPoint]] = []
    for placed in points:
        mine = set(placed.touched)
        near = [group for group in groups if any(mine & set(other.touched) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([other for group in near for other in group] + [placed])
    return tuple(Cluster(tuple(group)) for group in groups)


def _exponent_for(members: Sequence[PlacedPoint], values: Mapping[str, Value]) -> int | None:
    """Return the lowest power of ten with which all values fit, None where none of them has a value."""
    known = [(placed, value) for placed in members if (value := values.get(placed.name)) is not None]
    if not known:
        return None
    # A real counter does not change its resolution while it grows.
    lowest = 0 if any(placed.quantity.kind is Kind.COUNTER for placed, _ in known) else _EXPONENTS[0]
    for exponent in range(lowest, _EXPONENTS[-1]):
        if all(fits(placed, value, exponent) for placed, value in known):
            return exponent
    return _EXPONENTS[-1]


def _shared_code(sharing: Sequence[PlacedPoint], values: Mapping[str, Value]) -> Raw:
    """Return the device's code that says most of the values of points that interpret the same register."""
    wanted = [(placed, values.get(placed.name)) for placed in sharing]
    if sharing[0].slots[0].is_bits:
        choices = [_bit_choices(placed, value) for placed, value in wanted]
        candidates: list[Raw] = [_union(bits) for bits in product(*choices)]
    else:
        candidates = list(dict.fromkeys(code for placed in sharing for code in placed.point.states or {}))
    return max(candidates, key=lambda code: sum(state_of(placed, code) == value for placed, value in wanted))


def _bit_choices(placed: PlacedPoint, value: Value) -> Sequence[int]:
    return [0] if value is None else [int(code) for code in codes_for(placed, int(value))] or [0]


def _union(numbers: Iterable[int]) -> int:
    union = 0
    for number in numbers:
        union |= number
    return union
