"""DLMS pushes in HDLC and in long frames, open and encrypted."""

from collections.abc import Sequence

from drivers.dlms.stream import DlmsStream
from drivers.records.telegram import Telegram
from gateway.sim.dlms import Secrecy, ciphered, long_frames
from gateway.sim.dlms_list import described, notification, octet_string, structure, visible
from tests.fuzz import frames
from tests.fuzz.codec import Codec, Way
from tests.fuzz.hearing import files, hear, runner

_KEY, _OTHER_KEY = bytes(range(16)), bytes(range(16, 32))


def _notified(body: bytes) -> bytes:
    return notification(b"\x00", body)


def _dlms_seeds() -> tuple[bytes, ...]:
    scale = structure(b"\x0f\xff", b"\x16\x1b")
    power = structure(octet_string(bytes((1, 0, 1, 7, 0, 255))), b"\x06\x00\x00\x04\xd2", scale)
    clock = bytes.fromhex("07E6060C0700000AFF003C80")
    aidon = b"\x01\x02" + structure(octet_string(bytes((1, 1, 0, 2, 129, 255))), visible("AIDON_V0001")) + power
    kamstrup = structure(
        visible("Kamstrup_V0001"),
        octet_string(bytes((1, 1, 1, 7, 0, 255))),
        b"\x06\x00\x00\x04\xd2",
        octet_string(bytes((0, 1, 1, 0, 0, 255))),
        octet_string(clock),
    )
    kaifa = structure(
        octet_string(b"KFM_001"), octet_string(b"6970631401"), octet_string(b"MA304H3E"), *[b"\x06\0\0\4\xd2"] * 4
    )
    flat = structure(
        octet_string(clock), b"\x12\x00\xe6", b"\x05\xff\xff\xff\xfe", b"\x17\x42\x28\x00\x00", b"\x03\x01"
    )
    return (
        _notified(aidon),
        _notified(kamstrup),
        b"\x0f\x00\x00\x00\x01\x0c" + clock + kaifa,
        b"\x0f\x00\x00\x00\x01" + octet_string(clock) + kaifa,
        _notified(flat),
        _notified(power),
        *_rare_seeds(clock),
    )


def _rare_seeds(clock: bytes) -> tuple[bytes, ...]:
    """Return lists with every type, packed arrays, and a list that says which object each value is."""
    power = bytes((1, 0, 1, 7, 0, 255))
    types = (b"\x16\x05", b"\x0d\x12", b"\xff", b"\x24" + bytes(8), b"\x18" + bytes(8), b"\x04\x09\xff\x80")
    times = (b"\x0c\x02ab", b"\x1b" + bytes(4), b"\x1a" + bytes(5), b"\x19" + clock, b"\x15" + bytes(8))
    pairs = [part for value in (*types, *times) for part in (octet_string(power), value)]
    rare = structure(visible("Kamstrup_V0001"), *pairs)
    packed = b"\x13\x12\x04\x00\x01\x00\x02"
    nested = b"\x13\x02\x02\x12\x11\x06\x00\x01\x02\x00\x03\x04"
    rows = b"\x13\x01\x00\x02\x11\x04\x01\x02\x03\x04"
    listed = [(bytes((0, 8, 25, 9, 0, 255)), b""), (power, b"\x06\0\0\4\xd2")]
    named = described([*listed, (bytes((0, 0, 1, 0, 0, 255)), octet_string(clock))])
    return (
        _notified(rare),
        *(_notified(structure(each, b"\x00")) for each in (packed, nested, rows)),
        _notified(named),
    )


_DLMS = ("stream", "push", "telegram", "axdr", "assembly", "lists", "vendors", "clock")
_DLMS_WORDS = (
    b"\x02",
    b"\x01",
    b"\x09\x06",
    b"\x09\x0c",
    b"\x0a\x0e",
    b"\x06",
    b"\x12",
    b"\x10",
    b"\x0f\xfd",
    b"\x16\x1e",
    b"\x84\xff\xff\xff\xff",
    b"\x81",
    b"\xe0",
    b"\xdb",
    b"\x7e\xa0",
    b"\x17",
    b"\x14",
    b"\x00",
)
_CLAIMS = (
    frames.hdlc(_notified(b"\x01\x84\xff\xff\xff\xff")),
    frames.hdlc(_notified(b"\x09\x84\xff\xff\xff\xff")),
    frames.hdlc(b"\xdb\x08ABCDEFGH\x84\xff\xff\xff\xff"),
    frames.hdlc(_notified(b"\x02\x01" * 800)),
)


def _dlms_hdlc() -> Codec:
    seeds = _dlms_seeds()
    blocks = tuple(b"\xe0\x80\x00\x01\x00\x00" + bytes((len(each),)) + each for each in seeds[:1] if len(each) < 128)
    return Codec(
        name="dlms-hdlc",
        run=runner("dlms"),
        ways=(
            Way(lambda content: frames.hdlc(content[:1500]), (*seeds, *blocks)),
            Way(lambda content: frames.hdlc(content[:1500], longest=40), seeds[:2]),
        ),
        words=_DLMS_WORDS,
        modules=files("dlms", "hdlc", *_DLMS),
        hostile=(*_CLAIMS, b"\x7e\xa7\xff" * 40_000),
    )


def _dlms_long() -> Codec:
    seeds = _dlms_seeds()
    return Codec(
        name="dlms-long",
        run=runner("dlms"),
        ways=(
            Way(lambda content: long_frames(content[:1500]), seeds),
            Way(lambda content: long_frames(content[:600], longest=30), seeds[:2]),
        ),
        words=_DLMS_WORDS,
        modules=files("dlms", "long_frame", *_DLMS),
        hostile=(long_frames(_notified(b"\x01\x84\xff\xff\xff\xff")), b"\x68\xff\xff\x68\x53" * 20_000),
    )


def _run_encrypted(arriving: bytes) -> None:
    """Open with the right key, with a wrong one, and with a wrong one that the tag would betray."""
    right = DlmsStream(_KEY)
    hear("dlms", right, arriving)
    if len(arriving) & 3:
        return
    for finding in hear("dlms", DlmsStream(_OTHER_KEY, _OTHER_KEY), arriving):
        # Behind flag, format, addresses, control, header checksum and LLC stands the tag of what is encrypted.
        assert not (isinstance(finding, Telegram) and finding.raw[11:12] == b"\xdb")
    hear("dlms", DlmsStream(_OTHER_KEY), arriving)


def _dlms_encrypted() -> Codec:
    def seal(content: bytes) -> bytes:
        return frames.hdlc(content[:1500])

    def secret(content: bytes) -> bytes:
        return seal(b"\xdb\x08KVA12345" + bytes((len(content[:100]),)) + content[:100])

    plain = _dlms_seeds()[1]
    secrecy = Secrecy(key=_KEY, title=b"KVA12345")
    tagged = Secrecy(key=_KEY, authentication_key=_OTHER_KEY, title=b"KVA12345")
    sealed = ciphered(plain, secrecy, counter=7)
    return Codec(
        name="dlms-encrypted",
        run=_run_encrypted,
        ways=(
            Way(seal, (sealed, ciphered(plain, tagged, counter=8))),
            Way(secret, (b"\x20\x00\x00\x00\x07" + b"x" * 30,)),
        ),
        words=(b"\xdb", b"\xdc", b"\x20", b"\x30", b"\xb0", b"\x08", b"\x82\x01\x00", b"\x84\xff\xff\xff\xff"),
        modules=tuple(f"drivers/dlms/{name}.py" for name in ("protection", "cipher", "push", "stream")),
        hostile=_CLAIMS[2:3],
    )


def dlms_codecs() -> Sequence[Codec]:
    """Return the codecs of DLMS."""
    return [_dlms_hdlc(), _dlms_long(), _dlms_encrypted()]
