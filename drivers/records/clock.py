"""The meter's own clock, as an instant. Pure."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

from drivers.records.telegram import MeterTime

_STANDARD, _SUMMER = 1, 0
"""What a zone calls the two readings of an hour that comes twice: the earlier one is summer time."""


def instant_of(time: MeterTime, zone: str) -> float | None:
    """Return seconds since 1970 UTC, None where the meter's clock is not set.

    Args:
        time: What the telegram says.
        zone: IANA name of the building's zone, used where the telegram names no offset.
    """
    if not time.is_valid:
        return None
    if time.utc_offset_s is not None:
        return time.local.replace(tzinfo=timezone(timedelta(seconds=time.utc_offset_s))).timestamp()
    fold = _STANDARD if time.is_summer is False else _SUMMER
    local = time.local.replace(tzinfo=ZoneInfo(zone), fold=fold)
    shift = local.dst() or timedelta(0)
    instant = local.timestamp()
    # A meter that keeps standard time all year says so by its bit.
    if time.is_summer is False and shift:
        return instant + shift.total_seconds()
    return instant
