"""Encrypted telegrams: what the standards' own examples say, and what each key makes of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.dlms.cipher import opened, opened_if_true
from gateway.sim.dlms import Secrecy, ciphered, hdlc
from gateway.sim.dlms_cipher import sealed
from gateway.sim.dlms_list import notification
from tests.drivers.dlms.pushes import LLC, OBIS_POWER, damage, kamstrup, telegram

ROOT = Path(__file__).parents[3]
KEY = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
AUTHENTICATION = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
OTHER = bytes(16)
TITLE = b"KAM\x45\x01\x02\x03\x04"
APDU = notification(b"\x00", kamstrup((OBIS_POWER, b"\x06\x00\x00\x05\xbc")))


def wire(secrecy: Secrecy) -> bytes:
    """Return the push, encrypted, as a frame."""
    return hdlc(LLC + ciphered(APDU, secrecy, counter=0x01234567))


def test_the_examples_of_gcm_come_out() -> None:
    """Test case 4 of the GCM specification submitted to NIST, by the library and by the simulator's own code."""
    key, nonce = bytes.fromhex("feffe9928665731c6d6a8f9467308308"), bytes.fromhex("cafebabefacedbaddecaf888")
    also = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    coded = bytes.fromhex(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
    )
    tag = bytes.fromhex("5bc94fbc3221a5db94fae95ae7121a47")
    assert sealed(plain, key=key, nonce=nonce, also=also) == (coded, tag)
    assert opened_if_true(coded, tag[:12], key=key, nonce=nonce, also=also) == plain
    assert opened(coded, key=key, nonce=nonce) == plain


def test_the_example_of_the_green_book_comes_out() -> None:
    """The get-request of the Green Book's worked example: system title 4D4D4D0000BC614E, counter 0x01234567."""
    nonce = bytes.fromhex("4D4D4D0000BC614E01234567")
    plain = bytes.fromhex("C0010000080000010000FF0200")
    coded = bytes.fromhex("411312FF935A47566827C467BC")
    tag = bytes.fromhex("7D825C3BE4A77C3FCC056B6B")
    also = b"\x30" + AUTHENTICATION
    own_coded, own_tag = sealed(plain, key=KEY, nonce=nonce, also=also)
    assert (own_coded, own_tag[:12]) == (coded, tag)
    assert opened_if_true(coded, tag, key=KEY, nonce=nonce, also=also) == plain


@pytest.mark.parametrize("authentication_key", [None, AUTHENTICATION])
def test_a_key_opens_a_telegram(authentication_key: bytes | None) -> None:
    """With and without tag, a telegram says the same as a plain one, and its system title names the maker."""
    found = telegram(wire(Secrecy(KEY, authentication_key, TITLE)), key=KEY, authentication_key=authentication_key)
    assert [(each.code, str(each.value)) for each in found.records] == [("1-0:1.7.0", "1468")]
    assert found.meter.maker == "KAM"


def test_a_telegram_with_a_tag_opens_without_the_authentication_key() -> None:
    """The encryption key alone reads it; the tag is then not checked."""
    assert telegram(wire(Secrecy(KEY, AUTHENTICATION, TITLE)), key=KEY).records


def test_two_keys_may_be_given_as_one() -> None:
    """Encryption key and authentication key one behind the other open a telegram, and a wrong second half does not."""
    secret = wire(Secrecy(KEY, AUTHENTICATION, TITLE))
    assert telegram(secret, key=KEY + AUTHENTICATION).records
    assert "authentication key is wrong" in damage(secret, key=KEY + OTHER)


def test_a_missing_key_is_said_with_where_to_get_it() -> None:
    """Without a key the message names the meter, the key that is needed, and who has it."""
    said = damage(wire(Secrecy(KEY, AUTHENTICATION, TITLE)))
    assert "KAM4501020304: telegram is encrypted and there is no key" in said
    assert "GUEK" in said
    assert "grid company" in said


@pytest.mark.parametrize(
    ("secrecy", "key", "authentication_key", "reason"),
    [
        (Secrecy(KEY, AUTHENTICATION, TITLE), OTHER, AUTHENTICATION, "authentication key is wrong"),
        (Secrecy(KEY, AUTHENTICATION, TITLE), KEY, OTHER, "authentication key is wrong"),
        (Secrecy(KEY, AUTHENTICATION, TITLE), OTHER, None, "encryption key is wrong"),
        (Secrecy(KEY, None, TITLE), OTHER, None, "encryption key is wrong"),
        (Secrecy(KEY, None, TITLE), b"short", None, "must have 32 hexadecimal digits, not 10"),
        (Secrecy(KEY, AUTHENTICATION, TITLE), KEY, b"short", "must have 32 hexadecimal digits"),
    ],
)
def test_a_wrong_key_gives_no_value(
    secrecy: Secrecy, key: bytes, authentication_key: bytes | None, reason: str
) -> None:
    """Whichever key is wrong, the telegram is reported with the reason."""
    assert reason in damage(wire(secrecy), key=key, authentication_key=authentication_key)


def test_a_key_that_is_nearly_right_is_suspected() -> None:
    """Where no tag was checked and the text makes no sense behind its first octet, the message suspects the key."""
    nonsense = Secrecy(KEY, None, TITLE)
    said = damage(hdlc(LLC + ciphered(b"\x0f" + bytes(5) + b"\x7f", nonsense, counter=1)), key=KEY)
    assert "most likely the encryption key is wrong" in said


def test_without_the_library_the_message_says_what_to_install() -> None:
    """Where cryptography is not installed, plain telegrams are read and encrypted ones name the extra."""
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from drivers.dlms.stream import DlmsStream\n"
        "stream = DlmsStream(bytes(range(16)))\n"
        "for found in stream.feed(bytes.fromhex(sys.argv[1])): print(getattr(found, 'reason', 'read'))\n"
    )
    octets = wire(Secrecy(KEY, None, TITLE)) + wire(Secrecy(KEY, AUTHENTICATION, TITLE)) + hdlc(LLC + APDU)
    command = [sys.executable, "-c", program, octets.hex()]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    lines = ran.stdout.splitlines()
    assert ["its extra dlms" in line for line in lines] == [True, True, False]
    assert lines[2] == "read"


def test_a_changed_telegram_gives_no_value() -> None:
    """A tag that does not belong to the text is noticed although the frame's own checksum fits."""
    secret = bytearray(ciphered(APDU, Secrecy(KEY, AUTHENTICATION, TITLE), counter=7))
    secret[30] ^= 1
    assert "the telegram was changed" in damage(hdlc(LLC + bytes(secret)), key=KEY, authentication_key=AUTHENTICATION)


@pytest.mark.parametrize(
    ("apdu", "reason"),
    [
        (b"\xdb\x07" + TITLE, "system title of 7 octets"),
        (b"\xdb\x08" + TITLE + b"\x03\x20\x00\x00", "does not end where its length says"),
        (b"\xdb\x08" + TITLE + b"\x06\x20\x00\x00\x00\x01\x00\x00", "does not end where its length says"),
        (b"\xdb\x08" + TITLE + b"\x06\xa0\x00\x00\x00\x01\x00", "compressed"),
        (b"\xdb\x08" + TITLE + b"\x06\x30\x00\x00\x00\x01\x00", "has no tag"),
    ],
)
def test_damaged_envelopes_are_named(apdu: bytes, reason: str) -> None:
    """What cannot be an encrypted telegram is reported with what is wrong."""
    assert reason in damage(hdlc(LLC + apdu), key=KEY)


@pytest.mark.parametrize("opening", [b"\xdb", b"\xdc"])
def test_an_authenticated_telegram_needs_no_key(opening: bytes) -> None:
    """Text that only carries a tag is read; with both keys the tag is checked."""
    number = bytes(4)
    _, tag = sealed(b"", key=KEY, nonce=TITLE + number, also=b"\x10" + AUTHENTICATION + APDU)
    content = b"\x10" + number + APDU + tag[:12]
    envelope = hdlc(LLC + opening + b"\x08" + TITLE + bytes((len(content),)) + content)
    assert telegram(envelope).records
    assert telegram(envelope, key=KEY, authentication_key=AUTHENTICATION).records
    assert "was changed" in damage(envelope, key=KEY, authentication_key=OTHER)
