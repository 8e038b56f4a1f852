"""Pushes made by the simulator's encoders."""

from drivers.dlms.stream import DlmsStream
from drivers.records.telegram import Damaged, Record, Telegram
from gateway.sim.dlms import hdlc
from gateway.sim.dlms_list import notification, octet_string, structure, visible

LLC = b"\xe6\xe7\x00"
NO_TIME = b"\x00"
Found = list[Telegram | Damaged]
OBIS_POWER = bytes((1, 0, 1, 7, 0, 255))


def push(body: bytes, *, header_time: bytes = NO_TIME) -> bytes:
    """Return a body as one HDLC frame."""
    return hdlc(LLC + notification(header_time, body))


def scaled(code: bytes, value: bytes, scaler: int, unit: int) -> bytes:
    """Return code, encoded value, scaler and unit in a structure."""
    scale = structure(b"\x0f" + scaler.to_bytes(1, "big", signed=True), bytes((0x16, unit)))
    return structure(octet_string(code), value, scale)


def kamstrup(*pairs: tuple[bytes, bytes]) -> bytes:
    """Return a Kamstrup list of codes and encoded values."""
    flat = [part for code, value in pairs for part in (octet_string(code), value)]
    return structure(visible("Kamstrup_V0001"), *flat)


def heard(
    octets: bytes, *, key: bytes | None = None, authentication_key: bytes | None = None
) -> list[Telegram | Damaged]:
    """Return what a fresh stream makes of the bytes."""
    stream = DlmsStream(key, authentication_key)
    return [*stream.feed(octets), *stream.finish()]


def telegram(octets: bytes, *, key: bytes | None = None, authentication_key: bytes | None = None) -> Telegram:
    """Return the only telegram in the bytes."""
    (found,) = heard(octets, key=key, authentication_key=authentication_key)
    assert isinstance(found, Telegram), found
    return found


def damage(octets: bytes, *, key: bytes | None = None, authentication_key: bytes | None = None) -> str:
    """Return why the only thing in the bytes is no telegram."""
    (found,) = heard(octets, key=key, authentication_key=authentication_key)
    assert isinstance(found, Damaged), found
    return found.reason


def record(found: Telegram, code: str) -> Record:
    """Return the telegram's record of a code."""
    (only,) = [each for each in found.records if each.code == code]
    return only


def kinds(found: list[Telegram | Damaged]) -> str:
    """Return T for each telegram and D for each damaged frame."""
    return "".join("T" if isinstance(each, Telegram) else "D" for each in found)
