"""P1 telegrams in a stream of bytes: from `/` to `!` and its CRC16. Pure.

Telegrams of DSMR 2.2 and 3 have no CRC. Such a telegram is taken as `drivers.iec62056.unchecked` says, and only if it
carries no version and no clock, which came with the CRC.
"""

import re
from collections.abc import Sequence
from typing import Final

from drivers.iec62056.checksum import as_sent, crc16, without_parity
from drivers.iec62056.frames import Frames
from drivers.iec62056.identity import START, meter_of, time_of
from drivers.iec62056.lines import Lines, parse_lines
from drivers.iec62056.unchecked import doubt_of, marked
from drivers.records.telegram import Damaged, Telegram

_END: Final = re.compile(rb"[\r\n]!(?:[0-9A-Fa-f]{4}|[^\r\n/]{0,3}(?=[\r\n/])|[^\r\n/]{4})")
_LAST_END: Final = re.compile(rb"[\r\n]!$")
_CRC: Final = re.compile(r"[0-9A-Fa-f]{4}")
_WITH_CRC: Final = ("1-3:0.2.8", "0-0:96.1.4", "0-0:1.0.0")


class P1Stream:
    """Implements TelegramStream for DSMR, ESMR, e-MUCS and the Nordic, Luxembourgish and Hungarian P1 ports."""

    def __init__(self) -> None:
        self._frames = Frames(start=START, end=_end_of)

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""
        return self._frames.findings(chunk, telegram_of)

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
        rest = self._frames.rest()
        if _LAST_END.search(rest) is not None:
            return list(self._frames.first_good(rest, telegram_of))
        return [Damaged("the telegram has no end", rest)] if rest else []


def telegram_of(frame: bytes) -> Telegram | Damaged:
    """Return the telegram in bytes from `/` to the CRC behind `!`, or what is wrong with them."""
    octets = without_parity(frame)
    body, mark, check = octets.rpartition(b"!")
    said = check.strip().decode("latin-1")
    if said and _CRC.fullmatch(said) is None:
        return Damaged("the CRC is not four hexadecimal digits", frame)
    if said and (computed := crc16(body + mark)) != int(said, 16) != _crc_as_sent(body + mark):
        return Damaged(f"the CRC is {said}, but that of its bytes is {computed:04X}", frame)
    line, _, text = body.decode("latin-1").partition("\n" if b"\n" in body else "\r")
    found = parse_lines(text)
    if reason := "" if said else _doubt(found, octets):
        return Damaged(reason, frame)
    records = found.records if said else marked(found)
    meter = meter_of(line.strip(), records, medium="electricity")
    return Telegram("p1", meter, records, time=time_of(records), raw=frame)


def _crc_as_sent(octets: bytes) -> int | None:
    """Return the CRC with the CR that a dump has lost, None where it has not; some converters drop them, too."""
    return None if b"\r" in octets else crc16(as_sent(octets))


def _doubt(found: Lines, octets: bytes) -> str:
    if any(record.code in _WITH_CRC for record in found.records):
        return "no CRC, though telegrams of its version have one"
    return doubt_of(found, octets)


def _end_of(plain: bytearray, place: int) -> int | None:
    match = _END.search(plain, place)
    return None if match is None else match.end()
