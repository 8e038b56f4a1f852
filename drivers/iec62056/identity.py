"""Who sent a telegram: its identification line, and the records that name the meter. Pure."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from drivers.iec62056.times import joined
from drivers.records.obis import Obis, parse_obis
from drivers.records.telegram import Meter, MeterTime, Record

START: Final = re.compile(rb"/[A-Za-z]{3}[0-9A-Za-z][ -.0-~]{0,64}(?=[\r\n])")
"""An identification line: `/`, three letters of the maker, the baud rate's character, the model."""
_ESCAPE: Final = re.compile(r"\\.")
_SERIAL_NUMBERS: Final = tuple(
    Obis(medium, None, quantity, function, tariff, None)
    for medium, quantity, function, tariff in (
        (0, 96, 1, 1), (0, 96, 1, 0), (None, 96, 1, 0), (None, 96, 1, 255), (None, 0, 0, 0), (None, 0, 0, 9),
        (None, 9, 21, None), (0, 42, 0, 0),
    )
)  # fmt: skip
"""Where a meter's number stands, the first that is there counts."""
_FIRMWARE: Final = Obis(None, None, 0, 2, 0, None)
_MEDIA: Final[Mapping[int, str]] = MappingProxyType(
    {1: "electricity", 5: "cooling", 6: "heat", 7: "gas", 8: "water", 9: "warm_water"}
)
_HEAT_ENERGY: Final = (6, 8)
"""The code of heat meters that leave the medium out."""
_CLOCK: Final = (1, 0)
_DATE_AND_TIME: Final = "9.36"
_TIME, _DATE = Obis(None, None, 0, 9, 1, None), Obis(None, None, 0, 9, 2, None)


def meter_of(line: str, records: Sequence[Record], *, medium: str = "") -> Meter:
    """Return who sent a telegram.

    Args:
        line: The identification line, from its `/`; empty where there was none.
        records: Of the telegram.
        medium: Where it does not say it.
    """
    named = _named(records, (*_SERIAL_NUMBERS, _FIRMWARE))
    return Meter(
        maker=line[1:4].upper(),
        serial_number=next((named[code] for code in _SERIAL_NUMBERS if code in named), ""),
        model=_ESCAPE.sub("", line[5:]).strip(),
        medium=medium or _medium(records),
        version=named.get(_FIRMWARE, ""),
    )


def time_of(records: Sequence[Record]) -> MeterTime | None:
    """Return what the meter's clock said, None where the telegram does not say it."""
    parts: dict[tuple[int, int, int | None], str] = {}
    heat: list[str] = []
    for record in records:
        code = parse_obis(record.code)
        if code is None or not isinstance(record.value, str) or code.channel not in (None, 0):
            continue
        if (code.quantity, code.function) == _CLOCK and record.time is not None:
            return record.time
        parts.setdefault((code.quantity, code.function, code.tariff), record.value)
        if record.code == _DATE_AND_TIME:
            heat.append(record.value)
    if len(heat) == 2:  # noqa: PLR2004 - date and time
        return joined(heat[0], heat[1])
    time, date = (parts.get((each.quantity, each.function, each.tariff)) for each in (_TIME, _DATE))
    return joined(date, time) if date and time else None


def _named(records: Sequence[Record], wanted: Sequence[Obis]) -> dict[Obis, str]:
    """Return the texts of the wanted codes that are not a sub-meter's."""
    found: dict[Obis, str] = {}
    for record in records:
        if not isinstance(record.value, str):
            continue
        code = parse_obis(record.code)
        if code is not None and code.channel in (None, 0):
            for each in wanted:
                if each.fits(code):
                    found.setdefault(each, record.value)
    return found


def _medium(records: Sequence[Record]) -> str:
    for record in records:
        code = parse_obis(record.code)
        if code is None:
            continue
        if code.medium is not None and code.medium in _MEDIA:
            return _MEDIA[code.medium]
        if code.medium is None and (code.quantity, code.function) == _HEAT_ENERGY and code.tariff is None:
            return "heat"
        if code.medium is None and code.function == _HEAT_ENERGY[1] and code.tariff is not None:
            return "electricity"
    return ""
