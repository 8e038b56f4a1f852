"""The bytes of a value → number or text. Pure."""

import struct
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Final

from drivers.mbus.dates import SIZES, date_text
from drivers.mbus.vif import Kind
from drivers.modbus.digits import shortest32

Value = Decimal | str | None
Read = Callable[[bytes], Value]
"""Takes the bytes in the order low byte first."""
Scale = Callable[[int], Decimal]

_WIDE: Final = Context(prec=200)
"""So that no digit is lost: the longest number has 64 bytes."""
_FLOAT32: Final = struct.Struct("<f")

LVAR: Final = -1
"""Size of a value that says its own length."""
SIZES_OF_TYPES: Final = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, LVAR, 6)
"""By data field: none, int8 to int32, real32, int48, int64, selection for readout, BCD 2 to 8, variable, BCD 12.

Source: EN 13757-3:2018, table 4.
"""
_NONE, _REAL, _SELECTION = 0x0, 0x5, 0x8
_FIRST_BCD, _VARIABLE = 0x9, 0xD


def reader(data_field: int, kind: Kind, exponent: int, offset: tuple[int, int] | None) -> Read:
    """Return what makes a value of the bytes of one record.

    Args:
        data_field: Low four bits of the DIF, none of the special functions.
        kind: How binary numbers are meant.
        exponent: Power of ten of the number.
        offset: Count and power of ten that are added.
    """
    size = SIZES_OF_TYPES[data_field]
    if kind in (Kind.DATE, Kind.DATETIME) and data_field < _SELECTION and data_field != _REAL:
        return date_text if size in SIZES else _nothing
    if data_field in (_NONE, _SELECTION) or (data_field == _VARIABLE and kind in (Kind.DATE, Kind.DATETIME)):
        return _nothing
    scale = scaling(exponent, offset)
    if data_field == _VARIABLE:
        return _variable(scale)
    if data_field == _REAL:
        return _real(exponent, offset)
    if data_field >= _FIRST_BCD:
        return _bcd(scale)
    return _unsigned(scale) if kind is Kind.UNSIGNED else _signed(size, scale)


def scaling(exponent: int, offset: tuple[int, int] | None = None) -> Scale:
    """Return the function from a whole number to the value: number * 10 ** exponent + offset, all digits kept."""
    if offset is not None:
        added = Decimal(offset[0]).scaleb(offset[1], _WIDE)
        plain = scaling(exponent)
        return lambda number: _WIDE.add(plain(number), added)
    if exponent < 0:
        return lambda number: Decimal(number).scaleb(exponent, _WIDE)
    if exponent > 0:
        factor = 10**exponent
        return lambda number: Decimal(number * factor)
    return Decimal


def variable_size(length: int) -> int | None:
    """Return how many bytes follow the length byte of a variable value, None where the standard gives it no meaning.

    Source: EN 13757-3:2018, table 5 (LVAR).
    """
    if length < 0xC0:  # noqa: PLR2004 - text
        return length
    if length < 0xF0:  # noqa: PLR2004 - decimal digits of either sign, and binary numbers
        return length & 0x0F
    if length <= 0xF4:  # noqa: PLR2004 - long binary numbers
        return 4 * (length - 0xEC)
    return {0xF5: 48, 0xF6: 64}.get(length)


def _nothing(octets: bytes) -> None:
    """Return no value."""


def _unsigned(scale: Scale) -> Read:
    return lambda octets: scale(int.from_bytes(octets, "little"))


def _signed(size: int, scale: Scale) -> Read:
    none = -1 << 8 * size - 1

    def read(octets: bytes) -> Decimal | None:
        number = int.from_bytes(octets, "little", signed=True)
        # Type B: the smallest number means that there is none.
        return None if number == none else scale(number)

    return read


def _real(exponent: int, offset: tuple[int, int] | None) -> Read:
    def read(octets: bytes) -> Decimal | None:
        digits = shortest32(_FLOAT32.unpack(octets)[0])
        if digits is None:
            return None
        return scaling(exponent - digits[1], offset)(digits[0])

    return read


def _bcd(scale: Scale) -> Read:
    def read(octets: bytes) -> Decimal | None:
        digits = octets[::-1].hex()
        if digits.isdecimal():
            return scale(int(digits))
        # A leading F is a minus sign; any other letter is what the display shows for 'no number'.
        if digits[0] == "f" and digits[1:].isdecimal():
            return scale(-int(digits[1:]))
        return None

    return read


def _variable(scale: Scale) -> Read:
    def read(octets: bytes) -> Value:
        length, content = octets[0], octets[1:]
        if length < 0xC0:  # noqa: PLR2004 - text, its last character first
            return content[::-1].decode("latin-1")
        if length < 0xE0:  # noqa: PLR2004 - decimal digits of either sign
            digits = content[::-1].hex() or "x"
            sign = -1 if length >= 0xD0 else 1  # noqa: PLR2004 - negative
            return scale(sign * int(digits)) if digits.isdecimal() else None
        return scale(int.from_bytes(content, "little", signed=True)) if content else None

    return read
