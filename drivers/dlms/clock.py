"""Date and time of COSEM, twelve octets. Pure.

Source: IEC 62056-6-2 (DLMS UA Blue Book), section 4.1.6.1.
"""

from datetime import datetime

from drivers.records.telegram import MeterTime

OCTETS = 12
_NOBODY_KNOWS = 0xFF
_NO_DEVIATION = -0x8000
_MOST_DEVIATION_MIN = 24 * 60
_INVALID = 0x01 | 0x08
_SUMMER = 0x80
_HUNDREDTHS = 100


def time_of(octets: bytes) -> MeterTime | None:
    """Return the time, None where the octets are none or leave out the hour or day."""
    if len(octets) != OCTETS:
        return None
    year, month, day = int.from_bytes(octets[:2], "big"), octets[2], octets[3]
    hour, minute, second, hundredths = octets[5:9]
    second = 0 if second == _NOBODY_KNOWS else second
    parts_s = hundredths * 10_000 if hundredths < _HUNDREDTHS else 0
    try:
        local = datetime(year, month, day, hour, minute, second, parts_s)  # noqa: DTZ001 - what the display shows
    except ValueError:
        return None
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    status = octets[11]
    knows_status = status != _NOBODY_KNOWS
    return MeterTime(
        local,
        # The standard counts from local time to UTC.
        None if abs(deviation) >= _MOST_DEVIATION_MIN or deviation == _NO_DEVIATION else -deviation * 60,
        bool(status & _SUMMER) if knows_status else None,
        is_valid=not (knows_status and status & _INVALID),
    )
