"""Whether a value that was read agrees with what the device shows on its own display. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.core.commissioning import DisplayCheck
from gateway.core.quantity import Kind, Quantity
from gateway.core.units import conversion

CLASS_PERCENT: Mapping[str, float] = {"electricity_meter": 1.0}
"""Kind of device → accuracy that such a meter has at least, in per cent."""
_OTHER_PERCENT = 2.0
_LAST_DIGITS = 2
"""A display cuts off or rounds, and so does the register."""
_READING_S = 60.0
"""So long it takes to look at a display and type in what it shows."""
_GROWTH: Mapping[str, tuple[str, float]] = {
    "elec_energy_import": ("elec_power_active", 1e-3),
    "elec_energy_export": ("elec_power_active", 1e-3),
    "elec_energy_reactive_import": ("elec_power_reactive", 1e-3),
    "elec_energy_reactive_export": ("elec_power_reactive", 1e-3),
    "heat_energy": ("heat_power", 1e-3),
    "heat_volume": ("heat_flow", 1.0),
    "hp_elec_energy": ("hp_elec_power", 1e-3),
    "ev_energy": ("ev_power", 1e-3),
    "pv_energy": ("pv_power_ac", 1e-3),
    "bat_energy_charge": ("bat_power", 1e-3),
    "bat_energy_discharge": ("bat_power", 1e-3),
    "water_volume": ("water_flow", 1.0),
}
"""Counter → what makes it grow, and by how much of its unit in an hour."""
_SHAPE = re.compile(r"([+-]?\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z%°³²µ/0-9.]{0,12})", re.ASCII)
_SPACES = re.compile(r"(?<=\d)[\s'](?=\d)")


@dataclass(frozen=True, slots=True)
class Display:
    """What somebody read off a display, in the unit of the vocabulary."""

    value: float
    digit: float
    """What one step of the last digit that it shows is worth."""


def parse_display(text: str, unit: str) -> Display:
    """Return the number that somebody typed, with a unit behind it where the display shows another.

    Args:
        text: For example `10234.5`, `10 234,5` or `12.345 MWh`.
        unit: Of the vocabulary.

    Raises:
        ValueError: it is no number, or the unit measures something else.
    """
    plain = _SPACES.sub("", text.strip().replace("\u2212", "-"))
    if "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    match = _SHAPE.fullmatch(plain)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number: write what the display shows, for example 10234.5")
    number = Decimal(match[1])
    exponent = number.as_tuple().exponent
    digit = 10.0 ** (exponent if isinstance(exponent, int) else 0)
    if not match[2] or match[2] == unit:
        return Display(float(number), digit)
    change = conversion(match[2], unit)
    return Display(float(number) * change.factor + change.offset, digit * change.factor)


def compare(
    quantity: Quantity, display: Display, values: Mapping[str, float], *, kind: str, time_ms: int, step: float = 0.0
) -> DisplayCheck:
    """Return the deviation of one point from the display, and whether it is no fault.

    A counter may differ by its last digits and by what flows while one types; a state not at all; everything else by
    the class of the meter, or by its last digits where those are coarser.

    Args:
        quantity: What the point measures.
        display: What the device shows.
        values: The whole readout: point → value.
        kind: Of the device.
        time_ms: UTC, of the reading.
        step: What one count of the register is worth, in the unit.

    Raises:
        KeyError: the readout has no such value.
    """
    value = float(values[quantity.name])
    allowances = {"resolution": 0.0 if quantity.kind is Kind.STATE else _LAST_DIGITS * max(display.digit, abs(step))}
    if quantity.kind is Kind.COUNTER:
        cause, per_hour = _GROWTH.get(quantity.name, ("", 0.0))
        growth = abs(values.get(cause, 0.0)) * per_hour * _READING_S / 3600.0
        allowances["drift"] = growth + allowances["resolution"] if growth else 0.0
    elif quantity.kind is not Kind.STATE:
        allowances["class"] = abs(display.value) * CLASS_PERCENT.get(kind, _OTHER_PERCENT) / 100.0
    reason, allowed = max(allowances.items(), key=lambda each: each[1])
    # Through decimal text, so that 230.1 - 230.0 is 0.1 in the record.
    deviation = float(Decimal(repr(value)) - Decimal(repr(display.value)))
    return DisplayCheck.model_validate(
        {
            "point": quantity.name,
            "unit": quantity.unit,
            "display": display.value,
            "value": value,
            "deviation": deviation,
            "deviation_percent": deviation / abs(display.value) * 100.0 if display.value else None,
            "allowed": allowed,
            "reason": reason,
            "agrees": abs(deviation) <= allowed * (1 + 1e-9),
            "time_ms": time_ms,
        }
    )
