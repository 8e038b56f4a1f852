"""The values in the answer to GetRegister: id, unit, length, sign and exponent, digits. Pure.

Source: Kamstrup, Technical Description MULTICAL 602, 5512-931 N1, section 11.1 (application layer).
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal

from drivers.kmp.registers import CLOCK, DATE, REGISTERS, UNITS, Form, Register, Unit
from drivers.records.telegram import MeterTime, Record

_HEAD = 5
"""Two bytes of id, then unit, length of the digits, and sign with exponent."""
_NEGATIVE, _NEGATIVE_EXPONENT, _EXPONENT = 0x80, 0x40, 0x3F
_MOST_DIGITS = 8
"""Bytes of a number; only a text is longer."""
_EXACT = Context(prec=100)
_CENTURY = 2000
_NO_DATE = 99_99_99_99
_LEAP_YEAR = 2000_0000
"""Before a month and a day, so that 29 February is one of them."""


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """One register of an answer as it was sent."""

    register: int
    unit: int
    sign_exponent: int
    digits: bytes
    raw: bytes

    @property
    def number(self) -> Decimal:
        """The number with its decimals, before any meaning of its unit."""
        mantissa = int.from_bytes(self.digits, "big")
        exponent = self.sign_exponent & _EXPONENT
        # Not by the sign of an int: a meter may well say -0.
        sign = 1 if self.sign_exponent & _NEGATIVE else 0
        places = -exponent if self.sign_exponent & _NEGATIVE_EXPONENT else exponent
        return Decimal((sign if mantissa else 0, tuple(map(int, str(mantissa))), places))


def parse_values(content: bytes) -> tuple[RegisterValue, ...] | str:
    """Return the registers of an answer, or what is wrong with its content."""
    found, place = [], 0
    while place < len(content):
        if place + _HEAD > len(content):
            return f"{len(content) - place} bytes behind the last register, a register has at least {_HEAD}"
        register = int.from_bytes(content[place : place + 2], "big")
        unit, length, sign_exponent = content[place + 2 : place + _HEAD]
        end = place + _HEAD + length
        if end > len(content):
            return f"register {register} has {length} bytes of digits, and the frame ends before them"
        if length > _MOST_DIGITS and UNITS.get(unit, Unit("")).form is not Form.TEXT:
            return f"register {register} has {length} bytes of digits, a number has at most {_MOST_DIGITS}"
        found.append(RegisterValue(register, unit, sign_exponent, content[place + _HEAD : end], content[place:end]))
        place = end
    return tuple(found)


def record_of(value: RegisterValue) -> Record:
    """Return what a register of an answer says; a date or time that cannot be is no value."""
    meaning = REGISTERS.get(value.register, Register(f"register_{value.register}"))
    unit = UNITS.get(value.unit, Unit(f"unit {value.unit}"))
    return Record(
        code=meaning.code,
        value=_meaning(value, unit),
        unit=unit.name,
        function=meaning.function,
        tariff=meaning.tariff,
        subunit=meaning.subunit,
        qualifiers=meaning.qualifiers,
        raw=value.raw,
    )


def clock_of(values: tuple[RegisterValue, ...]) -> MeterTime | None:
    """Return the meter's clock, None where date and time are not both in this answer.

    A date of one answer and a time of the next one are a day apart at midnight.
    """
    held = {value.register: value for value in values}
    if DATE not in held or CLOCK not in held:
        return None
    day, hour = _date(_whole(held[DATE])), _time(_whole(held[CLOCK]))
    return None if day is None or hour is None else MeterTime(datetime.combine(day, hour))


def _meaning(value: RegisterValue, unit: Unit) -> Decimal | str | None:
    if not value.digits:
        return None
    match unit.form:
        case Form.NUMBER:
            return value.number.scaleb(unit.tens, _EXACT)
        case Form.TEXT:
            return value.digits.decode("ascii", "replace").strip("\0 ")
        case Form.HOUR_MINUTE_SECOND:
            hour = _time(_whole(value))
            return hour.isoformat() if hour else None
        case Form.YEAR_MONTH_DAY | Form.FULL_YEAR_MONTH_DAY:
            day = _date(_whole(value))
            return day.isoformat() if day else None
        case Form.MONTH_DAY:
            day = _date(_LEAP_YEAR + _whole(value))
            return f"{day:%m-%d}" if day else None


def _whole(value: RegisterValue) -> int:
    """Return the digits of a date or time, one that cannot be where they are no whole number of that size."""
    number = value.number
    return int(number) if number == number.to_integral_value() and 0 <= number < 10**8 else _NO_DATE


def _date(digits: int) -> date | None:
    """Return the day of yymmdd or yyyymmdd."""
    year, month_day = divmod(digits, 10_000)
    try:
        return date(year if year >= _CENTURY else _CENTURY + year, *divmod(month_day, 100))
    except ValueError:
        return None


def _time(digits: int) -> time | None:
    """Return the time of hhmmss."""
    hour, rest = divmod(digits, 10_000)
    try:
        return time(hour, *divmod(rest, 100))
    except ValueError:
        return None
