"""KMP frames found in bytes, and what the meter's answers say. Pure.

Both directions of a line may be mixed: an optical head gives back what it sends.
"""

from collections.abc import Iterator, Mapping, Sequence

from drivers.kmp.frame import Command, Frame, parse_frame
from drivers.kmp.stuffing import ACKNOWLEDGE, END, START_ANSWER, START_REQUEST
from drivers.kmp.value import clock_of, parse_values, record_of
from drivers.records.telegram import Damaged, Meter, Telegram

MAKER = "KAM"
_LONGEST = 512
"""Bytes of a frame with its marks: eight registers with every byte escaped are half of it."""
_LETTERS = 26
_IDENTITY_BYTES: Mapping[int, int] = {Command.GET_SERIAL_NUMBER: 4, Command.GET_TYPE: 4}


class FrameStream:
    """Cuts bytes into frames. A start mark always begins a frame, since within one it is never sent as it is."""

    def __init__(self) -> None:
        self._held = bytearray()
        """A frame that is not whole yet, or what stands before the next one."""

    def feed(self, chunk: bytes) -> Iterator[tuple[Frame | Damaged, bytes]]:
        """Take the next bytes; yield each frame, or what is wrong in its place, with its bytes."""
        for octet in chunk:
            if octet in (START_REQUEST, START_ANSWER):
                yield from self._cut()
            if octet == ACKNOWLEDGE and not self._held:
                continue
            self._held.append(octet)
            if octet == END or len(self._held) >= _LONGEST:
                yield from self._cut()

    def finish(self) -> Iterator[tuple[Frame | Damaged, bytes]]:
        """Yield what the end of the bytes leaves over."""
        yield from self._cut()

    def _cut(self) -> Iterator[tuple[Frame | Damaged, bytes]]:
        if not self._held:
            return
        sent = bytes(self._held)
        self._held.clear()
        if sent[0] not in (START_REQUEST, START_ANSWER):
            yield Damaged(f"{len(sent)} bytes that belong to no frame", sent), sent
            return
        if sent[-1] != END:
            yield Damaged(f"the frame breaks off after {len(sent)} bytes", sent), sent
            return
        frame = parse_frame(sent)
        yield (Damaged(frame, sent) if isinstance(frame, str) else frame), sent


class KmpStream:
    """Implements TelegramStream: a telegram for each answer; requests and acknowledgements say nothing of the meter."""

    def __init__(self) -> None:
        self._frames = FrameStream()

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""
        return _telegrams(self._frames.feed(chunk))

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
        return _telegrams(self._frames.finish())


def telegram_of(frame: Frame, raw: bytes) -> Telegram | Damaged:
    """Return what an answer says."""
    if frame.command == Command.GET_REGISTER:
        values = parse_values(frame.content)
        if isinstance(values, str):
            return Damaged(values, raw)
        return Telegram("kmp", _meter(frame), tuple(map(record_of, values)), time=clock_of(values), raw=raw)
    if frame.command in _IDENTITY_BYTES and len(frame.content) != _IDENTITY_BYTES[frame.command]:
        return Damaged(f"an answer to command {frame.command} cannot have {len(frame.content)} bytes", raw)
    meter = _meter(frame)
    if frame.command == Command.GET_SERIAL_NUMBER:
        meter = _meter(frame, serial_number=serial_number_of(frame))
    if frame.command == Command.GET_TYPE:
        model, version = type_of(frame)
        meter = _meter(frame, model=model, version=version)
    return Telegram("kmp", meter, (), raw=raw)


def serial_number_of(frame: Frame) -> str:
    """Return the serial number in the answer to GetSerialNo."""
    return str(int.from_bytes(frame.content, "big"))


def type_of(frame: Frame) -> tuple[str, str]:
    """Return meter type and software revision in the answer to GetType."""
    kind, letter, number = int.from_bytes(frame.content[:2], "big"), frame.content[2], frame.content[3]
    # As on the label: revision 7, 1 is G1.
    version = f"{chr(ord('A') + letter - 1)}{number}" if 1 <= letter <= _LETTERS else f"{letter}.{number}"
    return f"type {kind}", version


def _meter(frame: Frame, *, serial_number: str = "", model: str = "", version: str = "") -> Meter:
    return Meter(MAKER, serial_number, model=model, version=version, address=str(frame.address))


def _telegrams(found: Iterator[tuple[Frame | Damaged, bytes]]) -> list[Telegram | Damaged]:
    telegrams: list[Telegram | Damaged] = []
    for each, raw in found:
        if isinstance(each, Damaged):
            telegrams.append(each)
        elif each.is_answer:
            telegrams.append(telegram_of(each, raw))
    return telegrams
