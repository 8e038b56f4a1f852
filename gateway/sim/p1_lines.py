"""Data lines in which a simulated meter says the points of its profile, for P1 and IEC 62056-21 alike. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from drivers.profile_records import ObisPoint, ObisProfile
from gateway.core.quantity import Vocabulary
from gateway.core.units import conversion
from gateway.sim.encode import Value

_CODE: Final = re.compile(r"(?:\d+-(?:\d+|n):)?(?P<quantity>\d+)\.(?P<function>\d+)(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Form:
    """How a meter writes one kind of value."""

    unit: str
    decimals: int
    width: int
    """Digits and point, filled with zeros."""


_ACTIVE, _REACTIVE, _APPARENT = Form("kW", 3, 6), Form("kvar", 3, 6), Form("kVA", 3, 6)
_VOLTAGE, _CURRENT = Form("V", 1, 5), Form("A", 2, 6)
_POWERS: Final[Mapping[int, Form]] = {
    **dict.fromkeys((1, 2, 15, 16, 21, 22, 36, 41, 42, 56, 61, 62, 76), _ACTIVE),
    **dict.fromkeys((3, 4, 23, 24, 43, 44, 63, 64), _REACTIVE),
    **dict.fromkeys((9, 29, 49, 69), _APPARENT),
    **dict.fromkeys((32, 52, 72), _VOLTAGE),
    **dict.fromkeys((11, 31, 51, 71, 91), _CURRENT),
    **dict.fromkeys((13, 33, 53, 73), Form("1", 3, 5)),
    14: Form("Hz", 2, 5),
}
_ENERGY, _REACTIVE_ENERGY = Form("kWh", 3, 10), Form("kvarh", 3, 10)
_FORMS: Final[Mapping[tuple[int, int], Form]] = {
    **{(quantity, 7): form for quantity, form in _POWERS.items()},
    **dict.fromkeys(((1, 8), (2, 8), (16, 8), (21, 8), (22, 8), (41, 8), (42, 8), (61, 8), (62, 8)), _ENERGY),
    **dict.fromkeys(((3, 8), (4, 8)), _REACTIVE_ENERGY),
    (6, 8): Form("GJ", 3, 9),
    (6, 26): Form("m3", 2, 8),
    (6, 4): Form("kW", 1, 6),
    (6, 31): Form("h", 0, 7),
}
_TARIFF_WIDTH: Final = 4
_PLACES: Final = 3
_WIDTH: Final = 9


def lines_of(
    profile: ObisProfile, values: Mapping[str, Value], *, vocabulary: Vocabulary, channel: int = 0
) -> Sequence[tuple[str, str]]:
    """Return code and content of each line that the profile's points need; none for a point without a value.

    Args:
        profile: Which codes mean which points.
        values: In the vocabulary's unit.
        vocabulary: Units.
        channel: What `n` stands for.
    """
    said: dict[str, str] = {}
    for point in profile.points:
        if point.obis and point.point in values:
            for code, content in _point(point, values[point.point], vocabulary):
                said.setdefault(code.replace("-n:", f"-{channel}:"), content)
    return list(said.items())


def _point(point: ObisPoint, value: Value, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    codes = _way(point)
    if value is None:
        yield from ((code, "") for code in codes)
        return
    if point.states is not None:
        yield codes[0], _state(point, int(value))
        return
    form = _form(point, codes[0], vocabulary[point.point].unit)
    raw = conversion(form.unit, vocabulary[point.point].unit).invert(float(value))
    total = _rounded((raw - point.offset) / point.scale, form)
    if point.negate is not None:
        yield point.negate, _written(max(-total, Decimal(0)), form, point)
        total = max(total, Decimal(0))
    for code, part in zip(codes, _parts(total, len(codes), form), strict=True):
        yield code, _written(part, form, point)


def _way(point: ObisPoint) -> Sequence[str]:
    """Return the codes that make the point: two tariffs where the profile knows them, else its first way."""
    ways = [(way,) if isinstance(way, str) else tuple(way) for way in point.obis]
    return next((way for way in ways if len(way) == 2), ways[0])  # noqa: PLR2004 - day and night


def _form(point: ObisPoint, code: str, unit: str) -> Form:
    if point.unit:
        return Form(point.unit, _PLACES, _WIDTH)
    match = _CODE.fullmatch(code)
    kind = (int(match["quantity"]), int(match["function"])) if match is not None else (0, 0)
    if kind == (24, 2):
        return Form("GJ" if unit == "kWh" else unit, _PLACES, _WIDTH)
    return _FORMS.get(kind) or Form(unit, _PLACES, _WIDTH)


def _state(point: ObisPoint, value: int) -> str:
    code = next((code for code, state in (point.states or {}).items() if state == value), value)
    return str(code).rjust(_TARIFF_WIDTH, "0")


def _rounded(number: float, form: Form) -> Decimal:
    return round(Decimal(repr(number)), form.decimals)


def _parts(total: Decimal, count: int, form: Form) -> Sequence[Decimal]:
    """Return the numbers of which the total is the sum: the first ones get equal shares, the last one the rest."""
    share = round(total / count, form.decimals)
    return [*[share] * (count - 1), total - share * (count - 1)]


def _written(number: Decimal, form: Form, point: ObisPoint) -> str:
    digits = f"{number:0{form.width}.{form.decimals}f}"
    return digits if point.unit or form.unit == "1" else f"{digits}*{form.unit}"
