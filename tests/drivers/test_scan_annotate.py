"""The lines of a trace, and which frames of a guest are passed on."""

import pytest

from drivers.scan.annotate import Annotator
from drivers.scan.harmless import changes_something
from gateway.core.site import LinkSettings
from tests.fakes_stream import ascii_frame, rtu, tcp

BUS = LinkSettings(id="bus", serial="/dev/fake", baudrate=9600, parity="none")
READ, WORDS = bytes((3, 0, 10, 0, 2)), bytes((3, 4, 0, 1, 0, 2))


def texts(annotator: Annotator, *passed: tuple[str, bytes, str]) -> list[str]:
    notes = [
        note
        for way, octets, became in passed
        for note in annotator.feed("out" if way == "out" else "in", octets, became)
    ]
    return [note.text for note in notes + annotator.pause()]


def test_a_request_and_its_answer_are_put_into_words() -> None:
    """Unit, table, addresses and registers are named, in halves of a frame, too."""
    whole = rtu(7, WORDS)
    said = texts(Annotator(BUS, {}), ("out", rtu(7, READ), ""), ("in", whole[:4], ""), ("in", whole[4:], ""))
    assert said == ["unit 7: read holding registers 10 to 11", "unit 7: holding registers, 4 bytes: 00 01 00 02"]


def test_what_is_wrong_is_said() -> None:
    """Refusals, foreign and late answers and broken frames are told apart."""
    annotator = Annotator(BUS, {})
    said = texts(
        annotator,
        ("out", rtu(7, READ), ""),
        ("in", rtu(7, bytes((0x83, 2))), ""),
        ("in", rtu(7, WORDS), "stray"),
        ("in", rtu(9, WORDS), ""),
        ("in", rtu(7, WORDS)[:-1] + b"\x00", ""),
    )
    assert said[1] == "unit 7: refused, illegal address (2)"
    assert "late" in said[2]
    assert "foreign" in said[3]
    assert "no frame: CRC wrong" in said[4]


def test_the_requests_of_another_client_are_read_as_requests() -> None:
    """On a line that is only listened to, both sides of the talk come in."""
    said = texts(Annotator(BUS, {}), ("in", rtu(7, READ), ""), ("in", rtu(7, WORDS), ""))
    assert said[0] == "unit 7: read holding registers 10 to 11"
    assert "4 bytes" in said[1]


@pytest.mark.parametrize(
    "frame",
    [
        rtu(1, READ),
        rtu(1, bytes((6, 0, 1, 0, 2))),
        tcp(1, 1, READ),
        ascii_frame(1, READ),
        bytes.fromhex("6803036853017acE16".lower()),
    ],
)
def test_modbus_and_writing_mbus_frames_are_not_passed_on(frame: bytes) -> None:
    """A guest who has taken the port can send no Modbus frame at all, and no M-Bus telegram but a selection."""
    assert changes_something(frame)


@pytest.mark.parametrize(
    "text", ["1040014116", "105b015c16", "680b0b6873fd5278563412ffffffffd216", "2f3f210d0a", "803f1001001e9fc40d"]
)
def test_asking_frames_of_other_protocols_are_passed_on(text: str) -> None:
    """Initialisation, requests and selection of M-Bus, a sign-on and a KMP request are no writes."""
    assert not changes_something(bytes.fromhex(text))
