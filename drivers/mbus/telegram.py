"""A checked frame of a meter → its telegram, and several telegrams of one readout → one. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from drivers.mbus.fixed import read_fixed
from drivers.mbus.frame import Frame
from drivers.mbus.header import LONG_HEADER_BYTES, SHORT_HEADER_BYTES, Header, long_header, short_header
from drivers.mbus.records import BadTelegram, read_block
from drivers.records.telegram import Meter, Telegram

_HIGH_FIRST: Final = 0x04
_LONG, _SHORT, _BARE, _FIXED = 0x72, 0x7A, 0x78, 0x73
_APPLICATION_ERROR: Final = {0x70: 0, 0x6E: SHORT_HEADER_BYTES, 0x6F: LONG_HEADER_BYTES}
"""Control information → bytes of the header before the error's code."""
_FILLERS: Final = b"\x2f\x2f"
_REASONS: Final = {
    0: "unspecified error", 1: "it does not know what it was asked", 2: "the request was too long",
    3: "too many records were asked for", 4: "a record of the request ends too early",
    5: "a record of the request has too many DIFE", 6: "a record of the request has too many VIFE",
    8: "it is too busy", 9: "it was read too often in this period",
}  # fmt: skip
"""Source: EN 13757-3:2018, table 20 (application errors)."""


class ApplicationError(BadTelegram):
    """The meter answered that it will not give its values.

    Args:
        code: The standard's number of the reason.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


def read_telegram(frame: Frame) -> tuple[Telegram, bool]:
    """Return what a meter says in a frame, and whether its next telegram goes on with further records.

    Raises:
        ApplicationError: it says that it will not.
        BadTelegram: the frame is none of a meter with values, or a record in it cannot be read.
    """
    information = frame.control_information
    if information in _APPLICATION_ERROR:
        raise _refusal(frame.data[_APPLICATION_ERROR[information] :])
    high_first = bool(information & _HIGH_FIRST) and information & ~_HIGH_FIRST in (_LONG, _FIXED)
    if information & ~_HIGH_FIRST == _FIXED:
        fixed, records = read_fixed(frame.data, high_first=high_first)
        return Telegram("mbus", _meter(fixed, frame.address), records, None, fixed.status,
                        fixed.is_suspect, frame.raw), False  # fmt: skip
    header, rest = _header(frame, high_first=high_first)
    if header.encryption_mode and not rest.startswith(_FILLERS):
        raise BadTelegram(f"the records are encrypted (mode {header.encryption_mode}); switch that off in the meter")
    block = read_block(rest, high_first=high_first)
    meter = _meter(header, frame.address)
    telegram = Telegram("mbus", meter, block.records, block.time, header.status, header.is_suspect, frame.raw)
    return telegram, block.more_follow


def join(telegrams: Sequence[Telegram]) -> Telegram:
    """Return the telegrams of one readout as one, in the order in which they came.

    Raises:
        BadTelegram: they are not of the same meter.
    """
    first = telegrams[0]
    for other in telegrams[1:]:
        if other.meter != first.meter:
            raise BadTelegram(f"telegrams of two meters, {first.meter} and {other.meter}, cannot be joined")
    return replace(
        first,
        records=tuple(record for each in telegrams for record in each.records),
        time=next((each.time for each in telegrams if each.time is not None), None),
        is_suspect=any(each.is_suspect for each in telegrams),
        raw=b"".join(each.raw for each in telegrams),
    )


def _header(frame: Frame, *, high_first: bool) -> tuple[Header, bytes]:
    information, content = frame.control_information, frame.data
    if information & ~_HIGH_FIRST == _LONG:
        size = LONG_HEADER_BYTES
    elif information == _SHORT:
        size = SHORT_HEADER_BYTES
    elif information == _BARE:
        return Header(), content
    else:
        raise BadTelegram(f"control information {information:02X} is no telegram with values")
    if len(content) < size:
        raise BadTelegram(f"the header has {len(content)} of {size} bytes")
    make = long_header if size == LONG_HEADER_BYTES else short_header
    return make(content[:size], high_first=high_first), content[size:]


def _refusal(content: bytes) -> ApplicationError:
    code = content[0] if content else 0
    return ApplicationError(f"the meter refuses: {_REASONS.get(code, f'error {code}')}", code=code)


def _meter(header: Header, address: int) -> Meter:
    return _known_meter(header.maker, header.serial_number, header.medium, header.version, address)


@lru_cache(maxsize=1024)
def _known_meter(maker: str, serial_number: str, medium: str, version: int | None, address: int) -> Meter:
    said = "" if version is None else str(version)
    return Meter(maker, serial_number, medium=medium, version=said, address=str(address))
