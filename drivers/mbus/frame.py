"""Frames of the link layer: what we may send, and what is found in received bytes. Pure.

Only requests that read are made here: nothing in this package can put data into a meter.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

ACK: Final = 0xE5
SHORT_START: Final = 0x10
LONG_START: Final = 0x68
STOP: Final = 0x16

SELECTED_ADDRESS: Final = 253
"""Of the meter that was selected by its secondary address."""
ANY_ADDRESS: Final = 254
"""Every meter answers to it: only for a bus with a single one."""
LAST_PRIMARY: Final = 250

_SND_NKE: Final = 0x40
_REQ_UD1: Final = 0x5A
_REQ_UD2: Final = 0x5B
_SND_UD: Final = 0x53
_FCB: Final = 0x20
_SELECT: Final = 0x52
_SELECT_HIGH_FIRST: Final = 0x56
_SELECTION_BYTES: Final = 8

_FROM_METER: Final = frozenset((0x08, 0x18, 0x28, 0x38))
"""RSP_UD, with the bits for class 1 data and for a busy meter."""
_SHORT_BYTES: Final = 5
_AROUND: Final = 6
"""Bytes of a long frame that its length does not count."""
_LEAST_LENGTH: Final = 3


class Found(Enum):
    """What stands at a place in the bytes."""

    NOTHING = auto()
    """No frame begins here."""
    INCOMPLETE = auto()
    """A frame may begin here; more bytes must come."""
    ACK = auto()
    SHORT = auto()
    LONG = auto()
    BROKEN = auto()
    """A long frame begins here, and its end is wrong."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A control frame or long frame whose checksum is right."""

    control: int
    address: int
    control_information: int
    data: bytes
    """Behind the control information; empty in a control frame."""
    raw: bytes = b""

    @property
    def is_response(self) -> bool:
        """Whether a meter sent it."""
        return self.control in _FROM_METER


def checksum(octets: bytes | bytearray) -> int:
    """Return the sum of the bytes modulo 256.

    Source: EN 13757-2, section 5.7.6 (checksum of FT1.2).
    """
    return sum(octets) & 0xFF


def look(octets: bytes | bytearray, start: int = 0) -> tuple[Found, int]:
    """Return what begins at a place, and how many bytes it has (for INCOMPLETE: will have at least).

    Source: EN 13757-2, section 5.7.3 (telegram formats of FT1.2).
    """
    first = octets[start]
    if first == ACK:
        return Found.ACK, 1
    held = len(octets) - start
    if first == SHORT_START:
        if held < _SHORT_BYTES:
            return Found.INCOMPLETE, _SHORT_BYTES
        _, control, address, check, stop = octets[start : start + _SHORT_BYTES]
        is_short = stop == STOP and check == (control + address) & 0xFF
        return (Found.SHORT, _SHORT_BYTES) if is_short else (Found.NOTHING, 1)
    if first != LONG_START:
        return Found.NOTHING, 1
    return _look_long(octets, start, held)


def _look_long(octets: bytes | bytearray, start: int, held: int) -> tuple[Found, int]:
    length = octets[start + 1] if held > 1 else _LEAST_LENGTH
    if length < _LEAST_LENGTH:
        return Found.NOTHING, 1
    if held > 2 and octets[start + 2] != length:  # noqa: PLR2004 - the length stands twice
        return Found.NOTHING, 1
    if held > 3 and octets[start + 3] != LONG_START:  # noqa: PLR2004 - behind it the start byte again
        return Found.NOTHING, 1
    size = length + _AROUND
    if held < size:
        return Found.INCOMPLETE, size
    is_right = octets[start + size - 1] == STOP and octets[start + size - 2] == checksum(
        octets[start + 4 : start + size - 2]
    )
    return (Found.LONG, size) if is_right else (Found.BROKEN, size)


def long_frame(raw: bytes) -> Frame:
    """Return the parts of the bytes of a long frame that `look` has found."""
    return Frame(raw[4], raw[5], raw[6], raw[7:-2], raw)


def why_broken(raw: bytes) -> str:
    """Return what is wrong with a broken long frame."""
    if raw[-1] != STOP:
        return f"a frame of {len(raw)} bytes ends with {raw[-1]:02X} instead of 16: bytes were lost or added"
    return f"checksum {raw[-2]:02X} of a frame of {len(raw)} bytes should be {checksum(raw[4:-2]):02X}"


def snd_nke(address: int) -> bytes:
    """Return the request that sets a meter's link layer back to its beginning."""
    return _short(_SND_NKE, address)


def req_ud2(address: int, *, fcb: bool) -> bytes:
    """Return the request for the meter's values.

    Args:
        address: 0 to 255.
        fcb: Frame count bit: the other value than last time asks for what comes next.
    """
    return _short(_REQ_UD2 | (_FCB if fcb else 0), address)


def req_ud1(address: int, *, fcb: bool) -> bytes:
    """Return the request for the meter's alarms.

    Args:
        address: 0 to 255.
        fcb: Frame count bit.
    """
    return _short(_REQ_UD1 | (_FCB if fcb else 0), address)


def select(selection: bytes, *, high_first: bool = False) -> bytes:
    """Return the frame after which only the meter with that secondary address answers to address 253.

    Args:
        selection: 8 bytes: identification, maker, version and medium in the order of a header; F and FF are wildcards.
        high_first: For meters that send the high byte first.

    Raises:
        ValueError: not 8 bytes.
    """
    if len(selection) != _SELECTION_BYTES:
        raise ValueError(f"a selection has {_SELECTION_BYTES} bytes, not {len(selection)}")
    inner = bytes([_SND_UD, SELECTED_ADDRESS, _SELECT_HIGH_FIRST if high_first else _SELECT]) + selection
    return bytes([LONG_START, len(inner), len(inner), LONG_START]) + inner + bytes([checksum(inner), STOP])


def _short(control: int, address: int) -> bytes:
    return bytes([SHORT_START, control, address, (control + address) & 0xFF, STOP])
