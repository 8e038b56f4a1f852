"""Conversion from the unit a device speaks to the unit of the vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Conversion:
    """The straight line from a device's unit to the vocabulary's: ``value * factor + offset``."""

    factor: float
    offset: float

    def apply(self, value: float) -> float:
        """Return in the vocabulary's unit what the device said."""
        return value * self.factor + self.offset

    def invert(self, value: float) -> float:
        """Return in the device's unit what the vocabulary's unit says."""
        return (value - self.offset) / self.factor


# One row per dimension: how many of the row's first unit one of each unit is.
# A calorie of heat metering is the International Table calorie: 1 Gcal = 1.163 MWh.
_DIMENSIONS: Final[tuple[Mapping[str, int | Fraction], ...]] = (
    {
        "W": 1,
        "kW": 10**3,
        "MW": 10**6,
        "J/h": Fraction(1, 3600),
        "kJ/h": Fraction(10**3, 3600),
        "MJ/h": Fraction(10**6, 3600),
        "GJ/h": Fraction(10**9, 3600),
    },
    {"var": 1, "kvar": 10**3},
    {"VA": 1, "kVA": 10**3},
    {
        "J": 1,
        "kJ": 10**3,
        "MJ": 10**6,
        "GJ": 10**9,
        "Wh": 3600,
        "kWh": 3600 * 10**3,
        "MWh": 3600 * 10**6,
        "GWh": 3600 * 10**9,
        "kcal": Fraction("4186.8"),
        "Mcal": Fraction("4186.8e3"),
        "Gcal": Fraction("4186.8e6"),
    },
    {"varh": 1, "kvarh": 10**3},
    {"V": 1, "mV": Fraction(1, 10**3), "kV": 10**3},
    {"A": 1, "mA": Fraction(1, 10**3)},
    {"Hz": 1},
    {"Cel": 1, "degF": Fraction(5, 9)},
    {"K": 1},
    {"m3": 1, "l": Fraction(1, 10**3)},
    {
        "m3/h": 1,
        "m3/s": 3600,
        "l/h": Fraction(1, 10**3),
        "l/min": Fraction(60, 10**3),
        "l/s": Fraction(3600, 10**3),
    },
    {"m3.Cel": 1},
    {"1": 1, "%": Fraction(1, 100)},
    {"hPa": 1, "Pa": Fraction(1, 100), "kPa": 10, "mbar": 1, "bar": 10**3},
    {"s": 1, "min": 60, "h": 3600, "d": 86400},
    {"lx": 1},
    {"W/m2": 1},
    {"m/s": 1, "km/h": Fraction(10**3, 3600)},
    {"deg": 1},
    {"mm": 1},
    {"ppm": 1, "ppb": Fraction(1, 10**3)},
    {"ug/m3": 1},
    {"dBm": 1},
)

_ROW_OF: Final[Mapping[str, Mapping[str, int | Fraction]]] = MappingProxyType(
    {unit: row for row in _DIMENSIONS for unit in row}
)

# Where zero of the unit lies on the scale of its row's first unit, when it is not at zero.
_ZERO: Final[Mapping[str, Fraction]] = MappingProxyType({"degF": Fraction(-160, 9)})

# Words people write, in lower case, that likeness of spelling alone would send to the wrong unit.
_NICKNAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c": "Cel",
        "degc": "Cel",
        "celsius": "Cel",
        "f": "degF",
        "kelvin": "K",
        "cbm": "m3",
        "percent": "%",
        "lux": "lx",
    }
)
_PLAIN_SPELLING: Final = str.maketrans({"³": "3", "²": "2", "µ": "u", "μ": "u", "°": "", "℃": "c", "·": "."})


def conversion(device_unit: str, vocabulary_unit: str) -> Conversion:
    """Return how a number in ``device_unit`` becomes a number in ``vocabulary_unit``.

    Factors are the nearest float to the exact ratio. The same unit twice gives factor 1.0 and offset 0.0.

    Args:
        device_unit: UCUM-style code of the unit the device speaks, e.g. ``MJ``.
        vocabulary_unit: UCUM-style code of the unit of the vocabulary, e.g. ``kWh``.

    Raises:
        ValueError: a unit is unknown, or the two measure different things; the message names the nearest unit.
    """
    for unit in (vocabulary_unit, device_unit):
        if unit not in _ROW_OF:
            raise ValueError(f"unknown unit {unit!r}: {_suggestion(unit, vocabulary_unit)}")
    row = _ROW_OF[vocabulary_unit]
    if device_unit not in row:
        raise ValueError(f"no conversion from {device_unit!r} to {vocabulary_unit!r}: use one of {', '.join(row)}")
    scale = Fraction(row[vocabulary_unit])
    shift = _ZERO.get(device_unit, Fraction(0)) - _ZERO.get(vocabulary_unit, Fraction(0))
    return Conversion(factor=float(row[device_unit] / scale), offset=float(shift / scale))


def _suggestion(word: str, vocabulary_unit: str) -> str:
    """Return what to write instead of ``word``: the nearest known unit, or else the list to choose from."""
    # Units that convert to the vocabulary's come first: "mw" for a power in W means MW.
    wanted = _ROW_OF.get(vocabulary_unit, {})
    by_lower = {unit.lower(): unit for unit in reversed([*wanted, *_ROW_OF])}
    plain = word.strip().translate(_PLAIN_SPELLING)
    lower = plain.lower()
    nearest = plain if plain in _ROW_OF else _NICKNAMES.get(lower) or by_lower.get(lower)
    if nearest is None:
        close = get_close_matches(lower, by_lower, n=1)
        if not close:
            return f"use one of {', '.join(wanted or _ROW_OF)}"
        nearest = by_lower[close[0]]
    return f"did you mean {nearest!r}?"
