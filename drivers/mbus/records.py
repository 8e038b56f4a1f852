"""The records of a telegram, one after the other. Pure."""

from dataclasses import dataclass
from typing import Final

from drivers.mbus.dates import meter_time
from drivers.mbus.layout import PLAIN_TEXT, layout_of
from drivers.mbus.values import LVAR, variable_size
from drivers.records.telegram import MeterTime, Record

_FILLER: Final = 0x2F
_SPECIAL: Final = 0x0F
_MAKER_BLOCK, _MORE_FOLLOW, _GLOBAL_READOUT = 0x0F, 0x1F, 0x7F
_MOST_EXTENSIONS: Final = 10
"""DIFE of one record, and VIFE of one record."""


class BadTelegram(ValueError):
    """A telegram that cannot be read, although its checksum is right; its text says why."""


@dataclass(frozen=True, slots=True)
class Block:
    """All records of one telegram."""

    records: tuple[Record, ...]
    time: MeterTime | None
    """The meter's clock."""
    more_follow: bool
    """The next telegram goes on with further records."""


def read_block(octets: bytes, *, high_first: bool = False) -> Block:
    """Return the records.

    Args:
        octets: Behind the header, up to the end of the telegram.
        high_first: Numbers come with the high byte first.

    Raises:
        BadTelegram: a record is longer than the telegram, or of a form that the standard does not know.
    """
    records: list[Record] = []
    clock: MeterTime | None = None
    place, end = 0, len(octets)
    while place < end:
        dif = octets[place]
        if dif in (_FILLER, _GLOBAL_READOUT):
            place += 1
            continue
        if dif & _SPECIAL == _SPECIAL:
            if dif not in (_MAKER_BLOCK, _MORE_FOLLOW):
                raise BadTelegram(f"data information field {dif:02X} at byte {place} has no meaning")
            if place + 1 < end:
                records.append(_maker_block(octets[place:]))
            return Block(tuple(records), clock, dif == _MORE_FOLLOW)
        start = place
        place = _header_end(octets, start)
        layout = layout_of(octets[start:place])
        size = layout.size if layout.size != LVAR else _variable_bytes(octets, place)
        stop = place + size
        if stop > end:
            raise BadTelegram(f"a record of {stop - start} bytes begins {end - start} bytes before the end")
        value = octets[place:stop]
        if high_first and size > 1:
            value = value[::-1] if layout.size != LVAR else value[:1] + value[:0:-1]
        if layout.is_clock and clock is None:
            clock = meter_time(value)
        records.append(
            Record(
                layout.code,
                layout.read(value),
                layout.unit,
                layout.function,
                layout.storage,
                layout.tariff,
                layout.subunit,
                layout.qualifiers,
                None,
                layout.is_suspect,
                octets[start:stop],
            )
        )
        place = stop
    return Block(tuple(records), clock, more_follow=False)


def _header_end(octets: bytes, start: int) -> int:
    """Return where DIF, DIFE, VIF and VIFE of a record end.

    Raises:
        BadTelegram: the telegram ends before, or there are too many of them.
    """
    place = start
    try:
        while octets[place] & 0x80:
            place += 1
        middle = place + 1
        # Behind a plain-text VIF stand the length of its text and the text; its extensions follow behind that.
        is_text = octets[middle] & 0x7F == PLAIN_TEXT
        is_extended = octets[middle] & 0x80
        first = place = middle + (2 + octets[middle + 1] if is_text else 1)
        if is_extended:
            while octets[place] & 0x80:
                place += 1
            place += 1
    except IndexError as exc:
        raise BadTelegram(f"the record at byte {start} ends within its header") from exc
    if place > len(octets):
        raise BadTelegram(f"the text of the record at byte {start} is longer than the telegram")
    if middle - start - 1 > _MOST_EXTENSIONS or place - first > _MOST_EXTENSIONS:
        raise BadTelegram(f"the record at byte {start} has more than {_MOST_EXTENSIONS} extensions")
    return place


def _variable_bytes(octets: bytes, place: int) -> int:
    if place >= len(octets):
        raise BadTelegram("a record of variable length ends before its length")
    size = variable_size(octets[place])
    if size is None:
        raise BadTelegram(f"length byte {octets[place]:02X} at byte {place} has no meaning")
    return 1 + size


def _maker_block(octets: bytes) -> Record:
    return Record("manufacturer_block", octets[1:].hex().upper(), raw=octets)
