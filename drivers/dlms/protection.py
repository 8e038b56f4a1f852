"""APDUs that are encrypted → those inside. Pure.

Source: DLMS UA Green Book, sections 9.2.7 (security) and 9.4.6.12 (general ciphering).
"""

from dataclasses import dataclass

from drivers.dlms.axdr import NotDlmsError, Reader
from drivers.dlms.cipher import TAG_OCTETS, opened, opened_if_true

GENERAL_GLO, GENERAL_DED = 0xDB, 0xDC
_AUTHENTICATED, _ENCRYPTED, _COMPRESSED = 0x10, 0x20, 0x80
_SUITE = 0x0F
_TITLE_OCTETS = 8
_HEADER_OCTETS = 5
_SUITE_256 = 2
_KEY, _LONG_KEY = 16, 32
_PLAIN = (0x0F, 0xE0)
_ASK = "ask the grid company for it"


@dataclass(frozen=True, slots=True)
class Keys:
    """What telegrams are opened with."""

    encryption: bytes | None = None
    """16 octets, or 32 for security suite 2."""
    authentication: bytes | None = None
    """16 or 32 octets; without it a telegram is opened, but its tag is not checked."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside."""

    apdu: bytes
    title: bytes
    """System title of the meter: three letters of its maker, and its own number."""
    is_sure: bool = True
    """Nothing but the key's owner can have written it; else the key may be wrong."""


def open_apdu(apdu: bytes, keys: Keys) -> Opened:
    """Return the APDU inside a protected one.

    Raises:
        NotDlmsError: there is no key, or it is not the right one.
    """
    reader = Reader(apdu, 1)
    title = reader.take(reader.length())
    if len(title) != _TITLE_OCTETS:
        raise NotDlmsError(f"a system title of {len(title)} octets")
    protected = reader.take(reader.length())
    if reader.at != len(apdu) or len(protected) < _HEADER_OCTETS:
        raise NotDlmsError("an encrypted telegram does not end where its length says")
    control, counter, content = protected[0], protected[1:5], protected[5:]
    if control & _COMPRESSED:
        raise NotDlmsError("an encrypted telegram is compressed: that is not supported")
    has_tag = bool(control & _AUTHENTICATED)
    if has_tag and len(content) < TAG_OCTETS:
        raise NotDlmsError("an encrypted telegram has no tag")
    content, tag = (content[:-TAG_OCTETS], content[-TAG_OCTETS:]) if has_tag else (content, b"")
    name = name_of(title)
    if not control & _ENCRYPTED:
        return Opened(_checked_plain(content, tag, protected, title, keys), title)
    key, authentication = _keys_for(control & _SUITE, keys, name)
    nonce = title + counter
    if has_tag and authentication is not None:
        also = protected[:1] + authentication
        text = opened_if_true(content, tag, key=key, nonce=nonce, also=also)
        if text is None:
            raise NotDlmsError(f"{name}: encryption key or authentication key is wrong, or the telegram was changed")
        return Opened(text, title)
    text = opened(content, key=key, nonce=nonce)
    if text[:1] not in [bytes((tag,)) for tag in _PLAIN]:
        raise NotDlmsError(f"{name}: the encryption key is wrong; {_ASK}")
    return Opened(text, title, is_sure=False)


def name_of(title: bytes) -> str:
    """Return a system title as a person knows it: the maker's letters and hexadecimal digits."""
    letters = title[:3]
    return letters.decode("ascii") + title[3:].hex().upper() if letters.isalpha() else title.hex().upper()


def _checked_plain(content: bytes, tag: bytes, protected: bytes, title: bytes, keys: Keys) -> bytes:
    """Return text that is not encrypted, its tag checked where there is a key for it."""
    if not tag or keys.encryption is None or keys.authentication is None:
        return content
    key, authentication = _keys_for(protected[0] & _SUITE, keys, name_of(title))
    also = protected[:1] + (authentication or b"") + content
    if opened_if_true(b"", tag, key=key, nonce=title + protected[1:5], also=also) is None:
        raise NotDlmsError(f"{name_of(title)}: the authentication key is wrong, or the telegram was changed")
    return content


def _keys_for(suite: int, keys: Keys, name: str) -> tuple[bytes, bytes | None]:
    """Return encryption and authentication key; two keys of 16 octets may be given as one of 32."""
    key, authentication = keys.encryption, keys.authentication
    wanted = _LONG_KEY if suite == _SUITE_256 else _KEY
    if key is None:
        raise NotDlmsError(
            f"{name}: telegram is encrypted and there is no key: "
            f"give the encryption key (GUEK, {2 * wanted} hexadecimal digits); {_ASK}"
        )
    if len(key) == 2 * wanted and authentication is None:
        key, authentication = key[:wanted], key[wanted:]
    if len(key) != wanted or (authentication is not None and len(authentication) != wanted):
        raise NotDlmsError(f"{name}: the keys must have {2 * wanted} hexadecimal digits, not {2 * len(key)}")
    return key, authentication
