"""The header of a record (DIF, DIFE, VIF, VIFE) → what its value means, remembered for the next time. Pure."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from drivers.mbus.values import SIZES_OF_TYPES, Read, reader
from drivers.mbus.vif import PRIMARY, Kind, Vif
from drivers.mbus.vif_extended import FB, FD, FD_FD
from drivers.mbus.vife import Combined, combine
from drivers.records.telegram import Function

PLAIN_TEXT: Final = 0x7C
_MAKER: Final = 0x7F
_FB, _FD = 0xFB, 0xFD
_FUNCTIONS: Final = (Function.INSTANTANEOUS, Function.MAXIMUM, Function.MINIMUM, Function.ERROR)
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything about a record but its value."""

    size: int
    """Bytes of the value, LVAR where it says its own length."""
    code: str
    unit: str
    function: Function
    storage: int
    tariff: int
    subunit: int
    qualifiers: tuple[str, ...]
    is_suspect: bool
    is_clock: bool
    """The value is the meter's clock at the moment of sending."""
    read: Read


@lru_cache(maxsize=4096)
def layout_of(header: bytes) -> Layout:
    """Return what a record with this header holds.

    Args:
        header: DIF, DIFE, VIF, its text if it is a plain one, VIFE: whole, and no special function.

    Source: EN 13757-3:2018, sections 6.3 (DIF, DIFE) and 6.4 (VIF, VIFE).
    """
    dif = header[0]
    storage, tariff, subunit, place = dif >> 6 & 1, 0, 0, 1
    while header[place - 1] & 0x80:
        dife, step = header[place], place - 1
        storage |= (dife & 0x0F) << 1 + 4 * step
        tariff |= (dife >> 4 & 0x03) << 2 * step
        subunit |= (dife >> 6 & 0x01) << step
        place += 1
    vif, combined = _meaning(header[place:])
    if combined.unit is None:
        exponent, unit = vif.exponent + combined.exponent, vif.unit
    else:
        exponent, unit = combined.exponent, combined.unit
    function = _FUNCTIONS[dif >> 4 & 3]
    data_field = dif & 0x0F
    read = reader(data_field, combined.kind or vif.kind, exponent, combined.offset)
    is_plain = function is Function.INSTANTANEOUS and not (storage or tariff or subunit or combined.qualifiers)
    return Layout(
        SIZES_OF_TYPES[data_field],
        vif.code,
        unit,
        function,
        storage,
        tariff,
        subunit,
        combined.qualifiers,
        is_suspect=function is Function.ERROR or combined.error is not None,
        is_clock=vif.code == "datetime" and is_plain,
        read=read if combined.error is None else _no_value,
    )


def _meaning(block: bytes) -> tuple[Vif, Combined]:
    """Return quantity and combined codes of VIF and VIFE."""
    first = block[0]
    rest = block[1:]
    if first == _FB:
        return _entry(FB, "vif_fb", rest), combine(rest[1:])
    if first == _FD and rest[0] == _FD and len(rest) > 1:
        return _entry(FD_FD, "vif_fd_fd", rest[1:]), combine(rest[2:])
    if first == _FD:
        return _entry(FD, "vif_fd", rest), combine(rest[1:])
    plain = first & 0x7F
    if plain == PLAIN_TEXT:
        return _plain_text(block)
    if plain == _MAKER:
        words = tuple(f"maker_{each & 0x7F:02x}" for each in rest)
        return Vif("manufacturer"), Combined(words)
    return _entry(PRIMARY, "vif", block), combine(rest)


def _entry(table: dict[int, Vif], name: str, codes: bytes) -> Vif:
    code = codes[0] & 0x7F
    return table.get(code) or Vif(f"{name}_{code:02x}", kind=Kind.NUMBER)


def _plain_text(block: bytes) -> tuple[Vif, Combined]:
    """Return a quantity that the meter names in text, its last character first."""
    end = 2 + block[1]
    text = block[2:end][::-1].decode("latin-1").strip()
    combined = combine(block[end:])
    word = _NO_WORD.sub("_", text.lower()).strip("_")
    return Vif("plain_text", text), replace(combined, qualifiers=(*((word,) if word else ()), *combined.qualifiers))


def _no_value(octets: bytes) -> None:
    """Return no value: the record carries an error of the meter."""
