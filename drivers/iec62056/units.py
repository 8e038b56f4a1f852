"""Units as data lines write them, in the spelling of `gateway.core.units`. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SPELLING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "C": "Cel",
        "°C": "Cel",
        "degC": "Cel",
        "L": "l",
        "dm3": "l",
        "m^3": "m3",
        "m³": "m3",
        "cbm": "m3",
        "m3ph": "m3/h",
        "m^3/h": "m3/h",
        "m³/h": "m3/h",
        "lph": "l/h",
        "L/h": "l/h",
        "KWh": "kWh",
        "KWH": "kWh",
        "kwh": "kWh",
        "WH": "Wh",
        "wh": "Wh",
        "MWH": "MWh",
        "Gj": "GJ",
        "kVArh": "kvarh",
        "kVARh": "kvarh",
        "KVArh": "kvarh",
        "Varh": "varh",
        "VArh": "varh",
        "kVAr": "kvar",
        "kVAR": "kvar",
        "KVAr": "kvar",
        "VAr": "var",
        "VAR": "var",
        "KW": "kW",
        "KVA": "kVA",
        "hz": "Hz",
        "HZ": "Hz",
    }
)


def spelled(unit: str) -> str:
    """Return the unit as the vocabulary spells it, unchanged where it is not known."""
    unit = unit.strip()
    return _SPELLING.get(unit, unit)
