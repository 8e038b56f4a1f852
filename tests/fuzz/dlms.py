"""DLMS pushes in HDLC and in long frames, open and encrypted."""

from collections.abc import Callable, Sequence
from zlib import crc32

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drivers.dlms.stream import DlmsStream
from drivers.records.telegram import Telegram
from gateway.sim.dlms import Secrecy, ciphered, long_frames
from gateway.sim.dlms_list import described, length, notification, octet_string, structure, visible
from tests.fuzz import frames
from tests.fuzz.codec import Codec, Way
from tests.fuzz.hearing import files, hear, runner

_KEY, _OTHER_KEY = bytes(range(16)), bytes(range(16, 32))
_KEYS: tuple[tuple[bytes | None, bytes | None], ...] = (
    *[(_KEY, None)] * 4, (_KEY, _OTHER_KEY), (_KEY, _OTHER_KEY), (_KEY + _OTHER_KEY, None), (None, None),
)  # fmt: skip


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
    power, clock_code = bytes((1, 0, 1, 7, 0, 255)), bytes((0, 0, 1, 0, 0, 255))
    types = (b"\x16\x05", b"\x0d\x12", b"\xff", b"\x24" + bytes(8), b"\x18" + bytes(8), b"\x04\x09\xff\x80")
    times = (b"\x0c\x02ab", b"\x1b" + bytes(4), b"\x1a" + bytes(5), b"\x19" + clock, b"\x15" + bytes(8))
    pairs = [part for value in (*types, *times) for part in (octet_string(power), value)]
    rare = structure(visible("Kamstrup_V0001"), *pairs)
    packed = b"\x13\x12\x04\x00\x01\x00\x02"
    nested = b"\x13\x02\x02\x12\x11\x06\x00\x01\x02\x00\x03\x04"
    rows = b"\x13\x01\x00\x02\x11\x04\x01\x02\x03\x04"
    listed = [(bytes((0, 8, 25, 9, 0, 255)), b""), (power, b"\x06\0\0\4\xd2")]
    named = described([*listed, (bytes((0, 0, 1, 0, 0, 255)), octet_string(clock))])
    numbers = [b"\x06\0\0\4\xd2"] * 10
    texts = [octet_string(b"KFM_001"), octet_string(b"6970631401"), octet_string(b"MA304H3E")]
    iskra = [octet_string(b"ISK5"), octet_string(b"1"), b"\x16\x01", octet_string(b"x"), *numbers[:8]]
    scales = (b"\x02\x02\x03\x01\x16\x1b", b"\x02\x02\x0f\x01\x0f\x01", b"\x02\x01\x0f\x01")
    codes = [
        bytes((1, 0, *each, 255)) for each in ((32, 7, 0), (3, 8, 0), (4, 7, 0), (31, 7, 0), (14, 7, 0), (81, 7, 0))
    ]
    codes += [bytes((1, 0, *each, 255)) for each in ((1, 8, 0), (1, 6, 0), (9, 7, 0), (9, 8, 0), (13, 7, 0))]
    unsaid = [part for code in codes for part in (octet_string(code), b"\x06\0\0\x5a\x00")]
    kinds = (b"\x03\x01", b"\x16\x05", b"\x00", b"\x0a\x02ab", b"\x17\x42\x28\0\0")
    values = [part for kind in kinds for part in (octet_string(power), kind)]
    defined = [(clock_code, 2), (power, 3), (power, 2), (power, 4), (power, 2)]
    definitions = [
        structure(b"\x12\0\3", octet_string(code), b"\x0f" + bytes((attribute,)), b"\x12\0\0")
        for code, attribute in defined
    ]
    listing = structure(*definitions), structure(b"\x0f\xff", b"\x16\x1b"), b"\x06\0\0\4\xd2", b"\x00", scales[2]
    return (
        _notified(structure(*texts, *numbers)),
        _notified(structure(*texts, *numbers, octet_string(clock), *numbers[:4])),
        _notified(structure(*iskra)),
        _notified(b"\x06\0\0\4\xd2"),
        _notified(structure(b"\x06\0\0\4\xd2", b"\x00")),
        _notified(structure(visible("Kamstrup_V0001"), *unsaid)),
        _notified(structure(visible("Kamstrup_V0001"), *values)),
        *(_notified(structure(octet_string(power), b"\x12\0\1", each)) for each in scales),
        _notified(structure(octet_string(bytes((1, 1, 0, 2, 129, 255))), b"\x12\0\1")),
        _notified(structure(structure(*definitions), *listing[1:])),
        _notified(structure(structure(*definitions[:2], structure(b"\0", b"\0", b"\0", b"\0")), b"\0", b"\0")),
        _notified(structure(structure(definitions[0], b"\0"), b"\0")),
        _notified(structure(b"\x13\x02\x00", b"\0")),
        _notified(b"\x13" + b"\x02\x01" * 40 + b"\x12\x00"),
        b"\xdb\x08ABCDEFGH\x09\x00\x00\x00\x00\x01\x0f\x00\x00\x00",
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


def _block(number: int, content: bytes, *, is_last: bool) -> bytes:
    return bytes((0xE0, 0x80 if is_last else 0, 0, number, 0, 0, len(content))) + content


def _held(flags: int, piece: bytes) -> bytes:
    return bytes((flags, len(piece))) + piece


def _hdlc_pieces(whole: bytes) -> tuple[bytes, ...]:
    """Return an APDU in segments and in blocks, as pieces, in order and out of it."""
    first, second = whole[:20], whole[20:]
    blocks = _block(1, first, is_last=False), _block(2, second, is_last=True)
    return (
        _held(3, first) + _held(0, second),
        _held(3, first) + _held(4, second),
        _held(0, second) + _held(3, first) + _held(3, first) + _held(0, second) + _held(2, b""),
        _held(0, b"") + _held(2, whole),
        _held(2, blocks[0]) + _held(2, blocks[1]),
        _held(2, blocks[0]) + _held(0, blocks[1]) + _held(2, blocks[1]),
        _held(2, blocks[0]) + _held(2, blocks[0]) + _held(2, whole) + _held(2, b"\xe0\x80\x00"),
        _held(3, first),
    )


def _long_pieces(whole: bytes) -> tuple[bytes, ...]:
    first, second = whole[:20], whole[20:]
    blocks = _block(1, first, is_last=False), _block(2, second, is_last=True)
    return (
        _held(0, first) + _held(0x11, second),
        _held(0, first) + _held(0x91, second),
        _held(0, first) + _held(0, first) + _held(0x11, second) + _held(0x12, second),
        _held(0x10, blocks[0]) + _held(0x10, blocks[1]),
        _held(0x10, blocks[1]) + _held(0x10, blocks[0]) + _held(0x10, whole),
        _held(0x10, whole.ljust(252, b"\0")[:252]),
        _held(0x10, b"") + _held(0x10, b"\xe0"),
    )


def _too_much(wrap: Callable[[bytes], bytes], first: bytes, more: bytes) -> bytes:
    """Return more segments and blocks of one APDU than anybody keeps."""
    segment = bytes((250,)) + bytes(250)
    blocks = b"".join(wrap(_held(2, _block(number, bytes(120), is_last=False))) for number in range(1, 140))
    return wrap(first + segment) + b"".join(wrap(more + segment) for _ in range(80)) + blocks


def _dlms_hdlc() -> Codec:
    seeds = _dlms_seeds()
    blocks = tuple(b"\xe0\x80\x00\x01\x00\x00" + bytes((len(each),)) + each for each in seeds[:1] if len(each) < 128)
    return Codec(
        name="dlms-hdlc",
        run=runner("dlms"),
        ways=(
            Way(lambda content: frames.hdlc(content[:1500]), (*seeds, *blocks)),
            Way(lambda content: frames.hdlc(content[:1500], longest=40), seeds[:2]),
            Way(frames.hdlc_pieces, _hdlc_pieces(seeds[0])),
        ),
        words=_DLMS_WORDS,
        modules=files("dlms", "hdlc", *_DLMS),
        hostile=(*_CLAIMS, _too_much(frames.hdlc_pieces, b"\3", b"\1"), b"\x7e\xa7\xff" * 40_000),
    )


def _dlms_long() -> Codec:
    seeds = _dlms_seeds()
    return Codec(
        name="dlms-long",
        run=runner("dlms"),
        ways=(
            Way(lambda content: long_frames(content[:1500]), seeds),
            Way(lambda content: long_frames(content[:600], longest=30), seeds[:2]),
            Way(frames.long_pieces, _long_pieces(seeds[0])),
        ),
        words=_DLMS_WORDS,
        modules=files("dlms", "long_frame", *_DLMS),
        hostile=(
            long_frames(_notified(b"\x01\x84\xff\xff\xff\xff")),
            long_frames(_notified(b"\x13\x02\x01\x00\x83\xff\xff\xff" + b"\x02\x7f" * 600), longest=200),
            b"".join(frames.long_pieces(bytes((number & 15, 250)) + bytes(250)) for number in range(80)),
            b"\x68\xff\xff\x68\x53" * 20_000,
        ),
    )


def _run_encrypted(arriving: bytes) -> None:
    """Open with the right keys or without any, and now and then with wrong ones, which a tag would betray."""
    choice = crc32(arriving)
    hear("dlms", DlmsStream(*_KEYS[choice & 7]), arriving)
    if choice & 0x38:
        return
    for finding in hear("dlms", DlmsStream(_OTHER_KEY, _OTHER_KEY), arriving):
        # Behind flag, format, addresses, control, header checksum and LLC stands the tag of what is encrypted.
        assert not (isinstance(finding, Telegram) and finding.raw[11:12] == b"\xdb")
    hear("dlms", DlmsStream(_OTHER_KEY), arriving)


def _encrypted(content: bytes) -> bytes:
    """Return an APDU that is encrypted, with a tag where its length is odd."""
    head = (b"\x30" if len(content) & 1 else b"\x20") + b"\x00\x00\x00\x07"
    sealed = AESGCM(_KEY).encrypt(b"KVA12345" + head[1:], content, head[:1] + _OTHER_KEY)
    protected = head + (sealed[:-4] if len(content) & 1 else sealed[:-16])
    return b"\xdb\x08KVA12345" + length(len(protected)) + protected


def _authenticated(content: bytes) -> bytes:
    """Return an APDU that is not encrypted but carries a tag."""
    head = b"\x10\x00\x00\x00\x09"
    tag = AESGCM(_KEY).encrypt(b"KVA12345" + head[1:], b"", head[:1] + _OTHER_KEY + content)[:12]
    protected = head + content + tag
    return b"\xdb\x08KVA12345" + length(len(protected)) + protected


def _dlms_encrypted() -> Codec:
    def seal(content: bytes) -> bytes:
        return frames.hdlc(content[:1500])

    def secret(content: bytes) -> bytes:
        return seal(b"\xdb\x08KVA12345" + bytes((len(content[:100]),)) + content[:100])

    secrecy = Secrecy(key=_KEY, title=b"KVA12345")
    tagged = Secrecy(key=_KEY, authentication_key=_OTHER_KEY, title=b"KVA12345")

    def hidden(content: bytes) -> bytes:
        return seal(_encrypted(content[:1400]))

    seeds = _dlms_seeds()
    plain = seeds[1]
    landis = structure(*[b"\x06\0\0\4\xd2"] * 13, octet_string(b"12345"))
    sealed = ciphered(plain, secrecy, counter=7)
    return Codec(
        name="dlms-encrypted",
        run=_run_encrypted,
        ways=(
            Way(seal, (sealed, ciphered(plain, tagged, counter=8), _authenticated(plain))),
            Way(secret, (b"\x20\x00\x00\x00\x07" + b"x" * 30,)),
            # What is inside is spoilt and then encrypted: the parser behind the cipher is reached.
            Way(hidden, (*seeds[:6], _notified(landis), _block(1, plain[:20], is_last=False))),
            Way(lambda content: seal(_authenticated(content[:1400])), seeds[:3]),
            Way(frames.hdlc_pieces, _hdlc_pieces(sealed)[:3]),
        ),
        words=(b"\xdb", b"\xdc", b"\x20", b"\x30", b"\xb0", b"\x08", b"\x82\x01\x00", b"\x84\xff\xff\xff\xff"),
        modules=tuple(f"drivers/dlms/{name}.py" for name in ("protection", "cipher", "push", "stream")),
        hostile=_CLAIMS[2:3],
    )


def dlms_codecs() -> Sequence[Codec]:
    """Return the codecs of DLMS."""
    return [_dlms_hdlc(), _dlms_long(), _dlms_encrypted()]
