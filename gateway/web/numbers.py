"""Numbers as people read them: unit, decimals, the separators of a language. Pure."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.core.quantity import Kind, Vocabulary
from gateway.core.readout import Value
from gateway.web.texts import Language, Texts

UNITS: Mapping[str, str] = {
    "1": "", "Cel": "°C", "deg": "°", "m3": "m³", "m3/h": "m³/h", "m3.Cel": "m³·°C", "W/m2": "W/m²", "ug/m3": "µg/m³",
}  # fmt: skip
"""Unit of the vocabulary → as it is shown, where that differs."""
_DECIMALS: Mapping[str, int] = {
    "W": 0, "VA": 0, "var": 0, "kW": 2, "kVA": 2, "kvar": 2, "kWh": 1, "kvarh": 1, "V": 1, "A": 2, "Cel": 1, "K": 1,
    "%": 0, "Hz": 2, "m3/h": 3, "m3": 2, "s": 0, "h": 1, "ppm": 0, "ppb": 0, "lx": 0, "hPa": 1, "dBm": 0, "deg": 0,
    "W/m2": 0, "MWh": 3, "ug/m3": 1, "m/s": 1, "mm": 1, "m3.Cel": 1,
}  # fmt: skip
_THOUSANDS = ("W", "VA", "var")
_COMMA: frozenset[Language] = frozenset({"da", "et", "es"})
_NARROW = "\u202f"
DASH = "\u2013"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def number(value: float, decimals: int, language: Language) -> str:
    """Return a number with narrow spaces between thousands and the decimal sign of the language."""
    text = f"{value:,.{decimals}f}".replace(",", _NARROW)
    if not text.strip("-0.,\u202f"):
        text = text.lstrip("-")
    return text.replace("-", "\u2212").replace(".", "," if language in _COMMA else ".")


def measured(value: Value, unit: str, language: Language) -> tuple[str, str]:
    """Return value and unit as they are shown; power from 1000 on in thousands."""
    if value is None:
        return DASH, UNITS.get(unit, unit)
    if unit in _THOUSANDS and abs(value) >= 1000:  # noqa: PLR2004 - that is what a kilo is
        value, unit = value / 1000, f"k{unit}"
    return number(value, _DECIMALS.get(unit, 2), language), UNITS.get(unit, unit)


def shown(name: str, value: Value, vocabulary: Vocabulary, texts: Texts) -> tuple[str, str]:
    """Return the value of a point and its unit as they are shown; a state in words."""
    quantity = vocabulary.get(name)
    if quantity is None:
        return measured(value, "1", texts.language)
    if quantity.kind is Kind.STATE and value is not None:
        labels = quantity.states.get(int(value))
        return (labels[texts.language] if labels else str(int(value))), ""
    return measured(value, quantity.unit, texts.language)


def label(name: str, vocabulary: Vocabulary, texts: Texts) -> str:
    """Return what people call a point."""
    quantity = vocabulary.get(name)
    return name if quantity is None else quantity.labels[texts.language]


def age(seconds: float | None, texts: Texts) -> str:
    """Return how long ago something was, in words."""
    if seconds is None:
        return texts("age.never")
    for limit, length, unit in ((_MINUTE, 1.0, "s"), (_HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{seconds / length:.0f}\u00a0{unit}"
    return f"{seconds / _DAY:.0f}\u00a0d"


def share(part: float | None, language: Language) -> str:
    """Return a share in per cent; only a whole is 100 %."""
    if part is None:
        return DASH
    percent = part * 100
    if percent < 100 and percent > 99.9:  # noqa: PLR2004 - what is not complete must not look so
        percent = 99.9
    whole = percent in {0.0, 100.0}
    return f"{number(percent, 0 if whole else 1, language)}\u00a0%"


def size(octets: int | None, language: Language) -> str:
    """Return a number of bytes."""
    if octets is None:
        return DASH
    amount, unit = float(octets), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:  # noqa: PLR2004 - that is what a kilo is
            break
        amount, unit = amount / 1000, larger
    return f"{number(amount, 0 if unit == 'B' else 1, language)}\u00a0{unit}"


def local_time(time_ms: int | None, timezone: str) -> str:
    """Return an instant in the site's own time, a dash where there is none."""
    if time_ms is None:
        return DASH
    return datetime.fromtimestamp(time_ms / 1000, tz=ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S")
