"""Frames of the three transports: found in whatever arrives, and nothing else taken for one."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

from drivers.modbus.ascii import AsciiFraming
from drivers.modbus.checksum import crc16, lrc8
from drivers.modbus.framing import Frame, Framing
from drivers.modbus.pdu import IdentificationRequest, ReadRequest
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.tcp import TcpFraming
from drivers.profile import Table
from tests.fakes_stream import ascii_frame, rtu, tcp

REQUEST = ReadRequest(Table.HOLDING, 0x6B, 3)
ANSWER = bytes.fromhex("03 06 02 2B 00 00 00 64")
IDENTIFICATION = bytes.fromhex("2B 0E 01 01 00 00 01 00 04 41 43 4D 45")

Pack = Callable[[int, bytes], bytes]


def packed_tcp(unit: int, pdu: bytes) -> bytes:
    """Return a frame with the transaction id of the first request."""
    return tcp(1, unit, pdu)


TRANSPORTS: list[tuple[Callable[[], Framing], Pack]] = [
    (TcpFraming, packed_tcp),
    (RtuFraming, rtu),
    (AsciiFraming, ascii_frame),
]
EVERY_TRANSPORT = pytest.mark.parametrize(("make", "pack"), TRANSPORTS, ids=["tcp", "rtu", "ascii"])


def awaiting(make: Callable[[], Framing], request: ReadRequest | IdentificationRequest = REQUEST) -> Framing:
    """Return a framing that has sent the request to unit 17."""
    framing = make()
    framing.request(17, request)
    framing.sent()
    return framing


def fed(framing: Framing, chunks: Sequence[bytes]) -> list[Frame]:
    """Return all frames that the chunks complete."""
    return [frame for chunk in chunks for frame in framing.feed(chunk)]


def test_checksums_of_the_standard() -> None:
    """CRC and LRC are those of Modbus over Serial Line V1.02, section 6.2 and its example 02 07."""
    assert crc16(bytes.fromhex("02 07")).to_bytes(2, "little") == bytes.fromhex("41 12")
    assert crc16(bytes.fromhex("02 07 41 12")) == 0
    assert lrc8(bytes.fromhex("01 03 00 00 00 01")) == 0xFB


@EVERY_TRANSPORT
def test_requests_are_packed(make: Callable[[], Framing], pack: Pack) -> None:
    """A request is the frame that other code builds for the same PDU, and has the length that was foretold."""
    framing = make()
    frame = framing.request(17, REQUEST)
    assert frame == pack(17, REQUEST.pdu)
    assert len(frame) == framing.frame_bytes(len(REQUEST.pdu))


@EVERY_TRANSPORT
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_answers_are_found_however_they_are_cut(make: Callable[[], Framing], pack: Pack, size: int) -> None:
    """Answers come whole, byte by byte, or two in one chunk."""
    octets = pack(17, ANSWER) + pack(17, bytes.fromhex("83 02"))
    chunks = [octets[start : start + size] for start in range(0, len(octets), size)]
    assert fed(awaiting(make), chunks) == [Frame(17, ANSWER), Frame(17, bytes.fromhex("83 02"))]


@EVERY_TRANSPORT
def test_identification_answers_are_found(make: Callable[[], Framing], pack: Pack) -> None:
    """An answer whose length is inside it is found as well."""
    octets = pack(17, IDENTIFICATION) + pack(17, bytes.fromhex("AB 01"))
    framing = awaiting(make, IdentificationRequest())
    assert fed(framing, [octets[:9], octets[9:]]) == [Frame(17, IDENTIFICATION), Frame(17, bytes.fromhex("AB 01"))]


@EVERY_TRANSPORT
@pytest.mark.parametrize("noise", [b"\0", b"\xff\xff", b"\0\0\0", bytes(range(17, 40)), b"\x11\x03\xf8" + b"\1" * 30])
def test_noise_before_an_answer_costs_nothing(make: Callable[[], Framing], pack: Pack, noise: bytes) -> None:
    """Behind bytes that are no frame, even such as begin like a long one, the answer is found."""
    framing = awaiting(make)
    assert fed(framing, [noise, pack(17, ANSWER)]) == [Frame(17, ANSWER)]
    assert framing.noise == noise


@EVERY_TRANSPORT
def test_frames_of_others_are_told_apart(make: Callable[[], Framing], pack: Pack) -> None:
    """Frames of another unit, and of another client, come out as what they are."""
    other = bytes.fromhex("04 02 00 0A")
    assert fed(awaiting(make), [pack(18, other) + pack(17, ANSWER)]) == [Frame(18, other), Frame(17, ANSWER)]


@EVERY_TRANSPORT
def test_what_came_before_the_request_is_forgotten(make: Callable[[], Framing], pack: Pack) -> None:
    """Half a frame that was left over does not hide the answer, and no noise is counted twice."""
    framing = awaiting(make)
    framing.feed(pack(17, ANSWER)[:-2])
    frame = framing.request(17, REQUEST)
    framing.sent()
    answer = tcp(2, 17, ANSWER) if frame.startswith(b"\0\2") else pack(17, ANSWER)
    assert fed(framing, [answer]) == [Frame(17, ANSWER)]


@pytest.mark.parametrize("make", [RtuFraming, AsciiFraming])
def test_echo_of_our_own_request_is_skipped(make: Callable[[], Framing]) -> None:
    """An adapter that hears what it sends gives our request back before the answer."""
    framing = awaiting(make)
    pack = ascii_frame if make is AsciiFraming else rtu
    echo = pack(17, REQUEST.pdu)
    assert fed(framing, [echo[:3], echo[3:] + pack(17, ANSWER)]) == [Frame(17, ANSWER)]
    assert framing.noise == b""


@pytest.mark.parametrize(
    "foreign",
    [
        "06 00 01 00 03",  # write one register, request and answer
        "10 00 01 00 02 04 00 0A 01 02",  # write registers
        "10 00 01 00 02",  # its answer
        "03 00 6B 00 03",  # a read by another client
        "83 02",
        "2B 0E 01 00",
    ],
)
def test_rtu_frames_of_another_client_are_passed_over_whole(foreign: str) -> None:
    """What a second client says to other units never looks like noise or like an answer."""
    framing = awaiting(RtuFraming)
    octets = rtu(5, bytes.fromhex(foreign))
    assert fed(framing, [octets[:4], octets[4:], rtu(17, ANSWER)]) == [
        Frame(5, bytes.fromhex(foreign)),
        Frame(17, ANSWER),
    ]
    assert framing.noise == b""


def test_rtu_frame_with_a_wrong_crc_is_noise() -> None:
    """A broken frame costs itself and not the next one."""
    framing = awaiting(RtuFraming)
    broken = bytearray(rtu(17, ANSWER))
    broken[4] ^= 1
    assert fed(framing, [bytes(broken)]) == []
    assert fed(framing, [rtu(17, ANSWER)]) == [Frame(17, ANSWER)]
    assert framing.noise == bytes(broken)


@pytest.mark.parametrize(
    ("frame", "current"),
    [
        (tcp(1, 17, ANSWER), True),
        (tcp(2, 17, ANSWER), False),
        (tcp(0, 17, ANSWER), False),
    ],
)
def test_tcp_answers_carry_their_transaction(frame: bytes, *, current: bool) -> None:
    """Only the answer with the id of the last request is current."""
    assert fed(awaiting(TcpFraming), [frame]) == [Frame(17, ANSWER, current)]


@pytest.mark.parametrize(
    "broken",
    [
        tcp(1, 17, ANSWER, protocol=1),
        tcp(1, 17, ANSWER, length=0),
        tcp(1, 17, ANSWER, length=1),
        tcp(1, 17, ANSWER, length=255),
        tcp(1, 17, ANSWER, length=60000),
    ],
)
def test_tcp_header_that_cannot_be_is_no_frame(broken: bytes) -> None:
    """A wrong protocol id or an impossible length is passed over, and the next frame is found."""
    framing = awaiting(TcpFraming)
    assert fed(framing, [broken]) == []
    assert fed(framing, [tcp(1, 17, ANSWER)])[-1] == Frame(17, ANSWER)


def test_tcp_exception_with_a_wrong_length() -> None:
    """Some devices do not count the exception code: the nine bytes are an exception all the same."""
    framing = awaiting(TcpFraming)
    octets = tcp(1, 17, bytes.fromhex("83 02"), length=2)
    assert fed(framing, [octets[:8], octets[8:] + tcp(1, 17, ANSWER)]) == [
        Frame(17, bytes.fromhex("83 02")),
        Frame(17, ANSWER),
    ]


@pytest.mark.parametrize("missing", range(1, 14))
def test_tcp_frame_cut_short_does_not_swallow_the_next(missing: int) -> None:
    """Where a device loses the end of an answer, the following answer is found inside what seemed to be the first."""
    framing = awaiting(TcpFraming)
    cut = tcp(1, 17, ANSWER)[:-missing]
    framing.feed(cut)
    framing.request(17, REQUEST)
    framing.sent()
    assert fed(framing, [tcp(2, 17, ANSWER)])[-1] == Frame(17, ANSWER)


def test_tcp_transaction_ids_do_not_repeat() -> None:
    """65535 requests in a row have different ids."""
    framing = TcpFraming()
    ids = {framing.request(1, REQUEST)[:2] for _ in range(65535)}
    assert len(ids) == 65535


def test_udp_datagrams_stand_alone() -> None:
    """Half a frame in one datagram is not continued by the next."""
    framing = awaiting(lambda: TcpFraming(datagrams=True))
    frame = tcp(1, 17, ANSWER)
    assert fed(framing, [frame[:9], frame[9:]]) == []
    assert fed(framing, [frame + frame]) == [Frame(17, ANSWER), Frame(17, ANSWER)]


@pytest.mark.parametrize(
    "broken",
    [b":1103062", b"zz\r\n", b":\r\n", b":11 03\r\n", b":110306022B000000640000\r\n", b":110\r\n", "£".encode()],
)
def test_ascii_line_that_is_no_frame(broken: bytes) -> None:
    """Wrong digits, spaces, a wrong LRC: passed over, and the next frame is found."""
    assert fed(awaiting(AsciiFraming), [broken, ascii_frame(17, ANSWER)]) == [Frame(17, ANSWER)]


@EVERY_TRANSPORT
@given(chunks=st.lists(st.binary(max_size=600), max_size=6))
def test_any_bytes_are_survived(make: Callable[[], Framing], pack: Pack, chunks: list[bytes]) -> None:
    """Whatever arrives, nothing raises, memory stays bounded, and afterwards an answer is found."""
    framing = awaiting(make)
    fed(framing, chunks)
    assert len(framing.noise) <= 513
    answer = pack(17, ANSWER)
    assert Frame(17, ANSWER) in fed(framing, [b"\r\n" if make is AsciiFraming else b"", answer, *[b"\0"] * 300])


@EVERY_TRANSPORT
@settings(max_examples=300)
@given(place=st.integers(0, 30), flip=st.integers(1, 255), cut=st.integers(1, 40), junk=st.binary(max_size=20))
def test_a_changed_frame_is_never_the_answer(
    make: Callable[[], Framing], pack: Pack, place: int, flip: int, cut: int, junk: bytes
) -> None:
    """A frame with one byte changed never gives the answer with other registers in it, wherever it is cut."""
    octets = bytearray(pack(17, ANSWER))
    place %= len(octets)
    octets[place] ^= flip
    framing = awaiting(make)
    found = fed(framing, [junk, bytes(octets[:cut]), bytes(octets[cut:])])
    if make is TcpFraming and place >= 9:
        return  # Modbus TCP has no check sum: that is TCP's own.
    answers = [REQUEST.answer(frame.pdu) for frame in found if frame.unit == 17 and frame.current]
    assert [answer for answer in answers if isinstance(answer, bytes) and answer != ANSWER[2:]] == []


FOREIGN = [
    (TcpFraming, FramerSocket(DecodePDU(is_server=False))),
    (RtuFraming, FramerRTU(DecodePDU(is_server=False))),
    (AsciiFraming, FramerAscii(DecodePDU(is_server=False))),
]


@pytest.mark.parametrize(("make", "framer"), FOREIGN, ids=["tcp", "rtu", "ascii"])
@given(registers=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125), unit=st.integers(0, 247))
def test_frames_of_another_implementation(
    make: Callable[[], Framing], framer: FramerSocket | FramerRTU | FramerAscii, registers: list[int], unit: int
) -> None:
    """What pymodbus packs is found and holds the same registers, whatever they are."""
    request = ReadRequest(Table.HOLDING, 0, len(registers))
    framing = make()
    framing.request(unit, request)
    framing.sent()
    response = ReadHoldingRegistersResponse(registers=registers, dev_id=unit, transaction_id=1)
    (frame,) = fed(framing, [framer.buildFrame(response)])
    payload = request.answer(frame.pdu)
    assert (frame.unit, payload) == (unit, b"".join(word.to_bytes(2, "big") for word in registers))
