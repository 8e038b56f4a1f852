"""What stands between the parentheses: a number, a text, or a text in hexadecimal digits. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from drivers.records.obis import parse_obis

_CODE: Final = re.compile(r"(?:\d{1,3}-\d{1,3}:)?[0-9A-Z]{1,3}(?:\.[0-9A-F]{1,3}){0,2}(?:[*&]\d{1,3})?")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,24}(?:\.\d{0,12})?|\.\d{1,12})")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_FIRST_LETTER, _LAST_LETTER = 0x20, 0x7E
_TEXTS: Final = frozenset({(96, 1), (96, 13), (0, 0), (0, 2), (0, 9), (42, 0), (9, 20), (9, 21), (9, 36), (97, 97)})
"""C and D of names, messages, versions, dates and errors: digits there are no number."""
_ABSTRACT: Final = 0
_CLOCK: Final = (1, 0)


@dataclass(frozen=True, slots=True)
class Code:
    """An OBIS code as a record carries it, and what kind of value it has."""

    text: str
    is_text: bool = False
    is_instant: bool = False
    """The meter's clock, 0-0:1.0.0."""


@lru_cache(maxsize=4096)
def code_of(text: str) -> Code | None:
    """Return the code in front of a parenthesis, None where it is none."""
    if _CODE.fullmatch(text) is None:
        return None
    short = text.removesuffix("*255").replace("&", "*")
    obis = parse_obis(short)
    if obis is None:
        return Code(short, is_text=True)
    kind = obis.quantity, obis.function
    is_instant = kind == _CLOCK and obis.medium in (None, _ABSTRACT) and obis.tariff is not None
    return Code(short, kind in _TEXTS or is_instant, is_instant)


def number_of(text: str) -> Decimal | str | None:
    """Return the number with its decimals as sent, the text where it is none, None where nothing is there."""
    if _NUMBER.fullmatch(text) is not None:
        return Decimal(text)
    return text.strip() or None


def text_of(code: Code, text: str) -> str | None:
    """Return the text; meters send names and messages as hexadecimal digits of their letters.

    Source: DSMR P1 companion standard 5.0.2, section 6.12 (octet strings).
    """
    if not code.is_instant and _HEX.fullmatch(text) is not None:
        letters = bytes.fromhex(text).rstrip(b"\0")
        if letters and all(_FIRST_LETTER <= letter <= _LAST_LETTER for letter in letters):
            return letters.decode("ascii").strip()
    return text.strip() or None
