"""What a meter pushed → a telegram. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from drivers.dlms.axdr import Text
from drivers.dlms.clock import OCTETS, time_of
from drivers.dlms.lists import Entry, Listing, number_of, read_list, word_of
from drivers.dlms.push import Push
from drivers.dlms.vendors import unsaid
from drivers.records.cosem import UNITS, obis_text
from drivers.records.telegram import Meter, MeterTime, Record, Telegram

_SERIAL = ("1-1:0.0.5", "0-0:96.1.0", "0-0:96.1.1", "1-1:0.0.1", "0-0:42.0.0")
_MODEL = ("1-1:96.1.1", "0-0:96.1.7")
_CLOCKS = frozenset({"0-0:1.0.0", "0-1:1.0.0"})
_LONGEST_SCALER = 32


def to_telegram(push: Push, raw: bytes) -> Telegram:
    """Return the telegram that a push stands for.

    Raises:
        NotDlmsError: nobody knows such a list.
    """
    title = push.title[:3]
    maker = title.decode("ascii") if title.isalpha() else ""
    listing = read_list(push.body, maker)
    records = [_record(entry, push, listing) for entry in listing.entries]
    shown = [_clock(entry) for entry in listing.entries]
    times = [time for time in (push.time, *shown) if time is not None]
    return Telegram(
        "dlms",
        _meter(listing, records, maker),
        tuple(records),
        _believed(times[0], listing) if times else None,
        raw=raw,
    )


def _believed(time: MeterTime, listing: Listing) -> MeterTime:
    """Return the time without the summer bit where the maker never sets it."""
    ignored = listing.dialect.ignores_summer_bit and time.utc_offset_s is None and time.is_summer is False
    return replace(time, is_summer=None) if ignored else time


def _meter(listing: Listing, records: Sequence[Record], maker: str) -> Meter:
    texts = {record.code: str(record.value) for record in records if record.value not in (None, "")}
    return Meter(
        maker=maker or listing.dialect.maker,
        serial_number=listing.words.get("serial_number") or _first(texts, _SERIAL),
        model=listing.words.get("model") or _first(texts, _MODEL),
        medium="electricity",
        version=listing.words.get("list_id", ""),
    )


def _first(texts: Mapping[str, str], codes: Sequence[str]) -> str:
    return next((texts[code] for code in codes if code in texts), "")


def _clock(entry: Entry) -> MeterTime | None:
    if obis_text(entry.code) in _CLOCKS and isinstance(entry.value, bytes):
        return time_of(entry.value)
    return None


def _record(entry: Entry, push: Push, listing: Listing) -> Record:
    start, end = entry.span
    code, raw = obis_text(entry.code), push.octets[start:end]
    if isinstance(entry.value, bytes):
        time = time_of(entry.value) if len(entry.value) == OCTETS else None
        is_time = time is not None and (code in _CLOCKS or not entry.value.isascii())
        return Record(code, time.local.isoformat() if is_time and time is not None else word_of(entry.value), raw=raw)
    if isinstance(entry.value, Text):
        return Record(code, word_of(entry.value) or None, raw=raw)
    number = number_of(entry.value)
    if number is None:
        return Record(code, None, raw=raw)
    scaler, unit = entry.scaler, entry.unit
    if scaler is None and isinstance(entry.value, int):
        scaler, unit = unsaid(entry.code, entry.value, listing.dialect) or (None, None)
    return Record(code, _scaled(number, scaler or 0), UNITS.get(unit or 0, ""), raw=raw)


def _scaled(number: Decimal, scaler: int) -> Decimal | None:
    if abs(scaler) > _LONGEST_SCALER:
        return None
    return number * 10**scaler if scaler > 0 else number.scaleb(scaler)
