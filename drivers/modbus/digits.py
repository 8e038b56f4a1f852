"""Raw registers → the decimal number or text they stand for. Pure.

A number is a pair: (12345, 2) is 123.45. So a value stays exact until the one division at the end.
"""

import re
import struct
from decimal import Decimal
from math import floor, frexp, isfinite, log10
from typing import Final

Digits = tuple[int, int]
"""Whole number, and how many of its digits stand behind the decimal point; negative for zeros at its end."""

_POWERS: Final[tuple[int, ...]] = tuple(10**exponent for exponent in range(32))
_FLOAT32 = struct.Struct(">f")
_MOST_DIGITS: Final = 9
_LEAST_EXPONENT, _MOST_EXPONENT = -8, 24
_DECIMAL_WORD: Final = 10_000
_NUMBER = re.compile(r"[-+]?\d{1,18}(?:[.,]\d{1,18})?")


def power_of_ten(exponent: int) -> int:
    """Return 10 to the power of a whole number that is not negative."""
    return _POWERS[exponent] if exponent < len(_POWERS) else int(10**exponent)


def _binades() -> dict[int, tuple[int, float, float]]:
    """Return binary exponent → decimals of 7 digits, from where on it is one less, half the distance of neighbours."""
    table = {}
    for exponent in range(_LEAST_EXPONENT, _MOST_EXPONENT):
        digits = floor(log10(2.0 ** (exponent - 1))) + 1
        table[exponent] = 7 - digits, 10.0**digits, 2.0 ** (exponent - 25)
    return table


_BINADES: Final = _binades()


def shortest32(number: float) -> Digits | None:
    """Return the shortest decimal of 7 to 9 digits that is the float32 `number`, None for NaN and infinity.

    Args:
        number: A float32, widened.
    """
    if number == 0.0:
        return 0, 0
    if not isfinite(number):
        return None
    mantissa, exponent = frexp(number)
    binade = _BINADES.get(exponent)
    if binade is None:
        return _shortest_by_text(number)
    places, ten, reach = binade
    if number >= ten or number <= -ten:
        places -= 1
    if mantissa in (0.5, -0.5):  # below a power of two the neighbours are twice as near
        reach /= 2
    while True:
        # Every step is exact: 24 bits times 10**12 fit in 53, and 9 digits always do.
        power = _POWERS[places]
        scaled = number * power
        whole = round(scaled)
        if -reach < (scaled - whole) / power < reach:
            return whole, places
        places += 1


def _shortest_by_text(number: float) -> Digits:
    """Return the same for numbers so large or small that their digits do not fit exact arithmetic."""
    octets = _FLOAT32.pack(number)
    for digits in range(7, _MOST_DIGITS):
        text = f"{number:.{digits}g}"
        try:
            if _FLOAT32.pack(float(text)) == octets:
                return decimal_digits(text)
        except OverflowError:  # rounded up beyond the largest float32
            continue
    return decimal_digits(f"{number:.{_MOST_DIGITS}g}")


def decimal_digits(text: str) -> Digits:
    """Return the number that a text such as 1.25 or 3e-7 says."""
    sign, digits, exponent = Decimal(text).as_tuple()
    whole = int("".join(map(str, digits)))
    return (-whole if sign else whole), -int(exponent)


def from_bcd(code: int) -> int | None:
    """Return the number whose decimal digits are the hexadecimal digits of the code, None where one is above 9."""
    digits = f"{code:x}"
    return int(digits) if digits.isdecimal() else None


def from_mod10k(code: int) -> int | None:
    """Return the number whose 16-bit words are its base-10000 digits, None where one is above 9999."""
    number, weight = 0, 1
    while code:
        code, word = divmod(code, 0x10000)
        if word >= _DECIMAL_WORD:
            return None
        number += word * weight
        weight *= _DECIMAL_WORD
    return number


def text_of(octets: bytes) -> str:
    """Return the text in registers, without what pads it: NUL, space, 0xFF."""
    return octets.lstrip(b"\0 ").partition(b"\0")[0].rstrip(b" \xff").decode("latin-1")


def number_in(text: str) -> Digits | None:
    """Return the number that a device spells in characters, None where it spells something else."""
    return decimal_digits(text.replace(",", ".")) if _NUMBER.fullmatch(text.strip()) else None
