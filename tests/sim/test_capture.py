"""A captured session as a device."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.core.errors import ConfigError
from gateway.sim.capture import Capture, CaptureTalker, Chunk, load_capture

ASKED = bytes.fromhex("010300000002c40b")
FIRST, SECOND = bytes.fromhex("010304000100020000"), bytes.fromhex("010304000300040000")


class Mouth:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.said.append(data)
        self.changed.set()

    async def until(self, count: int) -> list[bytes]:
        """Return what was said once it is so many chunks."""
        async with asyncio.timeout(5):
            while len(self.said) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.said


def session(*chunks: tuple[float, str, bytes]) -> tuple[Chunk, ...]:
    return tuple(Chunk(at_s, "out" if direction == "out" else "in", octets) for at_s, direction, octets in chunks)


async def test_each_request_has_its_captured_answers_in_their_order() -> None:
    """The second time the second answer comes, and the last one again after that; other requests meet silence."""
    capture = Capture(
        "rtu",
        session(
            (0, "out", ASKED), (0.01, "in", FIRST), (1, "out", ASKED), (1.0, "in", SECOND[:4]), (1.01, "in", SECOND[4:])
        ),
    )
    talker, mouth = CaptureTalker(capture), Mouth()
    talker.heard(b"\x05\x03\x00\x00\x00\x01\x85\x8e", mouth)
    talker.heard(ASKED[:3], mouth)
    talker.heard(ASKED[3:], mouth)
    assert await mouth.until(1) == [FIRST]
    talker.heard(ASKED, mouth)
    assert b"".join((await mouth.until(3))[1:]) == SECOND
    talker.heard(ASKED, mouth)
    assert b"".join((await mouth.until(5))[3:]) == SECOND


async def test_a_request_without_captured_answer_stays_without() -> None:
    """Who was silent is silent again."""
    talker, mouth = (
        CaptureTalker(Capture("rtu", session((0, "out", ASKED), (3, "out", ASKED), (3, "in", FIRST)))),
        Mouth(),
    )
    talker.heard(ASKED, mouth)
    talker.heard(ASKED, mouth)
    assert await mouth.until(1) == [FIRST]


async def test_an_answer_on_a_socket_has_the_number_of_its_request() -> None:
    """Transaction ids are those of whoever asks now, not those of the capture."""
    asked, answered = bytes.fromhex("000100000006010300000001"), bytes.fromhex("0001000000050103020007")
    talker, mouth = CaptureTalker(Capture("tcp", session((0, "out", asked), (0, "in", answered)))), Mouth()
    talker.heard(b"\xab\xcd" + asked[2:], mouth)
    assert await mouth.until(1) == [b"\xab\xcd" + answered[2:]]


async def test_what_was_sent_without_a_request_is_sent_again() -> None:
    """Telegrams come by themselves at the captured pace, and again from the beginning."""
    talker, mouth = CaptureTalker(Capture("rtu", session((0, "in", b"one"), (0.01, "in", b"two")))), Mouth()
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(talker.speak(mouth), name="speaking")
        assert await mouth.until(4) == [b"one", b"two", b"one", b"two"]
        speaking.cancel()


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    """The head and each chunk come back; a last line that was cut short is left out."""
    path = tmp_path / "session.jsonl"
    head = {"kvarter_capture": 1, "port": "/dev/ttyUSB0", "framing": "rtu"}
    line = {"time": "2026-11-22T10:00:00.500Z", "direction": "out", "hex": ASKED.hex()}
    path.write_text(f'{json.dumps(head)}\n{json.dumps(line)}\n{{"time": "2026', encoding="utf-8")
    capture = load_capture(path)
    assert capture.framing == "rtu"
    assert [(chunk.direction, chunk.octets, chunk.at_s % 1) for chunk in capture.chunks] == [("out", ASKED, 0.5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: not a capture"),
        ("{}\n", ":1: not a capture"),
        ('{"kvarter_capture": 2, "framing": "rtu"}\n', "another version"),
        ('{"kvarter_capture": 1, "framing": "rtu"}\nrubbish\n{}\n', ":2: not a chunk"),
        (
            (
                '{"kvarter_capture": 1, "framing": "rtu"}\n'
                '{"time": "2026-01-01T00:00:00Z", "direction": "up", "hex": ""}\n'
            ),
            ":2: the direction",
        ),
    ],
)
def test_what_is_no_capture_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """A file of another kind is refused by line."""
    path = tmp_path / "session.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_capture(path)
