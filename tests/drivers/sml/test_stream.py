"""Frames in streams: glued, cut, damaged, endless."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.records.crc import crc_x25
from drivers.records.telegram import Damaged, Telegram
from drivers.sml.stream import SmlStream
from drivers.sml.transport import LONGEST, START
from gateway.sim.sml import checksum, encoded_list, entry, framed, message, number, octets, server_id
from tests.drivers.sml.frames import ABSENT, IMPORT, energy, heard, listing, power, record, telegram

GOOD = listing([energy(1234)])
OTHER = listing([energy(5678)])
ESCAPE = b"\x1b" * 4


def kinds(found: list[Telegram | Damaged]) -> str:
    """Return T for each telegram and D for each damaged frame."""
    return "".join("T" if isinstance(each, Telegram) else "D" for each in found)


def test_a_stream_that_begins_inside_a_frame_gives_the_next_one() -> None:
    """What came before the first start is no frame and is not reported."""
    found = heard(GOOD[20:] + OTHER)
    assert kinds(found) == "T"


def test_glued_frames_come_apart() -> None:
    """No gap is needed between frames."""
    assert kinds(heard(GOOD + OTHER + GOOD)) == "TTT"


@pytest.mark.parametrize("cut", range(8, len(GOOD)))
def test_a_frame_that_stops_anywhere_costs_only_itself(cut: int) -> None:
    """The frame behind a truncated one is found whatever the last octets were."""
    found = heard(GOOD[:cut] + OTHER)
    assert kinds(found) == "DT"
    assert isinstance(found[1], Telegram)
    assert found[1].raw == OTHER


@given(chunks=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_chunks_may_be_of_any_size(chunks: list[int]) -> None:
    """The same telegrams come however the bytes are portioned."""
    whole = b"\x00\xff" + GOOD + b"noise" + OTHER
    cuts = [0, *sorted({min(sum(chunks[: index + 1]), len(whole)) for index in range(len(chunks))}), len(whole)]
    stream = SmlStream()
    found = [each for start, end in pairwise(cuts) for each in stream.feed(whole[start:end])]
    assert kinds([*found, *stream.finish()]) == "TT"


def test_every_flipped_bit_is_noticed() -> None:
    """A frame with one wrong bit gives no value, and the next frame is read."""
    for bit in range(8 * len(START), 8 * len(GOOD)):
        wrong = bytearray(GOOD)
        wrong[bit // 8] ^= 1 << bit % 8
        found = heard(bytes(wrong) + OTHER)
        telegrams = [each for each in found if isinstance(each, Telegram)]
        assert [each.raw for each in telegrams] == [OTHER], bit
        assert kinds(found) == "DT"


@pytest.mark.parametrize("length", range(1, 14))
def test_escape_octets_in_a_value_are_content(length: int) -> None:
    """Any number of 0x1B in a value comes out as it went in."""
    found = telegram(listing([entry(IMPORT, octets(b"\x02" + b"\x1b" * length + b"\x03"))]))
    assert record(found, "1-0:1.8.0").value == (b"\x02" + b"\x1b" * length + b"\x03").hex().upper()


def test_a_start_inside_a_value_is_content() -> None:
    """An escaped start sequence within a frame begins nothing."""
    found = telegram(listing([entry(IMPORT, octets(START))]))
    assert record(found, "1-0:1.8.0").value == START.hex().upper()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (START + ESCAPE + b"\x02\x02\x02\x02", "means nothing"),
        (GOOD[:-1] + b"\x00", "checksum of the frame"),
        (GOOD[:-3] + b"\x07" + checksum(GOOD[:-3] + b"\x07"), "padding"),
        (framed(b"\x63\x01\x02"), "a list of 6 was due"),
        (framed(b""), "without messages"),
    ],
)
def test_damage_is_named(broken: bytes, reason: str) -> None:
    """Each kind of damage says what is wrong, and the next frame is read."""
    found = heard(broken + OTHER)
    assert kinds(found) == "DT"
    assert isinstance(found[0], Damaged)
    assert reason in found[0].reason


def test_an_endless_frame_is_given_up() -> None:
    """A frame that never ends is reported once its length is absurd, and the memory stays bounded."""
    stream = SmlStream()
    found = [each for _ in range(100) for each in stream.feed((START if not _ else b"") + b"\x42" * 1000)]
    assert kinds(found) == "D"
    assert kinds(list(stream.feed(GOOD))) == "T"


def test_nothing_is_left_behind_silently() -> None:
    """A frame that the end of the stream cuts off is reported."""
    assert kinds(heard(GOOD + OTHER[:-1])) == "TD"


@pytest.mark.timeout(120)
def test_a_hundred_thousand_mutants_are_survived() -> None:
    """No mutation of a message, all checksums made right again, raises or fills memory."""
    chance = random.Random(20_261_122)  # noqa: S311 - a seed, not a secret
    body = encoded_list(
        ABSENT,
        octets(server_id("1DZG0042082910")),
        ABSENT,
        encoded_list(number(2, 1), number(1_700_000_000, 4)),
        encoded_list(energy(12_345, status=0x1C0104), power(b"\x53\xff\x38"), entry(IMPORT, octets(b"KVA"))),
        ABSENT,
        ABSENT,
    )
    seed = message(1, 0x0701, body)[:-4]
    stream = SmlStream()
    found = ""
    for _ in range(100_000):
        mutant = bytearray(seed)
        for _ in range(chance.randrange(1, 4)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        found += kinds(list(stream.feed(_summed(bytes(mutant)))))
        assert len(stream._buffer) <= 2 * LONGEST  # noqa: SLF001 - memory has no other seam
    assert len(found) > 99_000
    assert 10_000 < found.count("T") < 90_000


def _summed(covered: bytes) -> bytes:
    """Return a message as a frame; both checksums by the fast routine, which other tests pin."""
    inner = covered + b"\x63" + crc_x25(covered).to_bytes(2, "little") + b"\x00"
    whole = START + inner + bytes(-len(inner) % 4) + ESCAPE + bytes((0x1A, -len(inner) % 4))
    return whole + crc_x25(whole).to_bytes(2, "little")
