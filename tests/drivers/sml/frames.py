"""SML frames made by the simulator's encoder, entry by entry."""

from collections.abc import Sequence
from typing import TypeVar

from drivers.records.telegram import Damaged, Record, Telegram
from drivers.sml.stream import SmlStream
from gateway.sim.sml import encoded_list, entry, framed, message, number, octets, server_id

ABSENT = b"\x01"
IMPORT, EXPORT, POWER = bytes((1, 0, 1, 8, 0, 255)), bytes((1, 0, 2, 8, 0, 255)), bytes((1, 0, 16, 7, 0, 255))
T = TypeVar("T")


def listing(
    entries: Sequence[bytes], *, own: bytes = server_id("1KVA0012345678"), time: bytes = ABSENT, kermit: bool = False
) -> bytes:
    """Return a frame of one value list between opening and closing."""
    opening = encoded_list(ABSENT, ABSENT, octets(b"\x00\x01"), octets(own), ABSENT, ABSENT)
    listed = encoded_list(ABSENT, octets(own), ABSENT, time, encoded_list(*entries), ABSENT, ABSENT)
    parts = ((0x0101, opening), (0x0701, listed), (0x0201, encoded_list(ABSENT)))
    messages = [message(index, tag, body, kermit=kermit) for index, (tag, body) in enumerate(parts)]
    return framed(b"".join(messages), kermit=kermit)


def energy(tenths_wh: int, *, status: int | None = None, name: bytes = IMPORT) -> bytes:
    """Return an entry of an energy register in 0.1 Wh."""
    word = ABSENT if status is None else number(status, 4)
    return entry(name, number(tenths_wh, 8, signed=True), status=word, unit=number(30, 1), scaler=b"\x52\xff")


def power(value: bytes, *, name: bytes = POWER, scaler: bytes = b"\x52\x00") -> bytes:
    """Return an entry of a power register with an encoded value."""
    return entry(name, value, unit=number(27, 1), scaler=scaler)


def heard(octets_on_wire: bytes) -> list[Telegram | Damaged]:
    """Return what a fresh stream makes of the bytes."""
    stream = SmlStream()
    return [*stream.feed(octets_on_wire), *stream.finish()]


def telegram(octets_on_wire: bytes) -> Telegram:
    """Return the only telegram in the bytes."""
    (found,) = heard(octets_on_wire)
    assert isinstance(found, Telegram), found
    return found


def record(found: Telegram, code: str) -> Record:
    """Return the telegram's record of a code."""
    (only,) = [each for each in found.records if each.code == code]
    return only
