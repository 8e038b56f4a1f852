"""One point's value ↔ its registers, from the profile alone; `decode` is the simulator's own inverse, for the audit."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from gateway.sim.place import PlacedPoint
from gateway.sim.words import Raw, Slot, bounds, code_of, from_code, from_words, to_words

Value = float | int | None
Registers = tuple[tuple[Slot, tuple[int, ...]], ...]
"""Slots and what they hold."""

_NAN: Final = {2: 0x7FC00000, 4: 0x7FF8000000000000}


def encode(placed: PlacedPoint, value: Value, *, exponent: int = 0, clip: bool = False) -> Registers:
    """Return the registers that say the value.

    Args:
        placed: The point.
        value: In the vocabulary's unit, None for 'no value'.
        exponent: Power of ten in the point's exponent register.
        clip: Say the nearest number that fits instead of refusing.

    Raises:
        ValueError: the device cannot say it.
    """
    if value is None:
        return _absent(placed)
    if placed.point.states is not None:
        state = nearest_state(placed, value) if clip else value
        return ((placed.slots[0], _state_words(placed, state)),)
    if placed.slots[0].is_text:
        return ((placed.slots[0], to_words(placed.slots[0], _as_text(_raw_total(placed, value), placed.slots[0]))),)
    total = _raw_total(placed, value) / 10.0**exponent
    return tuple(
        (slot, _number_words(placed, slot, raw, clip=clip))
        for slot, raw in zip(placed.slots, _split(placed, total), strict=True)
    )


def decode(placed: PlacedPoint, registers: Mapping[Slot, tuple[int, ...]]) -> Value:
    """Return what the registers say, in the vocabulary's unit, None where they say 'no value'.

    Args:
        placed: The point.
        registers: What each slot of `placed.touched` holds.
    """
    absent = {_masked(slot, code) for slot in placed.slots for code in placed.point.absent}
    raws = []
    for slot in placed.slots:
        raw = from_words(slot, registers[slot])
        if raw is None or (not slot.is_text and code_of(slot, registers[slot]) in absent):
            return None
        raws.append(raw)
    if placed.point.states is not None:
        return state_of(placed, raws[0])
    total = _total(placed, raws)
    exponent = _exponent(placed, registers)
    if total is None or exponent is None:
        return None
    number = total.scaleb(exponent) * Decimal(repr(placed.ratio)) * Decimal(repr(placed.point.scale))
    number += Decimal(repr(placed.point.offset))
    number = number * Decimal(repr(placed.conversion.factor)) + Decimal(repr(placed.conversion.offset))
    return round(number) if placed.quantity.is_integer else float(number)


def fits(placed: PlacedPoint, value: float, exponent: int) -> bool:
    """Return whether the value, divided by that power of ten, lies within every register of the point."""
    parts = _split(placed, _raw_total(placed, value) / 10.0**exponent)
    return all(low <= raw <= high for raw, (low, high) in zip(parts, map(bounds, placed.slots), strict=True))


def state_of(placed: PlacedPoint, raw: Raw) -> int | None:
    """Return the vocabulary's code for a device's code, None where the profile lists none."""
    states = placed.point.states or {}
    if not placed.slots[0].is_bits:
        if isinstance(raw, str) and raw not in states and raw.isdecimal():
            raw = int(raw)
        return states.get(raw) if isinstance(raw, (int, str)) else None
    for bit, state in states.items():
        if int(raw) >> int(bit) & 1:
            return state
    return placed.point.otherwise


def codes_for(placed: PlacedPoint, value: int) -> Sequence[Raw]:
    """Return the device's codes that mean the vocabulary's code, each bit as the number with only that bit set."""
    codes = [code for code, state in (placed.point.states or {}).items() if state == value]
    if not placed.slots[0].is_bits:
        return codes
    bits = [1 << int(code) for code in codes]
    return [0, *bits] if placed.point.otherwise == value else bits


def _absent(placed: PlacedPoint) -> Registers:
    for slot in placed.slots:
        if not placed.point.absent and not slot.is_float:
            raise ValueError(f"{placed.name}: this device has no code for 'no value'")
    codes = placed.point.absent
    return tuple(
        (slot, from_code(slot, _masked(slot, codes[0]) if codes else _NAN[slot.words])) for slot in placed.slots
    )


def _masked(slot: Slot, code: int) -> int:
    return code & (1 << 16 * slot.words) - 1


def nearest_state(placed: PlacedPoint, value: float) -> float:
    """Return the vocabulary's code nearest to the value for which the device has a code of its own."""
    known = {code for code in (*(placed.point.states or {}).values(), placed.point.otherwise) if code is not None}
    sayable = sorted(code for code in known if codes_for(placed, code))
    return min(sayable, key=lambda code: abs(code - value), default=value)


def _state_words(placed: PlacedPoint, value: float) -> tuple[int, ...]:
    codes = codes_for(placed, int(value))
    if not codes:
        known = {*(placed.point.states or {}).values(), placed.point.otherwise} - {None}
        raise ValueError(
            f"{placed.name}: this device has no code for {value:g}; it knows {', '.join(sorted(map(str, known)))}"
        )
    return to_words(placed.slots[0], codes[0])


def _raw_total(placed: PlacedPoint, value: float) -> float:
    """Return the device's raw number, unrounded, before it is split into parts."""
    point = placed.point
    device = placed.conversion.invert(float(value))
    if point.wrap is not None:
        device %= point.wrap
    return (device - point.offset) / point.scale / placed.ratio


def _split(placed: PlacedPoint, total: float) -> tuple[float, ...]:
    """Share the raw total out: as much as possible to the largest part, the rest to the smallest."""
    if len(placed.slots) == 1:
        return (total / placed.part_scales[0],)
    order = sorted(range(len(placed.slots)), key=lambda index: abs(placed.part_scales[index]), reverse=True)
    smallest = placed.part_scales[order[-1]]
    rest = total / smallest
    if not placed.slots[order[-1]].is_float:
        rest = float(round(rest))
    shares = dict.fromkeys(order, 0.0)
    for index in order[:-1]:
        ratio = placed.part_scales[index] / smallest
        shares[index] = min(float(int(rest / ratio)), bounds(placed.slots[index])[1])
        rest -= shares[index] * ratio
    shares[order[-1]] = rest
    return tuple(shares[index] for index in range(len(placed.slots)))


def _number_words(placed: PlacedPoint, slot: Slot, raw: float, *, clip: bool) -> tuple[int, ...]:
    low, high = bounds(slot)
    if clip:
        raw = min(max(raw, low), high)
    words = to_words(slot, raw)
    absent = {_masked(slot, code) for code in placed.point.absent}
    if code_of(slot, words) not in absent:
        return words
    if not clip:
        raise ValueError(f"{placed.name}: {raw:g} is this device's code for 'no value'")
    whole = round(raw)
    return to_words(slot, whole - 1 if whole > low else whole + 1)


def _as_text(number: float, slot: Slot) -> str:
    texts = (f"{number:.{digits}g}" for digits in range(15, 0, -1))
    return next((text for text in texts if len(text) <= 2 * slot.words), f"{number:.15g}")


def _total(placed: PlacedPoint, raws: Sequence[Raw]) -> Decimal | None:
    total = Decimal(0)
    for raw, scale in zip(raws, placed.part_scales, strict=True):
        try:
            number = Decimal(raw if isinstance(raw, str) else repr(raw))
        except ArithmeticError:
            return None
        total += number * Decimal(repr(scale))
    return total if total.is_finite() else None


def _exponent(placed: PlacedPoint, registers: Mapping[Slot, tuple[int, ...]]) -> int | None:
    """Return the power of ten that the device states, 0 where the point has none, None for 'no exponent'."""
    if placed.exponent is None:
        return 0
    words = registers[placed.exponent]
    if code_of(placed.exponent, words) in {_masked(placed.exponent, code) for code in placed.exponent_absent}:
        return None
    raw = from_words(placed.exponent, words)
    return int(raw) if isinstance(raw, int) else None
