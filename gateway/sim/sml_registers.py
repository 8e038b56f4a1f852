"""What a simulated meter says of a profile's points in OBIS codes, for every protocol that has them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from drivers.profile_records import ObisPoint, ObisProfile
from gateway.core.quantity import Vocabulary
from gateway.core.units import conversion
from gateway.sim.device import ValueSource
from gateway.sim.encode import Value

_CODE = re.compile(r"(?:(\d+)-(\d+|n):)?(\w+)\.(\d+)(?:\.(\d+))?(?:\*(\d+))?")
_LETTERS = {"C": 96, "F": 97, "L": 98, "P": 99}
_PHASES = (0, 20, 40, 60)
_ENERGY, _NOW = 8, 7
# Quantity (group C, phase taken off) → unit of its register and of its instantaneous value.
_UNITS: Mapping[int, tuple[str, str]] = {
    1: ("Wh", "W"), 2: ("Wh", "W"), 15: ("Wh", "W"), 16: ("Wh", "W"),
    3: ("varh", "var"), 4: ("varh", "var"), 5: ("varh", "var"), 6: ("varh", "var"), 7: ("varh", "var"),
    8: ("varh", "var"), 9: ("VAh", "VA"), 10: ("VAh", "VA"), 11: ("1", "A"), 12: ("1", "V"), 13: ("1", "1"),
    14: ("1", "Hz"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """One number that a meter shows."""

    code: bytes
    """OBIS code, six octets."""
    value: Decimal
    unit: str
    """Of `gateway.core.units`."""


class Registers:
    """The registers of one simulated meter.

    Args:
        profile: Its model.
        source: What it measures.
        vocabulary: Units of the points.
    """

    def __init__(self, profile: ObisProfile, source: ValueSource, *, vocabulary: Vocabulary) -> None:
        self._points = [point for point in profile.points if point.obis]
        self._source = source
        self._vocabulary = vocabulary

    def at(self, utc_ms: int) -> Mapping[bytes, Register]:
        """Return OBIS code → register, in the order of the profile; points without a value are absent."""
        known = self._source.values([point.point for point in self._points], utc_ms=utc_ms)
        shown: dict[bytes, Register] = {}
        for point in self._points:
            value = known.get(point.point)
            if value is not None:
                for register in self._registers(point, value):
                    shown.setdefault(register.code, register)
        return shown

    def _registers(self, point: ObisPoint, value: Value) -> Iterator[Register]:
        first = point.obis[0]
        codes = [octets_of(code) for code in ((first,) if isinstance(first, str) else first)]
        unit = point.unit or unit_of(codes[0])
        raw = self._raw(point, value, unit)
        if point.negate is not None:
            yield Register(codes[0], max(raw, Decimal(0)), unit)
            yield Register(octets_of(point.negate), max(-raw, Decimal(0)), unit)
            return
        yield Register(codes[0], raw, unit)
        for code in codes[1:]:
            yield Register(code, Decimal(0), unit)

    def _raw(self, point: ObisPoint, value: Value, unit: str) -> Decimal:
        if point.states is not None:
            return next((Decimal(str(code)) for code, state in point.states.items() if state == value), Decimal(0))
        said = value if isinstance(value, int | float) else 0
        line = conversion(unit, self._vocabulary[point.point].unit)
        return Decimal(repr((line.invert(float(said)) - point.offset) / point.scale))


def octets_of(code: str) -> bytes:
    """Return a code as a profile writes it, with 1-0 and 255 where it leaves groups out."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise ValueError(f"{code!r} is no OBIS code")
    medium, channel, quantity, function, tariff, billing = match.groups()
    return bytes(
        (
            int(medium or 1),
            0 if channel in (None, "n") else int(channel),
            _LETTERS.get(quantity) or int(quantity),
            int(function),
            int(tariff or 0),
            int(billing or 255),
        )
    )


def unit_of(code: bytes) -> str:
    """Return the unit that an electricity meter shows a quantity in."""
    quantity, function = code[2], code[3]
    bare = next((quantity - phase for phase in reversed(_PHASES) if quantity - phase > 0), quantity)
    register, now = _UNITS.get(bare, ("1", "1"))
    if function == _ENERGY:
        return register
    return now if function == _NOW else "1"


def rounded(value: Decimal, scaler: int) -> int:
    """Return the whole number of 10^scaler nearest to the value."""
    return int((value / Decimal(10) ** scaler).to_integral_value(ROUND_HALF_EVEN))
