"""The data header: who speaks, and in which state it is. Pure."""

from dataclasses import dataclass
from typing import Final

LONG_HEADER_BYTES: Final = 12
SHORT_HEADER_BYTES: Final = 4
_LETTERS: Final = 3
_BEFORE_A: Final = 64

MEDIA: Final = (
    "other", "oil", "electricity", "gas", "heat", "steam", "warm_water", "water", "heat_cost_allocator",
    "compressed_air", "cooling", "cooling", "heat", "heat_cooling", "bus", "unknown",
    "irrigation_water", "water_logger", "gas_logger", "gas_converter", "calorific_value", "hot_water", "cold_water",
    "dual_water", "pressure", "ad_converter", "smoke_detector", "room_sensor", "gas_detector",
)  # fmt: skip
"""By device type. Heat and cooling have two each: the flow sensor in the return, or in the flow pipe.

Source: EN 13757-3:2018, table 13.
"""
_MORE_MEDIA: Final = {
    0x20: "breaker", 0x21: "valve", 0x25: "display", 0x28: "waste_water", 0x29: "garbage", 0x2A: "carbon_dioxide",
    0x31: "gateway", 0x32: "repeater", 0x33: "repeater", 0x36: "radio_converter", 0x37: "radio_converter",
}  # fmt: skip

_APPLICATION_STATE: Final = 0b11
_APPLICATION_ERROR: Final = 0b10
_PERMANENT_ERROR: Final = 0b1000
_ENCRYPTED_MODES: Final = frozenset((5, 7, 8, 9, 10, 13))
_BLOCKS: Final = 0xF0


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the records."""

    serial_number: str = ""
    """8 digits; a digit above 9 as its hexadecimal letter."""
    maker: str = ""
    version: int | None = None
    medium: str = ""
    access_number: int | None = None
    status: int | None = None
    configuration: int = 0
    """Signature, or how the records are encrypted."""

    @property
    def is_suspect(self) -> bool:
        """Whether the meter says that its values cannot be trusted: an application error or a permanent one.

        Source: EN 13757-3:2018, table 14 (status byte).
        """
        status = self.status or 0
        return status & _APPLICATION_STATE == _APPLICATION_ERROR or bool(status & _PERMANENT_ERROR)

    @property
    def encryption_mode(self) -> int:
        """The mode under which records are encrypted, 0 where none are.

        Source: EN 13757-3:2018, section 5.6 (configuration field: bits 8 to 12 mode, bits 4 to 7 blocks).
        """
        mode = self.configuration >> 8 & 0x1F
        return mode if mode in _ENCRYPTED_MODES and self.configuration & _BLOCKS else 0


def long_header(octets: bytes, *, high_first: bool) -> Header:
    """Return the header of 12 bytes.

    Args:
        octets: The first 12 bytes behind the control information.
        high_first: Numbers of several bytes come with the high byte first.
    """
    order = 1 if high_first else -1
    return Header(
        serial_number=octets[0:4][::order].hex().upper(),
        maker=maker_letters(int.from_bytes(octets[4:6][::order], "big")),
        version=octets[6],
        medium=medium_word(octets[7]),
        access_number=octets[8],
        status=octets[9],
        configuration=int.from_bytes(octets[10:12][::order], "big"),
    )


def short_header(octets: bytes, *, high_first: bool) -> Header:
    """Return the header of 4 bytes.

    Args:
        octets: The first 4 bytes behind the control information.
        high_first: Numbers of several bytes come with the high byte first.
    """
    configuration = int.from_bytes(octets[2:4], "big" if high_first else "little")
    return Header(access_number=octets[0], status=octets[1], configuration=configuration)


def maker_letters(code: int) -> str:
    """Return the three letters of a maker, its hexadecimal digits where they are no letters.

    Source: EN 13757-3:2018, section 5.6.2 (5 bits for each letter, 1 is A).
    """
    letters = "".join(chr((code >> shift & 0x1F) + _BEFORE_A) for shift in (10, 5, 0))
    return letters if letters.isalpha() and letters.isupper() and code < 1 << 15 else f"{code:04X}"


def maker_code(letters: str) -> int:
    """Return the number for three letters.

    Raises:
        ValueError: they are not three letters A to Z.
    """
    if len(letters) != _LETTERS or not (letters.isascii() and letters.isalpha() and letters.isupper()):
        raise ValueError(f"{letters!r} is not three letters A to Z")
    first, second, third = (ord(letter) - _BEFORE_A for letter in letters)
    return first << 10 | second << 5 | third


def medium_word(code: int) -> str:
    """Return the word for a device type, `medium_2b` for one that has none."""
    if code < len(MEDIA):
        return MEDIA[code]
    return _MORE_MEDIA.get(code, f"medium_{code:02x}")
