"""Finding telegrams in bytes: mid-frame, glued together, damaged, endless."""

import random
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from drivers.mbus.stream import MbusStream
from drivers.records.telegram import Damaged, Telegram
from tests.drivers.mbus.frames import EXAMPLE, HEADER, long_frame, telegram_of

GOOD = bytes.fromhex(EXAMPLE)
OTHER = telegram_of("01 5B 2A 0C 06 12 34 56 78")
MUTATIONS = 100_000


def heard(*chunks: bytes) -> list[Telegram | Damaged]:
    stream = MbusStream()
    found = [finding for chunk in chunks for finding in stream.feed(chunk)]
    return [*found, *stream.finish()]


def raws(findings: Iterable[Telegram | Damaged]) -> list[bytes]:
    return [finding.raw for finding in findings if isinstance(finding, Telegram)]


def reasons(findings: Sequence[Telegram | Damaged]) -> list[str]:
    return [finding.reason for finding in findings if isinstance(finding, Damaged)]


def test_frames_glued_together() -> None:
    """Two frames without a pause are two telegrams, and nothing is damaged."""
    found = heard(GOOD + OTHER)
    assert (raws(found), reasons(found)) == ([GOOD, OTHER], [])


def test_byte_by_byte() -> None:
    """A telegram is found when its last byte comes."""
    stream = MbusStream()
    counts = [len(stream.feed(bytes([octet]))) for octet in GOOD]
    assert counts == [0] * (len(GOOD) - 1) + [1]


def test_requests_and_acknowledgements_are_no_telegrams() -> None:
    """A recorded conversation gives only what the meters say."""
    request, nke = bytes.fromhex("10 7B 02 7D 16"), bytes.fromhex("10 40 02 42 16")
    selection = long_frame(bytes.fromhex("52 78563412 FFFFFFFF"), address=253, control=0x53)
    found = heard(nke + b"\xe5" + selection + b"\xe5" + request + GOOD)
    assert (raws(found), reasons(found)) == ([GOOD], [])


def test_start_in_the_middle_of_a_frame() -> None:
    """What is left of a frame that began before is reported once, and the next one is found."""
    found = heard(GOOD[7:] + OTHER)
    assert raws(found) == [OTHER]
    assert reasons(found) == [f"{len(GOOD) - 7} bytes that belong to no frame"]


def test_wrong_checksum() -> None:
    """A flipped bit costs one frame, and the reason names both sums."""
    broken = bytearray(GOOD)
    broken[20] ^= 0x01
    found = heard(bytes(broken) + OTHER)
    assert raws(found) == [OTHER]
    (reason,) = reasons(found)
    assert "checksum 18" in reason


def test_good_frame_inside_a_broken_one() -> None:
    """A frame whose end is lost does not take the next one with it."""
    found = heard(GOOD[:12] + OTHER)
    assert raws(found) == [OTHER]
    assert len(reasons(found)) == 1


def test_end_in_the_middle_of_a_frame() -> None:
    """An unfinished frame is reported at the end, and one that it hides is still found."""
    long = telegram_of("0F" + "00" * 200)
    found = heard(long[:30] + GOOD)
    assert raws(found) == [GOOD]
    assert len(reasons(found)) == 1
    assert reasons(heard(GOOD[:10])) == ["a frame ends after 10 bytes"]


def test_good_checksum_and_bad_records() -> None:
    """A frame with a record that ends behind it is damaged as a whole."""
    found = heard(telegram_of("01 5B 2A 04 06 01"))
    assert raws(found) == []
    assert len(reasons(found)) == 1


def test_endless_noise_is_bounded() -> None:
    """Noise without end is reported in portions and never kept."""
    stream = MbusStream()
    portions = [len(stream.feed(b"\x55" * 1000)) for _ in range(50)]
    assert sum(portions) == 50 * 1000 // 512


@given(st.binary(max_size=400), st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_around_a_frame(before: bytes, behind: bytes, size: int) -> None:
    """No bytes make it raise, and the way in which they are cut changes nothing."""
    octets = before + GOOD + behind
    chunks = [octets[place : place + size] for place in range(0, len(octets), size)]
    assert raws(heard(*chunks)) == raws(heard(octets))


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return the content of a good telegram with some bytes changed, lost or added."""
    octets = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(octets))
        match chance.randrange(4):
            case 0:
                octets[place] = chance.randrange(256)
            case 1:
                octets[place] ^= 1 << chance.randrange(8)
            case 2:
                octets = octets[:place] + octets[place + 1 :] or bytearray(b"\x72")
            case _:
                octets.insert(place, chance.randrange(256))
    return bytes(octets[:250])


def test_mutated_frames_with_right_checksums() -> None:
    """A hundred thousand telegrams that no meter would send never raise, and each gives exactly one finding."""
    seeds = [
        b"\x72" + HEADER + bytes.fromhex(records)
        for records in (
            "04 06 01 00 00 00 0C 13 12 34 56 78 02 5A A4 01 04 6D 2D 0B D3 2C 1F",
            "84 90 40 FB 80 3C 01 00 00 00 05 5B 00 00 AC 41 0D FD 10 03 43 42 41 06 6D 1E 2D 0B D3 2C 33",
            "02 FC 03 48 52 25 74 D2 04 02 FD C8 FF 81 00 01 00 0D 13 C2 34 12 0F AB CD",
        )
    ]
    seeds += [bytes.fromhex("73 78 56 34 12 0A 00 E9 7E 01 00 00 00 35 01 00 00"), b"\x70\x08"]
    seeds += [b"\x7a\x55\x04\x00\x00" + seeds[0][13:], b"\x76" + seeds[0][1:]]
    chance, stream = random.Random(13757), MbusStream()  # noqa: S311 - the same mutations each time
    for _ in range(MUTATIONS):
        found = stream.feed(long_frame(mutated(chance, seeds)))
        assert len(found) == 1
