"""Data blocks of IEC 62056-21 in a stream of bytes: STX … ETX BCC, or from `/` to `!` where the meter sends by itself.

Pure. A mode D telegram has no block check: it is taken as `drivers.iec62056.unchecked` says.
"""

import re
from collections.abc import Sequence
from typing import Final

from drivers.iec62056.checksum import as_sent, block_check, without_parity
from drivers.iec62056.frames import Frames
from drivers.iec62056.identity import START, meter_of, time_of
from drivers.iec62056.lines import parse_lines
from drivers.iec62056.unchecked import doubt_of, marked
from drivers.records.telegram import Damaged, Telegram

_STX, _ETX = 0x02, 0x03
_STARTS: Final = re.compile(START.pattern + rb"|\x02")
_LINES_END: Final = re.compile(rb"[\r\n]!(?=[\r\n])")
_LAST_LINES_END: Final = re.compile(rb"[\r\n]![\r\n]*$")
_BLOCK: Final = re.compile(
    rb"(?P<line>/[^/\r\n]*)?\s*(?:\x06[0-9A-Za-z:;]{3}\s*)?\x02(?P<text>[^\x02\x03]*)\x03(?P<check>.)", re.DOTALL
)
_ERROR: Final = re.compile(rb"\s*\(?\s*((?:ER|ERR|ERROR)[ :]?\d{0,4})\s*\)?\s*")
_FIRST_LINE: Final = re.compile(r"(/[^\r\n]*)[\r\n]+")


class D0Stream:
    """Implements TelegramStream for readouts of modes A to C and for what meters of mode D send."""

    def __init__(self) -> None:
        self._frames = Frames(start=_STARTS, end=_end_of)

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""
        return self._frames.findings(chunk, telegram_of)

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
        rest = self._frames.rest()
        if _LAST_LINES_END.search(rest) is not None:
            return list(self._frames.first_good(rest, telegram_of))
        return [Damaged("the telegram has no end", rest)] if rest else []


def telegram_of(frame: bytes) -> Telegram | Damaged:
    """Return the telegram in the bytes, or what is wrong with them."""
    octets = without_parity(frame)
    block = _BLOCK.fullmatch(octets)
    if block is not None:
        return _of_block(block, frame)
    if b"\x03" in octets:
        return Damaged("the data block is cut or disturbed", frame)
    text = octets.rstrip(b"\r\n").removesuffix(b"!").decode("latin-1")
    first = _FIRST_LINE.match(text)
    if first is None:
        return Damaged("no identification line", frame)
    found = parse_lines(text[first.end() :])
    if reason := doubt_of(found, octets):
        return Damaged(reason, frame)
    records = marked(found)
    return Telegram("d0", meter_of(first[1].strip(), records), records, time=time_of(records), raw=frame)


def refusal_of(frame: bytes) -> str | None:
    """Return the error message that a data block holds instead of data, None where it holds none.

    Source: IEC 62056-21, section 6.3.8 (error message).
    """
    block = _BLOCK.fullmatch(without_parity(frame))
    error = None if block is None else _ERROR.fullmatch(block["text"])
    return None if error is None else error[1].decode("ascii")


def _of_block(block: re.Match[bytes], frame: bytes) -> Telegram | Damaged:
    text = block["text"]
    computed = block_check(text + b"\x03")
    if block["check"][0] not in (computed, block_check(as_sent(text + b"\x03"))):
        return Damaged(f"the block check is {block['check'][0]:02X}, but that of its bytes is {computed:02X}", frame)
    if refusal := refusal_of(frame):
        return Damaged(f"the meter answers {refusal}", frame)
    found = parse_lines(text.rstrip().removesuffix(b"!").decode("latin-1"))
    if not found.records:
        return Damaged("a data block without data", frame)
    line = (block["line"] or b"").decode("latin-1").strip()
    return Telegram("d0", meter_of(line, found.records), found.records, time=time_of(found.records), raw=frame)


def _end_of(plain: bytearray, place: int) -> int | None:
    """Return the place behind the block check, or behind the `!` of a telegram that is not in a block."""
    etx = plain.find(_ETX, place)
    block_end = etx + 2 if 0 <= etx < len(plain) - 1 else None
    for mark in _LINES_END.finditer(plain, place):
        if block_end is not None and mark.end() > block_end:
            break
        if plain.rfind(_STX, 0, mark.start()) <= plain.rfind(b"/", 0, mark.start()):
            return mark.end()
    return block_end
