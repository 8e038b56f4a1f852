"""What the code of a value information field means: its quantity, unit and power of ten. Pure.

Words of quantities, as profiles write them, stand in the tables of this package: `vif.py` for the ordinary codes,
`vif_extended.py` for those behind FB and FD.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DURATIONS: Final = ("s", "min", "h", "d")


class Kind(StrEnum):
    """How the bytes of a number are meant."""

    NUMBER = "number"
    UNSIGNED = "unsigned"
    """Binary numbers have no sign and no code for 'no value'."""
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Vif:
    """What one code means."""

    code: str
    """The quantity's word."""
    unit: str = ""
    exponent: int = 0
    """value = raw * 10 ** exponent, in the unit."""
    kind: Kind = Kind.NUMBER


def scaled(code: str, unit: str, first: int, count: int) -> tuple[Vif, ...]:
    """Return entries of one quantity whose powers of ten ascend from `first`."""
    return tuple(Vif(code, unit, first + step) for step in range(count))


def durations(code: str) -> tuple[Vif, ...]:
    """Return four entries: seconds, minutes, hours, days."""
    return tuple(Vif(code, unit) for unit in DURATIONS)


def table(blocks: dict[int, tuple[Vif, ...]]) -> dict[int, Vif]:
    """Return code → entry from first codes and runs of entries."""
    return {first + step: vif for first, run in blocks.items() for step, vif in enumerate(run)}


PRIMARY: Final = table(
    {
        0x00: scaled("energy", "Wh", -3, 8),
        0x08: scaled("energy", "J", 0, 8),
        0x10: scaled("volume", "m3", -6, 8),
        0x18: scaled("mass", "kg", -3, 8),
        0x20: durations("on_time"),
        0x24: durations("operating_time"),
        0x28: scaled("power", "W", -3, 8),
        0x30: scaled("power", "J/h", 0, 8),
        0x38: scaled("volume_flow", "m3/h", -6, 8),
        # Cubic metres a minute are said in litres: 10**-7 m3/min is 10**-4 l/min.
        0x40: scaled("volume_flow", "l/min", -4, 8),
        0x48: scaled("volume_flow", "m3/s", -9, 8),
        0x50: scaled("mass_flow", "kg/h", -3, 8),
        0x58: scaled("flow_temperature", "Cel", -3, 4),
        0x5C: scaled("return_temperature", "Cel", -3, 4),
        0x60: scaled("temperature_difference", "K", -3, 4),
        0x64: scaled("external_temperature", "Cel", -3, 4),
        0x68: scaled("pressure", "bar", -3, 4),
        0x6C: (Vif("date", kind=Kind.DATE), Vif("datetime", kind=Kind.DATETIME), Vif("units_for_hca")),
        0x70: durations("averaging_duration"),
        0x74: durations("actuality_duration"),
        0x78: tuple(
            Vif(code, kind=Kind.UNSIGNED) for code in ("fabrication_number", "enhanced_identification", "bus_address")
        ),
        0x7E: (Vif("any"),),
    }
)
"""Source: EN 13757-3:2018, table 10 (primary VIF codes)."""
