"""What is said before the data in modes A, B and C of IEC 62056-21. Pure.

The acknowledgement always asks for the data readout: programming mode, in which a meter can be changed, has no bytes
here.
"""

import re
from dataclasses import dataclass
from typing import Final

from drivers.iec62056.checksum import seven_bits

STX: Final = 0x02
NAK: Final = 0x15
WAKE_UP: Final = b"\x00"
BITS_OF_CHARACTER: Final = 10
"""Start, seven data bits, parity, stop."""
INITIAL_BAUDRATE: Final = 300
_ACKNOWLEDGED: Final = "0123456"
"""Mode C: 300 baud times two to the power of the digit, after an acknowledgement."""
_AT_ONCE: Final = "ABCDEF"
"""Mode B: from 600 baud on, without one."""
_IDENTIFICATION: Final = re.compile(rb"/[A-Za-z]{3}([!-~])[^\r\n/]{0,64}\r?\n")
_ADDRESS: Final = re.compile(r"[0-9A-Za-z ]{0,32}")


@dataclass(frozen=True, slots=True)
class Identification:
    """The meter's first answer."""

    line: bytes
    baudrate: int
    """The speed it goes on with."""
    acknowledge: str
    """The character of that speed, empty where the meter goes on without having been told."""
    rest: bytes = b""
    """What was heard behind it."""


def request_of(address: str) -> bytes:
    """Return the request message for the meter of an address, for any meter where it is empty.

    Raises:
        ValueError: an address that the standard does not know.

    Source: IEC 62056-21, section 6.3.1.
    """
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError(f"meter address {address!r}: up to 32 letters, digits and spaces")
    return f"/?{address}!\r\n".encode("ascii")


def acknowledgement_of(character: str) -> bytes:
    """Return the option select message for the data readout at the speed of a character.

    Source: IEC 62056-21, section 6.3.3 (ACK, protocol control 0, baud rate Z, mode control 0: data readout).
    """
    return f"\x060{character}0\r\n".encode("ascii")


def identification_in(heard: bytes) -> Identification | None:
    """Return the identification message in what was heard, None where it is not whole yet.

    Source: IEC 62056-21, sections 6.3.2 and 6.3.14 (baud rate characters).
    """
    match = _IDENTIFICATION.search(seven_bits(heard))
    if match is None:
        return None
    character = match[1].decode("ascii")
    baudrate, acknowledge = INITIAL_BAUDRATE, ""
    if character in _ACKNOWLEDGED:
        baudrate, acknowledge = INITIAL_BAUDRATE << int(character), character
    elif character in _AT_ONCE:
        baudrate = INITIAL_BAUDRATE << (1 + _AT_ONCE.index(character))
    return Identification(match[0], baudrate, acknowledge, heard[match.end() :])
