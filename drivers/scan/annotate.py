"""The bytes on a link → lines that a person reads: who asks whom for what, what comes back, what is wrong. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from drivers.modbus.framing import Frame, Framing
from drivers.modbus.pdu import EXCEPTIONS, READ_IDENTIFICATION, refusal
from drivers.modbus.transports import framing_of
from drivers.records.telegram import Damaged, Telegram, TelegramStream
from gateway.core.site import LinkSettings

_TABLES = {1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}
_REQUEST_BYTES = 5
_EXCEPTION = 0x80
_LONGEST = 256

Direction = Literal["out", "in"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a trace."""

    direction: Direction
    protocol: str
    """Empty where nothing was understood."""
    text: str
    octets: bytes = b""
    """As they came, where they are no frame."""


class Annotator:
    """Follows one link.

    Args:
        link: Tells how frames are told apart.
        streams: Protocol → what finds its telegrams.
    """

    def __init__(self, link: LinkSettings, streams: Mapping[str, TelegramStream]) -> None:
        self._link = link
        self._streams = streams
        self._framings: dict[Direction, Framing] = {"out": framing_of(link), "in": framing_of(link)}
        self._open: dict[int, str] = {}
        self._unit = -1
        self._unknown: dict[Direction, bytes] = {"out": b"", "in": b""}

    def feed(self, direction: Direction, chunk: bytes, became: str = "") -> list[Note]:
        """Return what is whole with the chunk.

        Args:
            direction: `out` to the devices.
            chunk: The bytes.
            became: What the link made of them: `stray` where nothing was asked.
        """
        if direction == "out":
            # Each request is written at once, and a new one ends the wait for what was before.
            notes = [*self._rest("in"), *self._rest("out")]
            self._framings = {"out": framing_of(self._link), "in": self._framings["in"]}
        else:
            notes = []
        self._unknown[direction] += chunk
        frames = list(self._framings[direction].feed(chunk))
        notes += [self._modbus(direction, frame, became) for frame in frames]
        telegrams = [note for each in self._telegrams(chunk) for note in (each,)] if direction == "in" else []
        if frames or telegrams:
            self._unknown[direction] = b""
        return notes + telegrams

    def pause(self) -> list[Note]:
        """Return the bytes that no frame came of, now that nothing came for a while."""
        return [*self._rest("out"), *self._rest("in")]

    def _rest(self, direction: Direction) -> Iterator[Note]:
        octets, self._unknown[direction] = self._unknown[direction], b""
        if not octets:
            return
        self._framings[direction] = framing_of(self._link)
        what = "no frame: CRC wrong, cut short, or another protocol" if direction == "in" else "another protocol"
        yield Note(direction, "", f"{len(octets)} bytes, {what}", octets[-_LONGEST:])

    def _modbus(self, direction: Direction, frame: Frame, became: str) -> Note:
        protocol = f"modbus {self._link.modbus_framing}"
        is_request = direction == "out" or (self._link.serial is not None and _is_request(frame.pdu) and self._is_heard)
        if is_request:
            self._open[frame.unit], self._unit = _request(frame.pdu), frame.unit
            return Note(direction, protocol, f"unit {frame.unit}: read {self._open[frame.unit]}")
        asked = self._open.pop(frame.unit, None)
        text = _answer(frame.pdu)
        if frame.unit != self._unit:
            text += ", foreign: another unit was asked"
        elif asked is None or became == "stray":
            text += ", late: nobody waits for it"
        return Note(direction, protocol, f"unit {frame.unit}: {text}")

    @property
    def _is_heard(self) -> bool:
        """Whether nothing was sent by ourselves, so that requests, too, come in."""
        return not self._unknown["out"]

    def _telegrams(self, chunk: bytes) -> Iterator[Note]:
        for protocol, stream in self._streams.items():
            for finding in stream.feed(chunk):
                if isinstance(finding, Telegram):
                    meter = " ".join(
                        filter(None, (finding.meter.maker, finding.meter.serial_number, finding.meter.medium))
                    )
                    yield Note("in", protocol, f"{meter or 'meter'}: {len(finding.records)} records")
                elif isinstance(finding, Damaged) and "key" in finding.reason.casefold():
                    yield Note("in", protocol, finding.reason)


def _is_request(pdu: bytes) -> bool:
    return len(pdu) == _REQUEST_BYTES and pdu[0] in _TABLES


def _request(pdu: bytes) -> str:
    function = pdu[0]
    if function in _TABLES and len(pdu) == _REQUEST_BYTES:
        first, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        return f"{_TABLES[function]} {first}" + (f" to {first + count - 1}" if count > 1 else "")
    return "the device identification" if function == READ_IDENTIFICATION else f"function {function}"


def _answer(pdu: bytes) -> str:
    function = pdu[0]
    refused = refusal(function & ~_EXCEPTION, pdu)
    if refused is not None:
        return f"refused, {EXCEPTIONS.get(refused.code, 'exception')} ({refused.code})"
    if function in _TABLES and len(pdu) > 1:
        return f"{_TABLES[function]}, {pdu[1]} bytes: {pdu[2:].hex(' ')}"
    return f"function {function}, {len(pdu)} bytes: {pdu.hex(' ')}"
