"""The APDU that meters push: header, time, and the body. Pure.

Source: DLMS UA Green Book, section 9.3.10 (data-notification).
"""

from dataclasses import dataclass

from drivers.dlms.axdr import Items, NotDlmsError, Reader
from drivers.dlms.clock import OCTETS, time_of
from drivers.dlms.protection import GENERAL_DED, GENERAL_GLO, Keys, name_of, open_apdu
from drivers.records.telegram import MeterTime

_DATA_NOTIFICATION = 0x0F
_INVOKE_ID_OCTETS = 4
_OCTET_STRING = 0x09


@dataclass(frozen=True, slots=True)
class Push:
    """What a meter pushed."""

    body: Items
    octets: bytes
    """What the spans of the body refer to."""
    time: MeterTime | None
    title: bytes
    """System title, empty where the telegram was not encrypted."""


def parse_push(apdu: bytes, keys: Keys) -> Push:
    """Return what was pushed, decrypted where it must be.

    Raises:
        NotDlmsError: it is no such APDU, is damaged, or cannot be opened.
    """
    if apdu[:1] not in (bytes((GENERAL_GLO,)), bytes((GENERAL_DED,))):
        return _plain(apdu, b"")
    inside = open_apdu(apdu, keys)
    try:
        return _plain(inside.apdu, inside.title)
    except NotDlmsError as exc:
        if inside.is_sure:
            raise
        raise NotDlmsError(f"{name_of(inside.title)}: {exc}; most likely the encryption key is wrong") from exc


def _plain(apdu: bytes, title: bytes) -> Push:
    reader = Reader(apdu)
    tag = reader.take(1)[0]
    if tag != _DATA_NOTIFICATION:
        raise NotDlmsError(f"APDU 0x{tag:02X} is no data notification")
    reader.take(_INVOKE_ID_OCTETS)
    time = _header_time(reader)
    start = reader.at
    body = reader.value()
    if reader.at != len(apdu):
        raise NotDlmsError(f"{len(apdu) - reader.at} octets are left behind the telegram's end")
    items = body if isinstance(body, Items) else Items([body], [(start, reader.at)])
    return Push(items, apdu, time, title)


def _header_time(reader: Reader) -> MeterTime | None:
    # Kaifa, and Kamstrup before 2018, send the tag of an octet string too.
    if reader.octets[reader.at : reader.at + 2] == bytes((_OCTET_STRING, OCTETS)):
        reader.take(1)
    length = reader.length()
    if length not in (0, OCTETS):
        raise NotDlmsError(f"a time of {length} octets")
    return time_of(reader.take(length))
