"""Which records of a telegram make a point. Pure."""

from collections.abc import Callable, Sequence

from drivers.profile_records import KmpProfile, MbusProfile, ObisPoint, ObisProfile, QuantityPoint, RecordProfile
from drivers.records.obis import Obis, parse_obis
from drivers.records.telegram import Function, Record, Telegram
from gateway.core.site import DeviceSettings

Term = tuple[int, Record]
"""Sign, and the record that is added."""
Select = Callable[[Telegram], Sequence[Term]]
"""The records whose sum is the point's raw value; none where the telegram lacks one of them."""

_TIMES = frozenset({"s", "min", "h", "d"})
_DEVICE_TYPE = Obis(0, None, 24, 1, 0, None)
_SUB_METER_NAMES = (Obis(0, None, 96, 1, 0, None), Obis(0, None, 96, 1, 1, None))


def selectors(profile: RecordProfile, settings: DeviceSettings) -> dict[str, Select]:
    """Return for each point that is a record how it is found."""
    if isinstance(profile, MbusProfile | KmpProfile):
        return {point.point: _by_quantity(point) for point in profile.points if point.quantity is not None}
    return {point.point: _by_obis(point, profile, settings) for point in profile.points if point.obis}


def concerns(profile: RecordProfile, settings: DeviceSettings, telegram: Telegram) -> bool:
    """Return whether a telegram on the device's port speaks of the device at all."""
    if isinstance(profile, ObisProfile) and profile.obis.device_type:
        return channel_of(profile, settings, telegram) is not None
    wanted = settings.serial_number
    return wanted is None or not telegram.meter.serial_number or telegram.meter.serial_number == wanted


def channel_of(profile: ObisProfile, settings: DeviceSettings, telegram: Telegram) -> int | None:
    """Return the channel of the sub-meter behind a P1 port, None where the telegram has none that fits.

    The lowest one counts where there are several of its type and the settings name no serial number.
    """
    channels = []
    names: dict[int | None, str] = {}
    for record in telegram.records:
        code = parse_obis(record.code)
        if code is None or code.channel in (None, 0):
            continue
        if _DEVICE_TYPE.fits(code) and str(record.value).lstrip("0") in {str(t) for t in profile.obis.device_type}:
            channels.append(code.channel)
        if any(name.fits(code) for name in _SUB_METER_NAMES):
            names[code.channel] = str(record.value)
    wanted = settings.serial_number
    fitting = [channel for channel in channels if wanted is None or names.get(channel) == wanted]
    return min(filter(None, fitting), default=None)


def _by_quantity(point: QuantityPoint) -> Select:
    wanted = (point.quantity, point.function, point.storage, point.tariff, point.subunit, point.qualifiers)

    def in_error(record: Record) -> bool:
        """Return whether it is the value as measured during an error; a time then is how long the error lasted."""
        place = (record.code, record.storage, record.tariff, record.subunit, record.qualifiers)
        is_place = place == (wanted[0], *wanted[2:])
        return is_place and record.function is Function.ERROR and record.unit not in _TIMES

    def select(telegram: Telegram) -> Sequence[Term]:
        fitting = [
            record
            for record in telegram.records
            if (record.code, record.function, record.storage, record.tariff, record.subunit, record.qualifiers)
            == wanted
        ]
        best = next((record for record in fitting if record.value is not None), None) or next(iter(fitting), None)
        if best is None and point.function is Function.INSTANTANEOUS:
            best = next(filter(in_error, telegram.records), None)
        return [(1, best)] if best is not None else []

    return select


def _by_obis(point: ObisPoint, profile: ObisProfile, settings: DeviceSettings) -> Select:
    ways = [(entry,) if isinstance(entry, str) else entry for entry in point.obis]
    wanted = [[_parsed(code) for code in way] for way in ways]
    negative = _parsed(point.negate) if point.negate is not None else None

    def select(telegram: Telegram) -> Sequence[Term]:
        channel = channel_of(profile, settings, telegram) if profile.obis.device_type else None
        for way in wanted:
            found = [_first(code, telegram, channel) for code in way]
            terms = [(1, record) for record in found if record is not None]
            if len(terms) != len(way):
                continue
            if negative is None:
                return terms
            # Without the other half the sign of the number is not known: 0 W import may be 5 kW export.
            less = _first(negative, telegram, channel)
            return [*terms, (-1, less)] if less is not None else []
        return []

    return select


def _first(wanted: Obis, telegram: Telegram, channel: int | None) -> Record | None:
    for record in telegram.records:
        code = parse_obis(record.code)
        if code is not None and wanted.fits(code, channel=channel):
            return record
    return None


def _parsed(text: str) -> Obis:
    code = parse_obis(text)
    if code is None:
        raise ValueError(f"{text!r} is no OBIS code")
    return code
