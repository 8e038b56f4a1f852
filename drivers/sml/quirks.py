"""Known defects of SML meters: what is wrong, why we know, and the correction. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from drivers.records.telegram import Record
from drivers.sml.messages import Entry
from drivers.sml.tl import Number


@dataclass(frozen=True, slots=True)
class Quirk:
    """One defect."""

    name: str
    """Stands among the qualifiers of the records that were corrected for it."""
    meters: str
    reason: str
    source: str


DZG_UNSIGNED_POWER = Quirk(
    "dzg_unsigned_power",
    "DZG DVS74, serial numbers 1DZG0042000000 to 1DZG0048999999 and 1DZG0055000000 to 1DZG0058999999",
    "power of one or two octets is marked as signed but is not: 356.24 W reads as -299.12 W",
    "maker's answer in volkszaehler/libsml pull request 136",
)
DZG_ONE_WAY_POWER = Quirk(
    "dzg_one_way_power",
    "DZG meters without an export register",
    "the same defect; a meter that only counts import can show no negative power",
    "volkszaehler/libsml issue 125, volkszaehler/vzlogger issue 544",
)
DIRECTION_FROM_STATUS = Quirk(
    "direction_from_status",
    "EMH eHZ and ED300L; Holley where 16.7.0 is unsigned",
    "power has no sign; the status word of the energy register says in which direction it flows",
    "FNN Lastenheft EDL 1.0, page 31 (bit 5); FNN Lastenheft Basiszaehler (bit 11); volkszaehler/libsml issue 101",
)
KERMIT_CHECKSUM = Quirk(
    "kermit_checksum",
    "Holley DTZ541 and its relatives, early firmware",
    "checksums are CRC-16/KERMIT, high octet first, where X-25 is due: messages and frames are taken with either",
    "volkszaehler/libsml issue 75",
)
BARE_TIME = Quirk(
    "bare_time",
    "Holley DTZ541 and its relatives, early firmware",
    "a time is a bare number of seconds where a choice of two is due: it is the seconds index, which is no time of day",
    "volkszaehler/libsml issue 75",
)
SHORT_INTEGERS = Quirk(
    "short_integers",
    "Iskra, DZG, EasyMeter, eBZ",
    "integers have 1 to 8 octets, also 3, 5, 6 and 7, and change their width with the value: every width is read",
    "volkszaehler/vzlogger issue 533",
)
SCALER_LEFT_OUT = Quirk(
    "scaler_left_out",
    "Iskra, EMH",
    "an entry with a unit has no scaler: it is 10 to the power of 0",
    "Smart Message Language 1.04, section 6.6.5: the field is optional",
)
MISSING_END = Quirk(
    "missing_end",
    "all, behind optical heads that lose octets",
    "a frame stops and the next begins: the first is reported as damaged, the next is read",
    "volkszaehler/libsml issue 108",
)
QUIRKS = (
    DZG_UNSIGNED_POWER,
    DZG_ONE_WAY_POWER,
    DIRECTION_FROM_STATUS,
    KERMIT_CHECKSUM,
    BARE_TIME,
    SHORT_INTEGERS,
    SCALER_LEFT_OUT,
    MISSING_END,
)

_DVS74 = (range(42_000_000, 49_000_000), range(55_000_000, 59_000_000))
_POWERS = frozenset(bytes((1, 0, quantity, 7, 0, 255)) for quantity in (16, 36, 56, 76))
_POWER_SUM, _POWER_MAGNITUDE = "1-0:16.7.0", "1-0:15.7.0"
_IMPORT, _EXPORT = bytes((1, 0, 1, 8, 0, 255)), bytes((1, 0, 2, 8, 0, 255))
_BASIC_METER = 0x04
"""Low octet of the status word of an FNN basic meter, always."""
_EXPORTS_BASIC, _EXPORTS_EDL = 1 << 11, 1 << 5
_WITHOUT_SIGN = ("EMH", "HLY")
_NARROW = 2
_SERVER_ID_OCTETS = 10


def true_number(entry: Entry, server_id: bytes, entries: Sequence[Entry]) -> tuple[int, Quirk | None]:
    """Return the integer that the meter means, and the defect that was mended for it."""
    number = entry.value
    if not isinstance(number, Number):
        raise TypeError(f"{number!r} is no number")
    is_wrong = number.is_signed and number.octets <= _NARROW and number.value < 0 and entry.name in _POWERS
    if not is_wrong or server_id[2:5] != b"DZG" or len(server_id) != _SERVER_ID_OCTETS:
        return number.value, None
    unsigned = number.value % (1 << 8 * number.octets)
    if any(int.from_bytes(server_id[6:], "big") in serials for serials in _DVS74):
        return unsigned, DZG_UNSIGNED_POWER
    if all(other.name != _EXPORT for other in entries):
        return unsigned, DZG_ONE_WAY_POWER
    return number.value, None


def with_direction(records: Sequence[Record], entries: Sequence[Entry], maker: str) -> Sequence[Record]:
    """Return the records with the power's sign where the meter gives it apart.

    A power that is by its code a magnitude stays; the signed one is added to it.
    """
    words = [entry.status for entry in entries if entry.name == _IMPORT and entry.status is not None]
    if maker not in _WITHOUT_SIGN or not words:
        return records
    is_export = bool(words[0] & (_EXPORTS_BASIC if words[0] & 0xFF == _BASIC_METER else _EXPORTS_EDL))
    signed = {entry.name for entry in entries if isinstance(entry.value, Number) and entry.value.is_signed}
    codes = {record.code: index for index, record in enumerate(records)}
    if _POWER_SUM in codes:
        at = codes[_POWER_SUM]
        turned = _turned(records[at])
        must_turn = is_export and bytes((1, 0, 16, 7, 0, 255)) not in signed and turned is not None
        return [*records[:at], turned, *records[at + 1 :]] if must_turn and turned is not None else records
    if _POWER_MAGNITUDE in codes:
        source = replace(records[codes[_POWER_MAGNITUDE]], code=_POWER_SUM)
        added = _turned(source) if is_export else replace(source, qualifiers=(DIRECTION_FROM_STATUS.name,))
        return [*records, added] if added is not None else records
    return records


def _turned(record: Record) -> Record | None:
    """Return the record with a negative value, None where it has no positive one."""
    if not isinstance(record.value, Decimal) or record.value <= 0:
        return None
    return replace(record, value=-record.value, qualifiers=(*record.qualifiers, DIRECTION_FROM_STATUS.name))
