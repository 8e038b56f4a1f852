"""What SML and DLMS/COSEM share: unit codes, and OBIS codes of six octets. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

_ANY_BILLING = 255

UNITS: Mapping[int, str] = MappingProxyType(
    {
        1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "deg", 9: "Cel", 11: "m", 12: "m/s",
        13: "m3", 14: "m3", 15: "m3/h", 16: "m3/h", 17: "m3/d", 18: "m3/d", 19: "l", 20: "kg", 21: "N", 22: "N.m",
        23: "Pa", 24: "bar", 25: "J", 26: "J/h", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh",
        33: "A", 34: "C", 35: "V", 36: "V/m", 37: "F", 38: "Ohm", 40: "Wb", 41: "T", 42: "A/m", 43: "H", 44: "Hz",
        48: "V2.h", 49: "A2.h", 50: "kg/s", 51: "S", 52: "K", 56: "%", 57: "A.h", 60: "Wh/m3", 61: "J/m3", 62: "mol%",
        63: "g/m3", 64: "Pa.s", 65: "J/kg", 67: "atm", 70: "dBm", 71: "dBuV", 72: "dB", 255: "1",
    }
)  # fmt: skip
"""Unit code → the spelling of `gateway.core.units` where that has the unit.

Source: IEC 62056-6-2 (DLMS UA Blue Book), table of enumerated values for physical units.
"""


def obis_text(octets: bytes) -> str:
    """Return six octets as `A-B:C.D.E`, with `*F` where F is not 255."""
    a, b, c, d, e, f = octets
    return f"{a}-{b}:{c}.{d}.{e}" + (f"*{f}" if f != _ANY_BILLING else "")
