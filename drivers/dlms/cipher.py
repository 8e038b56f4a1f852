"""AES-GCM: the only file that imports the library for it, which is an optional extra. Pure."""

from drivers.dlms.axdr import NotDlmsError

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:
    IS_AVAILABLE = False
else:
    IS_AVAILABLE = True

TAG_OCTETS = 12
KEY_OCTETS = (16, 32)
_FIRST_COUNTER = b"\x00\x00\x00\x02"
_MISSING = "telegram is encrypted and this installation cannot decrypt: install kvarter with its extra dlms"


def opened(ciphertext: bytes, *, key: bytes, nonce: bytes) -> bytes:
    """Return the plain text; nothing tells whether the key was right.

    Raises:
        NotDlmsError: the library is not installed.

    Source: NIST SP 800-38D; the counter of the text begins at 2.
    """
    if not IS_AVAILABLE:
        raise NotDlmsError(_MISSING)
    decryptor = Cipher(algorithms.AES(key), modes.CTR(nonce + _FIRST_COUNTER)).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()


def opened_if_true(ciphertext: bytes, tag: bytes, *, key: bytes, nonce: bytes, also: bytes) -> bytes | None:
    """Return the plain text, None where the tag does not belong to it.

    Args:
        ciphertext: Without the tag.
        tag: Twelve octets.
        key: 16 or 32 octets.
        nonce: Twelve octets.
        also: What the tag covers beside the text.

    Raises:
        NotDlmsError: the library is not installed.

    Source: NIST SP 800-38D.
    """
    if not IS_AVAILABLE:
        raise NotDlmsError(_MISSING)
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, tag, min_tag_length=TAG_OCTETS)).decryptor()
    decryptor.authenticate_additional_data(also)
    text = decryptor.update(ciphertext)
    try:
        return text + decryptor.finalize()
    except InvalidTag:
        return None
