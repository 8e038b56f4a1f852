"""Raw numbers → one point's value, by a function chosen when the plan is made. Pure."""

import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any, Final

from drivers.modbus.digits import (
    Digits,
    decimal_digits,
    from_bcd,
    from_mod10k,
    number_in,
    power_of_ten,
    shortest32,
    text_of,
)
from drivers.modbus.spec import PointSpec, Slot, Straight
from drivers.profile import ValueType
from gateway.core.readout import Value

Raws = Sequence[Any]
Decode = Callable[[Raws], Value]
Number = Callable[[Raws], Digits | None]

_DIGITS: Final = 10**15
_MOST_EXPONENT: Final = 20
_SIGNED = frozenset({ValueType.INT16, ValueType.INT32, ValueType.INT64})
_BITS = frozenset({ValueType.BITS16, ValueType.BITS32})
_PLAIN = _SIGNED | _BITS | {ValueType.BIT, ValueType.UINT16, ValueType.UINT32, ValueType.UINT64}
_CODED: Final[Mapping[ValueType, Callable[[int], int | None]]] = {
    ValueType.BCD16: from_bcd,
    ValueType.BCD32: from_bcd,
    ValueType.BCD64: from_bcd,
    ValueType.MOD10K_32: from_mod10k,
    ValueType.MOD10K_48: from_mod10k,
    ValueType.MOD10K_64: from_mod10k,
}
_LARGEST: Final = 1e200
_FLOATS = {ValueType.FLOAT32: ">f", ValueType.FLOAT64: ">d"}


def compile_value(spec: PointSpec, index: Mapping[Slot, int]) -> Decode:
    """Return the function that gives the point's value.

    Args:
        spec: The point.
        index: Where each of its slots stands among the raw numbers.
    """
    place, slot, straight = index[spec.slots[0]], spec.slots[0], spec.straight
    if spec.states is not None:
        return _state(spec, place)
    if spec.is_integer or len(spec.slots) > 1 or spec.exponent is not None:
        number, finish = _total(spec, index), _whole(straight) if spec.is_integer else measure(straight)
    elif slot.type in _PLAIN:
        return _plain(slot, straight, _codes(slot, spec.absent), place=place)
    elif slot.type is ValueType.FLOAT64:
        return _double(straight, _codes(slot, spec.absent), place=place)
    else:
        number, finish = number_of(slot, spec.absent, place=place), measure(straight)
    return lambda raws: None if (digits := number(raws)) is None else finish(digits)


def measure(straight: Straight) -> Callable[[Digits], float]:
    """Return the function that gives the value of an exact number, rounded to 15 significant digits."""
    factor, offset, divisor, headroom = straight.numerator, straight.offset, straight.denominator, _headroom(straight)

    def finish(digits: Digits) -> float:
        number, decimals = digits
        if decimals >= 0:
            power = power_of_ten(decimals)
            numerator, denominator = number * factor + offset * power, divisor * power
        else:
            numerator, denominator = number * factor * power_of_ten(-decimals) + offset, divisor
        value = numerator / denominator
        return value if -headroom < numerator < headroom else round15(value)

    return finish


def round15(value: float) -> float:
    """Return the value rounded to 15 significant digits."""
    return float(f"{value:.15g}")


def _whole(straight: Straight) -> Callable[[Digits], int]:
    scale, shift = Fraction(straight.numerator, straight.denominator), Fraction(straight.offset, straight.denominator)
    return lambda digits: round(Fraction(digits[0]) / Fraction(10) ** digits[1] * scale + shift)


def _headroom(straight: Straight) -> int:
    """Return below which numerator the division gives a decimal of at most 15 digits as it is."""
    for power in map(power_of_ten, range(16)):
        if power % straight.denominator == 0:
            return _DIGITS // (power // straight.denominator)
    return 0


def _plain(slot: Slot, straight: Straight, absent: frozenset[float], *, place: int) -> Decode:
    """Return the function for a whole number, with the division alone wherever that is exact."""
    numerator, offset, denominator = straight.numerator, straight.offset, straight.denominator
    largest = (1 << 16 * slot.words) * abs(numerator) + abs(offset)
    if largest >= _headroom(straight):

        def long(raws: Raws) -> Value:
            raw = raws[place]
            return None if raw in absent else round15((raw * numerator + offset) / denominator)

        return long
    if absent:

        def sparse(raws: Raws) -> Value:
            raw = raws[place]
            return None if raw in absent else (raw * numerator + offset) / denominator

        return sparse
    if numerator == 1 and not offset:
        return lambda raws: raws[place] / denominator
    return lambda raws: (raws[place] * numerator + offset) / denominator


def _double(straight: Straight, absent: frozenset[float], *, place: int) -> Decode:
    factor, shift = straight.factor, straight.shift

    def double(raws: Raws) -> Value:
        raw = raws[place]
        if raw in absent:
            return None
        value = raw * factor + shift
        return round15(value) if isfinite(value) else None

    return double


def _state(spec: PointSpec, place: int) -> Decode:
    """Return the function that turns a device's code into the vocabulary's."""
    states, slot, otherwise = spec.states or {}, spec.slots[0], spec.otherwise
    absent = _codes(slot, spec.absent)
    if slot.type is ValueType.STRING:
        return lambda raws: states.get(text_of(raws[place]))
    if slot.type in _BITS:
        masks = [(1 << int(bit), code) for bit, code in states.items()]

        def first_set(raws: Raws) -> Value:
            raw = raws[place]
            if raw in absent:
                return None
            return next((code for mask, code in masks if raw & mask), otherwise)

        return first_set
    number = number_of(slot, spec.absent, place=place)

    def code(raws: Raws) -> Value:
        digits = number(raws)
        if digits is None:
            return None
        whole, rest = divmod(digits[0], power_of_ten(digits[1]))
        return None if rest else states.get(whole)

    return code


def _total(spec: PointSpec, index: Mapping[Slot, int]) -> Number:
    """Return the function that gives a point's number: one slot or the sum of several, times its power of ten."""
    numbers = [number_of(slot, spec.absent, place=index[slot]) for slot in spec.slots]
    number = numbers[0] if len(numbers) == 1 and spec.weights[0] == 1 else _sum(numbers, spec.weights)
    if spec.exponent is None:
        return number
    power = number_of(spec.exponent, spec.exponent_absent, place=index[spec.exponent])

    def scaled(raws: Raws) -> Digits | None:
        digits, shift = number(raws), power(raws)
        if digits is None or shift is None or shift[1] or abs(shift[0]) > _MOST_EXPONENT:
            return None
        return digits[0], digits[1] - shift[0]

    return scaled


def _sum(numbers: Sequence[Number], weights: Sequence[Fraction]) -> Number:
    def total(raws: Raws) -> Digits | None:
        fraction = Fraction(0)
        for number, weight in zip(numbers, weights, strict=True):
            digits = number(raws)
            if digits is None:
                return None
            fraction += Fraction(digits[0]) / Fraction(10) ** digits[1] * weight
        return _as_digits(fraction)

    return total


def _as_digits(fraction: Fraction) -> Digits:
    """Return the fraction, which is a decimal that ends since its parts and weights are."""
    decimals = 0
    while fraction.denominator != 1:
        fraction *= 10
        decimals += 1
    return fraction.numerator, decimals


def number_of(slot: Slot, codes: frozenset[int] = frozenset(), *, place: int = 0) -> Number:
    """Return the function that gives the number in one slot, None where there is none."""
    absent, kind = _codes(slot, codes), slot.type
    if kind is ValueType.FLOAT32:
        return lambda raws: None if raws[place] in absent else shortest32(raws[place])
    if kind is ValueType.STRING:
        return lambda raws: number_in(text_of(raws[place]))
    if kind is ValueType.FLOAT64:

        def double(raws: Raws) -> Digits | None:
            raw = raws[place]
            return None if raw in absent or not abs(raw) < _LARGEST else decimal_digits(repr(raw))

        return double
    code_of, whole_of = _code_of(slot), _CODED.get(kind, int)

    def number(raws: Raws) -> Digits | None:
        code = code_of(raws[place])
        whole = None if code in absent else whole_of(code)
        return None if whole is None else (whole, 0)

    return number


def _code_of(slot: Slot) -> Callable[[Any], int]:
    if slot.type not in (ValueType.UINT48, ValueType.MOD10K_48):
        return int
    return _low_octet_first if slot.low_word_first else _high_octet_first


def _low_octet_first(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _high_octet_first(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _codes(slot: Slot, codes: frozenset[int]) -> frozenset[float]:
    """Return the unsigned codes for 'no value' as the numbers that the type gives for them."""
    bits = 16 * slot.words
    fitting = frozenset(code for code in codes if 0 <= code < 1 << bits)
    if slot.type in _FLOATS:
        return frozenset(struct.unpack(_FLOATS[slot.type], code.to_bytes(bits // 8, "big"))[0] for code in fitting)
    if slot.type in _SIGNED:
        return frozenset(code - (1 << bits) if code >> bits - 1 else code for code in fitting)
    return fitting
