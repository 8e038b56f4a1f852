"""The messages of an SML frame: checksums, and the parts that carry meter values. Pure.

Source: BSI TR-03109-1, annex IV, Smart Message Language 1.04, section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.records.crc import crc_kermit, crc_x25
from drivers.sml.tl import NotSmlError, Number, Reader, Value

_OPEN_RESPONSE, _LIST_RESPONSE = 0x0101, 0x0701
_ABSENT = b""
_OBIS_OCTETS = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a value list."""

    name: bytes
    """OBIS code, six octets."""
    status: int | None
    time: Value
    unit: int | None
    scaler: int | None
    value: Value
    raw: bytes


@dataclass(frozen=True, slots=True)
class File:
    """What the messages of one frame say together."""

    server_id: bytes = b""
    times: tuple[Value, ...] = ()
    """Of the sensor, of the gateway, of the answer; those that are there."""
    entries: tuple[Entry, ...] = ()


def parse_file(payload: bytes) -> File:
    """Return what the messages of one frame say; kinds of message without values are checked only.

    Raises:
        NotSmlError: a message is damaged.
    """
    reader = Reader(payload)
    files: list[File] = []
    while reader.at < len(payload):
        # Some meters pad between messages.
        if payload[reader.at] == 0:
            reader.at += 1
            continue
        files.append(_message(reader))
    if not files:
        raise NotSmlError("a frame without messages")
    names = [file.server_id for file in reversed(files) if file.server_id]
    entries = [entry for file in files for entry in file.entries]
    # The list's own times come before that of the answer.
    times = [time for file in sorted(files, key=lambda each: not each.entries) for time in file.times]
    return File(names[0] if names else b"", tuple(times), tuple(entries))


def _message(reader: Reader) -> File:
    start = reader.at
    reader.list_of(6)
    for _ in range(3):
        reader.value()
    reader.list_of(2)
    tag = _number(reader.value())
    if tag == _LIST_RESPONSE:
        file = _list_response(reader)
    elif tag == _OPEN_RESPONSE:
        file = _open_response(reader)
    else:
        reader.value()
        file = File()
    covered = reader.octets[start : reader.at]
    sent = reader.value()
    if not isinstance(sent, Number) or not _agrees(covered, sent.value):
        raise NotSmlError("checksum of a message is wrong")
    if reader.octets[reader.at : reader.at + 1] != b"\x00":
        raise NotSmlError("a message does not end")
    reader.at += 1
    return file


def _agrees(covered: bytes, sent: int) -> bool:
    low_first = int.from_bytes(crc_x25(covered).to_bytes(2, "little"), "big")
    return sent in (low_first, crc_kermit(covered))


def _open_response(reader: Reader) -> File:
    reader.list_of(6)
    _, _, _, server_id, time, _ = [reader.value() for _ in range(6)]
    return File(_octets(server_id), _present(time))


def _list_response(reader: Reader) -> File:
    reader.list_of(7)
    reader.value()
    server_id = _octets(reader.value())
    reader.value()
    sensor_time = reader.value()
    entries = () if reader.is_left_out() else tuple(_entry(reader) for _ in range(reader.list_of()))
    reader.value()
    gateway_time = reader.value()
    return File(server_id, _present(sensor_time, gateway_time), entries)


def _entry(reader: Reader) -> Entry:
    start = reader.at
    reader.list_of(7)
    name, status, time, unit, scaler, value, _ = [reader.value() for _ in range(7)]
    octets = _octets(name)
    if len(octets) != _OBIS_OCTETS:
        raise NotSmlError(f"an OBIS code of {len(octets)} octets")
    raw = reader.octets[start : reader.at]
    return Entry(octets, _optional(status), time, _optional(unit), _optional(scaler), value, raw)


def _present(*times: Value) -> tuple[Value, ...]:
    return tuple(time for time in times if time != _ABSENT)


def _optional(value: Value) -> int | None:
    return None if value == _ABSENT else _number(value)


def _number(value: Value) -> int:
    if isinstance(value, Number):
        return value.value
    raise NotSmlError("a number was due")


def _octets(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise NotSmlError("an octet string was due")


def as_list(value: Value) -> Sequence[Value]:
    """Return the entries of a list, none where the value is none."""
    return value if isinstance(value, list) else ()
