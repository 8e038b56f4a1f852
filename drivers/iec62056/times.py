"""Instants as data lines write them: `YYMMDDhhmmss` with S, W or nothing behind it. Pure."""

import re
from datetime import datetime
from typing import Final

from drivers.records.telegram import MeterTime

_STAMP: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?([SsWw]?)")
_DATE: Final = re.compile(r"(?:20)?(\d\d)[-./]?(\d\d)[-./]?(\d\d)")
_DATE_WITH_SEASON: Final = re.compile(r"([01])(\d\d)(\d\d)(\d\d)")
_TIME: Final = re.compile(r"(\d\d):?(\d\d)(?::?(\d\d))?")
_UNSET: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a meter's display has no zone
_CENTURY: Final = 2000
_LAST_YEAR: Final = 70
"""A clock that was never set begins in 1970, which two digits would move to 2070."""
_SUMMER: Final = {"S": True, "W": False, "": None}
UNKNOWN: Final = MeterTime(_UNSET, is_valid=False)
"""Of a clock that shows no possible instant."""


def stamp(text: str) -> MeterTime | None:
    """Return the instant in `YYMMDDhhmm[ss][S|W]`, None where the text is not of that form.

    Source: DSMR P1 companion standard 5.0.2, section 6.4 (TST); S is summer time, W winter time.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, flag = match.groups()
    return _instant(f"{year}{month}{day}", f"{hour}{minute}{second or '00'}", _SUMMER[flag.upper()])


def joined(date: str, time: str) -> MeterTime | None:
    """Return the instant in a date and a time of day, None where they are of no known form.

    Source: IEC 62056-21, annex C (formats; a seventh digit before the date is 1 in summer time).
    """
    clock = _TIME.fullmatch(time.strip())
    if clock is None:
        return None
    digits = "".join(part or "00" for part in clock.groups())
    seasonal = _DATE_WITH_SEASON.fullmatch(date.strip())
    if seasonal is not None:
        return _instant("".join(seasonal.groups()[1:]), digits, seasonal[1] == "1")
    day = _DATE.fullmatch(date.strip())
    return None if day is None else _instant("".join(day.groups()), digits, None)


def _instant(date: str, time: str, is_summer: bool | None) -> MeterTime:  # noqa: FBT001 - three words of one stamp
    numbers = [int(text[place : place + 2]) for text in (date, time) for place in (0, 2, 4)]
    if numbers[0] >= _LAST_YEAR:
        return UNKNOWN
    try:
        local = datetime(_CENTURY + numbers[0], *numbers[1:])  # type: ignore[arg-type]  # noqa: DTZ001 - as above
    except ValueError:
        return UNKNOWN
    return MeterTime(local, is_summer=is_summer)
