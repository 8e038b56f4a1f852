"""A point with everything resolved that reading it needs: where it stands, and the straight line to its value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from drivers.profile import RegisterField, Table, ValueType


@dataclass(frozen=True, slots=True)
class Slot:
    """Where and how one value lies in the device."""

    table: Table
    address: int
    words: int
    """Registers, or 1 for a bit."""
    type: ValueType
    low_word_first: bool = False
    low_byte_first: bool = False

    @property
    def end(self) -> int:
        """The address behind the last register."""
        return self.address + self.words


@dataclass(frozen=True, slots=True)
class Straight:
    """The exact line from a raw number to a value: (raw * numerator + offset) / denominator."""

    numerator: int
    offset: int
    denominator: int

    @property
    def factor(self) -> float:
        """Slope."""
        return self.numerator / self.denominator

    @property
    def shift(self) -> float:
        """Value of a raw 0."""
        return self.offset / self.denominator


@dataclass(frozen=True, slots=True)
class PointSpec:
    """One point of one device."""

    name: str
    slots: tuple[Slot, ...]
    """One, or the parts of a sum."""
    straight: Straight
    limits: tuple[float, float]
    """Plausible range, in the vocabulary's unit."""
    weights: tuple[Fraction, ...] = (Fraction(1),)
    """One per slot."""
    exponent: Slot | None = None
    exponent_absent: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    """Unsigned raw codes for 'no value'."""
    states: Mapping[int | str, int] | None = None
    otherwise: int | None = None
    is_integer: bool = False
    is_counter: bool = False
    optional: bool = False
    single: bool = False

    @property
    def touched(self) -> tuple[Slot, ...]:
        """Every slot that the value depends on."""
        return self.slots if self.exponent is None else (*self.slots, self.exponent)


def exact(number: float) -> Fraction:
    """Return the decimal number that a person wrote, not the binary one nearest to it."""
    return Fraction(repr(number))


def straight(scale: Fraction, offset: Fraction) -> Straight:
    """Return the line raw * scale + offset in whole numbers."""
    least = lcm(scale.denominator, offset.denominator)
    return Straight(int(scale * least), int(offset * least), least)


def slot_of(field: RegisterField, *, table: Table | None, word_order: str | None, shift: int = 0) -> Slot:
    """Return the place of a profile's field, with what the profile says for all of them.

    Args:
        field: What the profile says.
        table: Used where the field names none.
        word_order: Used where the field names none.
        shift: Added to the address, for the second and later instances.

    Raises:
        ValueError: nobody states the table.
    """
    chosen = field.table or table
    if chosen is None:
        raise ValueError(f"no table is stated for address {field.address}")
    low_word_first = (field.word_order or word_order) == "little" and field.type is not ValueType.STRING
    return Slot(chosen, field.address + shift, field.words, field.type, low_word_first, field.byte_order == "little")
