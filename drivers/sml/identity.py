"""Who an SML meter is: server ids and names as its front shows them. Pure."""

_DIN = (0x09, 0x0A)
_DIN_LENGTH = 10
_MEDIA = {1: "electricity", 4: "heat_cost", 5: "cooling", 6: "heat", 7: "gas", 8: "water", 9: "warm_water"}
_MAKER = slice(2, 5)
_OLD_MAKER = slice(1, 4)
_LETTERS = 3
_LAST_MEDIUM = 0x0F


def serial_of(server_id: bytes) -> str:
    """Return the number printed on the meter, e.g. 1EMH0012345678; hexadecimal digits where it is of an older kind.

    Source: DIN 43863-5.
    """
    if not _is_din(server_id):
        return server_id.hex().upper()
    number = int.from_bytes(server_id[6:], "big")
    return f"{server_id[1]:X}{server_id[_MAKER].decode('ascii')}{server_id[5]:02X}{number:08d}"


def maker_of(server_id: bytes) -> str:
    """Return three letters of the FLAG association, empty where the id names nobody."""
    letters = server_id[_MAKER] if _is_din(server_id) else server_id[_OLD_MAKER]
    return letters.decode("ascii") if len(letters) == _LETTERS and letters.isalpha() and letters.isupper() else ""


def medium_of(server_id: bytes) -> str:
    """Return what the meter measures; electricity where an id of an older kind does not say."""
    return _MEDIA.get(server_id[1], "") if _is_din(server_id) else "electricity"


def text_of(octets: bytes) -> str:
    """Return an octet string as a person reads it: text, a serial number, or hexadecimal digits."""
    if octets.isascii() and octets.decode("ascii").isprintable():
        return octets.decode("ascii")
    return serial_of(octets)


def _is_din(server_id: bytes) -> bool:
    return (
        len(server_id) == _DIN_LENGTH
        and server_id[0] in _DIN
        and 0 < server_id[1] <= _LAST_MEDIUM
        and server_id[_MAKER].isalpha()
        and server_id[_MAKER].isascii()
    )
