"""The body of a push → entries, whatever way its maker writes lists. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from drivers.dlms.axdr import Enumerated, Items, NotDlmsError, Text, Value
from drivers.dlms.vendors import Dialect, dialect_of

_OBIS_OCTETS = 6
_DEFINITION = 4
_VALUE_ATTRIBUTE, _SCALER_ATTRIBUTE = 2, 3
_WORDS = 3
"""A list begins with at most so many texts that name it and its meter."""
_CLOCK = bytes((0, 0, 1, 0, 0, 255))


@dataclass(frozen=True, slots=True)
class Entry:
    """One register."""

    code: bytes
    """OBIS code, six octets."""
    value: Value
    scaler: int | None = None
    unit: int | None = None
    span: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Listing:
    """What a list says."""

    dialect: Dialect
    entries: list[Entry]
    words: dict[str, str] = field(default_factory=dict)
    """list_id, serial_number, model; those that stand in it without a code."""


def read_list(body: Items, maker: str) -> Listing:
    """Return the entries of a push.

    Args:
        body: Its values.
        maker: Three letters, where the telegram names it apart; else empty.

    Raises:
        NotDlmsError: nobody knows such a list.
    """
    list_id = next((word_of(value) for value in body.values[:1] if isinstance(value, bytes | Text)), "")
    described = _described(body)
    if described is not None:
        return Listing(dialect_of("", maker), described)
    entries = list(_walk(body))
    if not list_id.isprintable() or len(list_id) == _OBIS_OCTETS:
        list_id = ""
    if entries:
        version = next((word_of(entry.value) for entry in entries if entry.code[2:5] == b"\x00\x02\x81"), list_id)
        return Listing(dialect_of(version, maker), entries, {"list_id": version} if version else {})
    dialect = dialect_of(list_id or ("KFM" if len(body.values) == 1 else ""), maker)
    return _by_place(body, dialect)


def word_of(value: Value) -> str:
    """Return a text or octet string as text: its characters, or hexadecimal digits."""
    # Some meters fill their texts with zeros.
    if isinstance(value, Text):
        return value.text.rstrip("\x00")
    if not isinstance(value, bytes):
        return ""
    stripped = value.rstrip(b"\x00")
    if stripped and stripped.isascii() and stripped.decode("ascii").isprintable():
        return stripped.decode("ascii")
    return value.hex().upper()


def _by_place(body: Items, dialect: Dialect) -> Listing:
    kinds = tuple(_kind(value) for value in body.values)
    places = next((each for layout, each in dialect.layouts if tuple(layout) == kinds), None)
    if places is None:
        raise NotDlmsError(f"a list of {len(kinds)} values without codes that nobody described")
    listing = Listing(dialect, [])
    for value, span, place in zip(body.values, body.spans, places, strict=True):
        if isinstance(place, tuple):
            listing.entries.append(Entry(bytes((1, 0, *place, 255)), value, span=span))
        elif place == "time":
            listing.entries.append(Entry(_CLOCK, value, span=span))
        else:
            listing.words[place] = word_of(value)
    return listing


def _kind(value: Value) -> str:
    if isinstance(value, bytes | Text):
        return "text"
    if isinstance(value, bool | int):
        return "enum" if isinstance(value, bool) else "int"
    return "enum" if isinstance(value, Enumerated) else "other"


def _walk(items: Items) -> Iterator[Entry]:
    """Yield code, value and, where it follows, scaler and unit; at any depth."""
    at = 0
    values, spans = items.values, items.spans
    while at < len(values):
        code = values[at]
        if isinstance(code, Items):
            yield from _walk(code)
            at += 1
            continue
        follows = values[at + 1] if at + 1 < len(values) else None
        if (
            not isinstance(code, bytes)
            or len(code) != _OBIS_OCTETS
            or at + 1 == len(values)
            or isinstance(follows, Items)
        ):
            at += 1
            continue
        scale = _scaler_unit(values[at + 2]) if at + 2 < len(values) else None
        width = 2 if scale is None else 3
        scaler, unit = scale if scale is not None else (None, None)
        yield Entry(code, follows, scaler, unit, (spans[at][0], spans[at + width - 1][1]))
        at += width


def _scaler_unit(value: Value) -> tuple[int, int] | None:
    if not isinstance(value, Items) or len(value.values) != 2:  # noqa: PLR2004 - scaler and unit
        return None
    scaler, unit = value.values
    if isinstance(scaler, int) and not isinstance(scaler, bool) and isinstance(unit, Enumerated):
        return scaler, unit.code
    return None


def _described(body: Items) -> list[Entry] | None:
    """Return the entries of a list whose first value says which object each value is of, None where it is no such."""
    first = body.values[0] if body.values else None
    if not isinstance(first, Items) or len(first.values) != len(body.values) or not first.values:
        return None
    definitions = [_definition(value) for value in first.values]
    pairs = list(zip(definitions, body.values, body.spans, strict=True))[1:]
    scales: dict[bytes, tuple[int, int]] = {}
    entries: list[Entry] = []
    for definition, value, span in pairs:
        if definition is None:
            return None
        code, attribute = definition
        scale = _scaler_unit(value)
        if attribute == _SCALER_ATTRIBUTE and scale is not None:
            scales[code] = scale
        elif attribute == _VALUE_ATTRIBUTE and not isinstance(value, Items):
            entries.append(Entry(code, value, span=span))
    return [_scaled(entry, scales) for entry in entries]


def _scaled(entry: Entry, scales: dict[bytes, tuple[int, int]]) -> Entry:
    scale = scales.get(entry.code)
    return entry if scale is None else Entry(entry.code, entry.value, *scale, entry.span)


def _definition(value: Value) -> tuple[bytes, int] | None:
    """Return OBIS code and attribute of an entry of a push object list."""
    parts: Sequence[Value] = value.values if isinstance(value, Items) else ()
    if len(parts) != _DEFINITION:
        return None
    _, code, attribute, _ = parts
    if not isinstance(code, bytes) or len(code) != _OBIS_OCTETS or not isinstance(attribute, int):
        return None
    return code, attribute


def number_of(value: Value) -> Decimal | None:
    """Return a value as a number, None where it is none."""
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Enumerated):
        return Decimal(value.code)
    return value if isinstance(value, Decimal) else None
