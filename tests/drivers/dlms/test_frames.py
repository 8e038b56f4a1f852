"""HDLC and M-Bus frames, segments, blocks, streams."""

import random
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlms.stream import DlmsStream
from drivers.records.telegram import Damaged, Telegram
from gateway.sim.dlms import checksum, hdlc, long_frames
from gateway.sim.dlms_list import aidon, length, notification
from gateway.sim.sml_registers import Register
from tests.drivers.dlms.pushes import LLC, OBIS_POWER, heard, kamstrup, kinds, push, scaled, telegram

GOOD = push(scaled(OBIS_POWER, b"\x06\x00\x00\x05\xbc", 0, 27))
OTHER = push(scaled(OBIS_POWER, b"\x06\x00\x00\x07\xe5", 0, 27))
LONG = notification(
    b"\x00", kamstrup(*[(bytes((1, 1, quantity, 7, 0, 255)), b"\x06\x00\x00\x00\x01") for quantity in range(1, 41)])
)


def blocks(apdu: bytes, size: int) -> bytes:
    """Return an APDU as general block transfer, each block in a frame of its own, only the first with LLC."""
    pieces = [apdu[index : index + size] for index in range(0, len(apdu), size)]
    frames = b""
    for number, piece in enumerate(pieces, start=1):
        control = 0xC0 if number == len(pieces) else 0x40
        block = bytes((0xE0, control)) + number.to_bytes(2, "big") + bytes(2) + length(len(piece)) + piece
        frames += hdlc((LLC if number == 1 else b"") + block)
    return frames


def test_a_frame_written_by_hand_says_what_it_means() -> None:
    """One HDLC frame, octet by octet from the standard: power import 1468 W."""
    inner = bytes.fromhex("E6E700 0F 00000001 00 0203 0906 0100010700FF 06 000005BC 0202 0F00 161B".replace(" ", ""))
    header = bytes((0xA0, 7 + len(inner) + 2, 0x41, 0x03, 0x13))
    body = header + checksum(header) + inner
    found = telegram(b"\x7e" + body + checksum(body) + b"\x7e")
    assert [(each.code, str(each.value), each.unit) for each in found.records] == [("1-0:1.7.0", "1468", "W")]
    assert (found.protocol, found.raw[:1], found.raw[-1:]) == ("dlms", b"\x7e", b"\x7e")


@pytest.mark.parametrize("addresses", [b"\x01\x03", b"\x02\x03\x41", b"\x00\x02\x04\x05\x03", b"\xce\xff\x03"])
def test_addresses_of_one_two_and_four_octets_are_stepped_over(addresses: bytes) -> None:
    """The last octet of an address has its lowest bit set."""
    assert kinds(heard(hdlc(LLC + LONG, addresses=addresses))) == "T"


@pytest.mark.parametrize("longest", [20, 100, 300])
def test_segments_are_joined(longest: int) -> None:
    """A telegram in several frames is one telegram, whose raw form is all of them."""
    wire = hdlc(LLC + LONG, longest=longest)
    found = telegram(wire)
    assert (len(found.records), found.raw) == (40, wire)


@pytest.mark.parametrize("size", [30, 120])
def test_blocks_are_joined(size: int) -> None:
    """General block transfer gives one telegram, also where only the first block has an LLC header."""
    assert len(telegram(blocks(LONG, size)).records) == 40


@pytest.mark.parametrize("longest", [10, 100, 245])
def test_long_frames_of_m_bus_are_joined(longest: int) -> None:
    """Segments with their numbers in the control information make one telegram, more than sixteen of them too."""
    wire = long_frames(LONG, longest=longest)
    found = telegram(wire)
    assert (len(found.records), found.raw) == (40, wire)


def test_a_long_frame_may_overflow_its_length() -> None:
    """Sagemcom sends 257 octets with a length of 1."""
    apdu = notification(b"\x00", b"\x02\x02\x09\x06" + OBIS_POWER + b"\x09\x81\xe9" + bytes(233))
    body = b"\x53\xff\x10\x01\x67" + apdu
    assert len(body) == 257
    assert kinds(heard(b"\x68\x01\x01\x68" + body + bytes((sum(body) & 0xFF, 0x16)))) == "T"


@pytest.mark.parametrize("make", [lambda: hdlc(LLC + LONG, longest=100), lambda: long_frames(LONG, longest=100),
                                  lambda: blocks(LONG, 100)])  # fmt: skip
def test_a_missing_piece_costs_the_telegram_only(make: object) -> None:
    """Without a piece in the middle there is no telegram and no value, and the next one is read."""
    assert callable(make)
    wire = make()
    mark = b"\x16\x68" if wire[0] == 0x68 else b"\x7e\x7e"
    second = wire.index(mark) + 1
    third = wire.index(mark, second + 1) + 1
    found = heard(wire[:second] + wire[third:] + wire)
    assert "T" not in kinds(found)[:-1]
    assert kinds(found)[-1] == "T"
    assert "D" in kinds(found)


def test_pieces_of_two_meters_are_not_mixed() -> None:
    """A segment from another address ends the telegram that was begun."""
    first = hdlc(LLC + LONG, longest=200).split(b"\x7e\x7e")[0] + b"\x7e"
    second = b"\x7e" + hdlc(LLC + LONG, longest=200, addresses=b"\x43\x05").split(b"\x7e\x7e")[-1]
    assert "T" not in kinds(heard(first + second))


def test_glued_frames_may_share_a_flag() -> None:
    """One flag closes a frame and opens the next."""
    assert kinds(heard(GOOD + OTHER)) == "TT"
    assert kinds(heard(GOOD[:-1] + OTHER)) == "TT"
    assert kinds(heard(b"\x7e\x7e" + GOOD + b"\x7e\x7e\x7e" + OTHER)) == "TT"


@pytest.mark.parametrize("cut", range(3, len(GOOD) - 1))
def test_a_frame_that_stops_anywhere_costs_only_itself(cut: int) -> None:
    """The frame behind a truncated one is found wherever it stopped, at the latest with the one after."""
    found = heard(GOOD[:cut] + OTHER)
    telegrams = [each for each in found if isinstance(each, Telegram)]
    assert [each.raw for each in telegrams] == [OTHER]


def test_every_flipped_bit_is_noticed() -> None:
    """A frame with one wrong bit gives no value, and the next frame is read."""
    for bit in range(8 * len(GOOD)):
        wrong = bytearray(GOOD)
        wrong[bit // 8] ^= 1 << bit % 8
        found = heard(bytes(wrong) + OTHER)
        assert [each.raw for each in found if isinstance(each, Telegram)] == [OTHER], bit


@given(chunks=st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_chunks_may_be_of_any_size(chunks: list[int]) -> None:
    """The same telegrams come however the bytes are portioned."""
    whole = GOOD[10:] + OTHER + b"\x00\x68\x10" + long_frames(LONG) + GOOD
    cuts = [0, *sorted({min(sum(chunks[: index + 1]), len(whole)) for index in range(len(chunks))}), len(whole)]
    stream = DlmsStream()
    found = [each for start, end in pairwise(cuts) for each in stream.feed(whole[start:end])]
    assert kinds([*found, *stream.finish()]).replace("D", "") == "TTT"


def test_noise_is_not_reported_as_frames() -> None:
    """Octets that begin like nothing are stepped over."""
    assert heard(bytes(range(0x20, 0x60)) * 50) == []


def test_memory_is_bounded() -> None:
    """Segments without a last one, and frames without an end, are given up."""
    endless = hdlc(LLC + bytes(3000), longest=1500)
    first, middle = endless[: len(endless) // 2], hdlc(bytes(3000), longest=1500)
    middle = middle[: middle.index(b"\x7e\x7e") + 1] if b"\x7e\x7e" in middle else middle
    stream = DlmsStream()
    found: list[Telegram | Damaged] = list(stream.feed(first))
    for _ in range(50):
        found += stream.feed(middle)
    assert kinds(found).startswith("D")
    assert kinds(list(stream.feed(GOOD)))[-1] == "T"


@pytest.mark.parametrize(
    ("apdu", "reason"),
    [
        (b"\xc1\x00", "no data notification"),
        (b"\x0f\x00\x00", "longer than its telegram"),
        (b"\x0f\x00\x00\x00\x01\x05" + bytes(5), "time of 5 octets"),
        (notification(b"\x00", b"\x11\x01") + b"\x00", "left behind"),
        (notification(b"\x00", b"\x02\x02\x11\x01\x11\x02"), "nobody described"),
        (b"\xe0\x80\x00\x01\x00\x00\x7f", "longer than its telegram"),
        (b"\xe0\x80\x00\x02\x00\x00\x00", "without the blocks before"),
    ],
)
def test_damage_is_named(apdu: bytes, reason: str) -> None:
    """What follows no rule is reported with the rule, and the next frame is read."""
    found = heard(hdlc(LLC + apdu) + GOOD)
    assert kinds(found) == "DT"
    assert isinstance(found[0], Damaged)
    assert reason in found[0].reason


@pytest.mark.timeout(120)
def test_a_hundred_thousand_mutants_are_survived() -> None:
    """No mutation of an APDU, the frame's checksums made right again, raises."""
    chance = random.Random(20_261_122)  # noqa: S311 - a seed, not a secret
    time, body = aidon({OBIS_POWER: Register(OBIS_POWER, Decimal(1234), "W")}, bytes(12), "7359992890941742")
    seeds = [
        LLC + notification(time, body),
        LLC + notification(b"\x00", kamstrup((OBIS_POWER, b"\x06\x00\x00\x00\x07"), (OBIS_POWER, b"\x12\x00\xe8"))),
        LLC + b"\xdb\x08KAM\x45\x01\x02\x03\x04\x1e\x30\x00\x00\x00\x01" + bytes(25),
        LLC + b"\xe0\xc0\x00\x01\x00\x00\x0b" + notification(b"\x00", b"\x02\x01\x06\x00"),
        LLC + notification(b"\x00", b"\x13\x02\x02\x11\x12\x06\x01\x00\x02\x03\x00\x04"),
    ]
    stream = DlmsStream(bytes(16))
    found = ""
    for _ in range(100_000):
        mutant = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 4)):
            mutant[chance.randrange(3, len(mutant))] = chance.randrange(256)
        found += kinds(list(stream.feed(_framed(bytes(mutant)))))
    assert len(found) > 90_000
    assert 10_000 < found.count("T") < 90_000


def _framed(content: bytes) -> bytes:
    header = (0xA000 | 9 + len(content)).to_bytes(2, "big") + b"\x41\x03\x13"
    body = header + checksum(header) + content
    return b"\x7e" + body + checksum(body) + b"\x7e"
