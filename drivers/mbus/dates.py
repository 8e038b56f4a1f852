"""Dates and times of meters. Pure."""

from datetime import date, datetime, time
from typing import Final

from drivers.records.telegram import MeterTime

_LAST_OF_THIS_CENTURY: Final = 80
"""Two digits up to this are 20xx: a meter without the bits for the century was not built before 1981."""
_CENTURY: Final = 100
_DATE, _TIME, _MINUTES, _SECONDS = 2, 3, 4, 6
_INVALID: Final = 0x80
SIZES: Final = frozenset((_DATE, _TIME, _MINUTES, _SECONDS))
"""Numbers of bytes that the types G, J, F and I have."""


def date_text(octets: bytes) -> str | None:
    """Return a date, a time or both as ISO 8601 writes it, None where the meter names no valid one.

    Args:
        octets: 2, 3, 4 or 6 bytes, low byte first.

    Source: EN 13757-3:2018, annex A (types G, J, F and I).
    """
    if len(octets) == _DATE:
        day = _date(octets[0], octets[1], 0)
        return None if day is None else day.isoformat()
    if len(octets) == _TIME:
        of_day = _time(octets[2], octets[1], octets[0])
        return None if of_day is None else of_day.isoformat()
    said = meter_time(octets)
    if said is None or not said.is_valid:
        return None
    return said.local.isoformat(timespec="minutes" if len(octets) == _MINUTES else "seconds")


def meter_time(octets: bytes) -> MeterTime | None:
    """Return what a clock of type F or I says, None where that is no date and time.

    Args:
        octets: 4 or 6 bytes, low byte first.
    """
    if len(octets) == _MINUTES:
        day = _date(octets[2], octets[3], octets[1] >> 5 & 3)
        of_day = _time(octets[1], octets[0], 0)
        is_summer, is_valid = bool(octets[1] & 0x80), not octets[0] & _INVALID
    elif len(octets) == _SECONDS:
        day = _date(octets[3], octets[4], 1)
        of_day = _time(octets[2], octets[1], octets[0])
        is_summer, is_valid = bool(octets[0] & 0x40), not octets[1] & _INVALID
    else:
        return None
    if day is None or of_day is None:
        return None
    return MeterTime(datetime.combine(day, of_day), is_summer=is_summer, is_valid=is_valid)


def _date(low: int, high: int, hundreds: int) -> date | None:
    year = low >> 5 | high >> 4 << 3
    if year >= _CENTURY:
        return None
    if hundreds:
        year += 1900 + _CENTURY * hundreds
    else:
        year += 2000 if year <= _LAST_OF_THIS_CENTURY else 1900
    try:
        return date(year, high & 0x0F, low & 0x1F)
    except ValueError:
        return None


def _time(hour: int, minute: int, second: int) -> time | None:
    try:
        return time(hour & 0x1F, minute & 0x3F, second & 0x3F)
    except ValueError:
        return None
