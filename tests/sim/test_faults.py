"""What a bad line does to a reply, byte by byte."""

import pytest

from gateway.core.errors import ConfigError
from gateway.sim.faults import RATES, Faults, LineFraming, Mischief, Segment, frame_length, parse_faults

REPLY: dict[LineFraming, bytes] = {
    "tcp": bytes.fromhex("0009 0000 0007 05 03 04 4366 199A"),
    "rtu": bytes.fromhex("05 03 04 4366 199A 0A06"),
}
FRAMINGS: list[LineFraming] = ["tcp", "rtu"]


def crc(frame: bytes) -> int:
    """Return the check of an RTU frame. Source: MODBUS over Serial Line V1.02, appendix B."""
    register = 0xFFFF
    for octet in frame:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def suffered(framing: LineFraming, seed: int = 0, **rates: float) -> list[Segment]:
    return list(Mischief(Faults(**rates), framing=framing, seed=seed).reply(REPLY[framing]))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_without_faults_a_reply_is_untouched(framing: LineFraming) -> None:
    """A line without faults passes the reply on at once."""
    assert suffered(framing) == [Segment(0.0, REPLY[framing])]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_faults_of_time_and_number(framing: LineFraming) -> None:
    """A reply can come a little later, after the client has given up, never, or twice."""
    reply = REPLY[framing]
    assert suffered(framing, delay=1, delay_s=0.3) == [Segment(0.3, reply)]
    assert suffered(framing, late=1, late_s=2.5) == [Segment(2.5, reply)]
    assert suffered(framing, drop=1) == []
    assert suffered(framing, duplicate=1) == [Segment(0.0, reply), Segment(0.0, reply)]
    assert suffered(framing, close=1) == [Segment(0.0, b"", close=True)]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("seed", range(20))
def test_a_split_reply_comes_in_pieces(framing: LineFraming, seed: int) -> None:
    """Several pieces, one after the other, make up the reply."""
    pieces = suffered(framing, seed, split=1, split_s=0.5)
    assert len(pieces) > 1
    assert all(piece.data for piece in pieces)
    assert b"".join(piece.data for piece in pieces) == REPLY[framing]
    assert [piece.after_s for piece in pieces] == [0.5 * index for index in range(len(pieces))]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_trickling_reply_comes_byte_by_byte(framing: LineFraming) -> None:
    """One byte a second makes up the reply."""
    pieces = suffered(framing, trickle=1)
    assert [(piece.after_s, piece.data) for piece in pieces] == [
        (float(index), bytes([octet])) for index, octet in enumerate(REPLY[framing])
    ]


def test_merged_replies_come_in_one_segment() -> None:
    """A reply that is withheld comes in one segment with the next one."""
    seed = next(seed for seed in range(100) if not suffered("tcp", seed, merge=0.5))
    mischief = Mischief(Faults(merge=0.5), framing="tcp", seed=seed)
    segments: list[Segment] = []
    sent = 0
    while not segments:
        segments += mischief.reply(REPLY["tcp"])
        sent += 1
    assert sent > 1
    assert segments == [Segment(0.0, REPLY["tcp"] * sent)]


@pytest.mark.parametrize("seed", range(20))
def test_a_foreign_frame_is_sound_and_of_another_unit(seed: int) -> None:
    """Behind a sound frame of another unit and the same length comes the reply."""
    (segment,) = suffered("rtu", seed, foreign=1)
    foreign, reply = segment.data[:9], segment.data[9:]
    assert reply == REPLY["rtu"]
    assert foreign[0] != reply[0]
    assert foreign[1:3] == reply[1:3]
    assert crc(foreign[:-2]) == int.from_bytes(foreign[-2:], "little")
    (segment,) = suffered("tcp", seed, foreign=1)
    foreign, reply = segment.data[:13], segment.data[13:]
    assert reply == REPLY["tcp"]
    assert foreign[2:6] == reply[2:6]
    assert (foreign[6], foreign[:2]) != (reply[6], reply[:2])


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("seed", range(20))
def test_garbage_and_turned_bits(framing: LineFraming, seed: int) -> None:
    """Bytes can stand before the reply, or one bit of it be wrong."""
    (segment,) = suffered(framing, seed, garbage=1)
    assert segment.data.endswith(REPLY[framing])
    assert 1 <= len(segment.data) - len(REPLY[framing]) <= 8
    (segment,) = suffered(framing, seed, trail=1)
    assert segment.data[:-1] == REPLY[framing]
    (segment,) = suffered(framing, seed, corrupt=1)
    wrong = [one ^ other for one, other in zip(segment.data, REPLY[framing], strict=True)]
    assert sum(each.bit_count() for each in wrong) == 1


def test_a_stranger_answers_for_another() -> None:
    """A sound frame has the values of the reply and the name of another unit."""
    (segment,) = suffered("rtu", stranger=1)
    assert (segment.data[0], segment.data[1:-2]) == (6, REPLY["rtu"][1:-2])
    assert crc(segment.data[:-2]) == int.from_bytes(segment.data[-2:], "little")
    assert suffered("tcp", stranger=1) == [Segment(0.0, bytes.fromhex("0009 0000 0007 06 03 04 4366 199A"))]


def test_headers_that_are_wrong() -> None:
    """A reply can have the transaction id of another request, or a protocol id that is not Modbus."""
    assert suffered("tcp", stale=1) == [Segment(0.0, bytes.fromhex("0008 0000 0007 05 03 04 4366 199A"))]
    assert suffered("tcp", protocol=1) == [Segment(0.0, bytes.fromhex("0009 0001 0007 05 03 04 4366 199A"))]
    with pytest.raises(ConfigError, match="which RTU does not have"):
        suffered("rtu", stale=1)


def test_an_echo_is_the_request() -> None:
    """On a line with echo the client first hears itself."""
    request = bytes.fromhex("05 03 0066 0002 2590")
    assert list(Mischief(Faults(echo=1), framing="rtu").request(request)) == [Segment(0.0, request)]
    assert list(Mischief(Faults(), framing="rtu").request(request)) == []


def test_the_same_seed_gives_the_same_faults() -> None:
    """Faults of a line depend on its seed only, and come about as often as asked for."""
    faults = Faults(**dict.fromkeys(set(RATES) - {"stale", "protocol"}, 0.05))

    def course(seed: int) -> list[list[Segment]]:
        mischief = Mischief(faults, framing="rtu", seed=seed)
        return [list(mischief.reply(REPLY["rtu"])) for _ in range(2000)]

    assert course(1) == course(1)
    assert course(1) != course(2)
    untouched = sum(segments == [Segment(0.0, REPLY["rtu"])] for segments in course(1))
    assert 0.3 < untouched / 2000 < 0.4


@pytest.mark.parametrize(
    ("framing", "frame", "length"),
    [
        ("tcp", "0009 0000 0007 05 03 04 4366 199A", 13),
        ("tcp", "0009 0000 00", None),
        ("rtu", "05 03 04 4366 199A 0A06", 9),
        ("rtu", "05 83 02 C130", 5),
        ("rtu", "05 03", None),
    ],
)
def test_length_of_a_reply(framing: LineFraming, frame: str, length: int | None) -> None:
    """The length of a reply is known from its first bytes."""
    assert frame_length(framing, bytes.fromhex(frame)) == length


def test_faults_are_read_from_text() -> None:
    """A text of words and numbers says how often each fault happens."""
    assert parse_faults("late=0.05, split=0.2,late_s=2") == Faults(late=0.05, split=0.2, late_s=2.0)
    assert parse_faults("") == Faults()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat=0.1", "unknown word 'lat'; did you mean late"),
        ("late", "write late=NUMBER"),
        ("late=often", "write late=NUMBER"),
        ("late=0.1,late=0.2", "late stands twice"),
        ("late=1.5", "each from 0 to 1"),
        ("late=0.6,drop=0.6", "together at most 1"),
        ("echo=2", "each from 0 to 1"),
        ("late=nan", "each from 0 to 1"),
        ("late_s=-1", "not negative"),
    ],
)
def test_wrong_faults_are_refused(text: str, message: str) -> None:
    """A wrong word or number is named."""
    with pytest.raises(ConfigError, match=message):
        parse_faults(text)
