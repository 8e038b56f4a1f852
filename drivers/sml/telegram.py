"""What an SML frame says → a telegram. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from drivers.records.cosem import UNITS, obis_text
from drivers.records.telegram import Meter, MeterTime, Record, Telegram
from drivers.sml.identity import maker_of, medium_of, serial_of, text_of
from drivers.sml.messages import Entry, File, as_list
from drivers.sml.quirks import true_number, with_direction
from drivers.sml.tl import Number, Value

_TIMESTAMP, _LOCAL_TIMESTAMP = 2, 3
_CHOICE, _LOCAL_PARTS = 2, 3
_DAY_S = 86400
_BASIC_METER, _FATAL_ERROR = 0x04, 1 << 17
_MAKER = ("1-0:96.50.1*1", "129-129:199.130.3")
_FIRMWARE = ("1-0:0.2.0", "1-0:0.2.0*0")
_SERIAL = ("1-0:96.1.0", "1-0:0.0.9", "0-0:96.1.0")


def to_telegram(file: File, raw: bytes) -> Telegram:
    """Return the telegram that a frame stands for."""
    texts = {
        obis_text(entry.name): text_of(entry.value)
        for entry in file.entries
        if isinstance(entry.value, bytes) and entry.value
    }
    meter = _meter(file.server_id, texts)
    records = [_record(entry, file) for entry in file.entries]
    times = [time for time in map(_time, file.times) if time is not None]
    status = [entry.status for entry in file.entries if entry.status is not None]
    return Telegram(
        "sml",
        meter,
        tuple(with_direction(records, file.entries, meter.maker)),
        times[0] if times else None,
        status[0] if status else None,
        raw=raw,
    )


def _meter(server_id: bytes, texts: Mapping[str, str]) -> Meter:
    serial = serial_of(server_id) if any(server_id) else _first(texts, _SERIAL)
    return Meter(
        maker=maker_of(server_id) or _first(texts, _MAKER),
        serial_number=serial,
        medium=medium_of(server_id),
        version=_first(texts, _FIRMWARE),
    )


def _first(texts: Mapping[str, str], codes: Sequence[str]) -> str:
    return next((texts[code] for code in codes if code in texts), "")


def _record(entry: Entry, file: File) -> Record:
    value: Decimal | str | None
    qualifiers: tuple[str, ...] = ()
    if isinstance(entry.value, Number):
        number, quirk = true_number(entry, file.server_id, file.entries)
        value = _scaled(number, entry.scaler or 0)
        qualifiers = (quirk.name,) if quirk is not None else ()
    elif isinstance(entry.value, bool):
        value = Decimal(int(entry.value))
    elif isinstance(entry.value, bytes):
        value = text_of(entry.value) if entry.value else None
    else:
        time = _time(entry.value[1]) if len(entry.value) == _CHOICE else None
        value = time.local.isoformat() if time is not None else None
    return Record(
        obis_text(entry.name),
        value,
        UNITS.get(entry.unit or 0, ""),
        qualifiers=qualifiers,
        time=_time(entry.time),
        is_suspect=_is_fatal(entry.status),
        raw=entry.raw,
    )


def _scaled(number: int, scaler: int) -> Decimal:
    return Decimal(number * 10**scaler) if scaler > 0 else Decimal(number).scaleb(scaler)


def _is_fatal(status: int | None) -> bool:
    """Return whether an FNN basic meter says that it is broken.

    Source: FNN Lastenheft Basiszaehler, status word.
    """
    return status is not None and status & 0xFF == _BASIC_METER and bool(status & _FATAL_ERROR)


def _time(sent: Value) -> MeterTime | None:
    """Return the time of day; None where there is none, or only seconds since the meter was switched on."""
    parts = as_list(sent)
    if len(parts) != _CHOICE or not isinstance(parts[0], Number):
        return None
    choice, time = parts[0].value, parts[1]
    if choice == _TIMESTAMP and isinstance(time, Number):
        return _instant(time.value, 0)
    numbers = [part.value for part in as_list(time) if isinstance(part, Number)]
    if choice == _LOCAL_TIMESTAMP and len(numbers) == _LOCAL_PARTS:
        seconds, offset_min, season_min = numbers
        return _instant(seconds, (offset_min + season_min) * 60, is_summer=season_min != 0)
    return None


def _instant(seconds: int, offset_s: int, *, is_summer: bool | None = None) -> MeterTime | None:
    if not 0 < seconds < 1 << 32 or abs(offset_s) >= _DAY_S:
        return None
    local = datetime.fromtimestamp(seconds + offset_s, UTC).replace(tzinfo=None)
    return MeterTime(local, offset_s, is_summer)
