"""Frames, stuffing and check of KMP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kmp.frame import Command, Frame, crc, parse_frame, register_request, serial_number_request, type_request
from drivers.kmp.stuffing import MARKS, stuff, unstuff
from tests.drivers.kmp.frames import framed

# Kamstrup's description of the protocol for MULTICAL 601 gives these frames.
GET_TYPE = "80 3F 01 05 8A 0D"
GET_SERIAL_NUMBER = "80 3F 02 35 E9 0D"
SERIAL_NUMBER = "40 3F 02 01 23 45 67 E9 56 0D"
MAXIMUM_POWER = "40 3F 10 00 1B 7F 16 04 11 01 2A F0 24 63 03 0D"


def answered(command: int, content: str) -> Frame:
    """Return an answer of the heat meter."""
    return Frame(is_answer=True, address=0x3F, command=command, content=bytes.fromhex(content))


def test_requests_are_those_of_the_document() -> None:
    """The two requests without content are the document's byte by byte."""
    assert type_request(0x3F) == bytes.fromhex(GET_TYPE)
    assert serial_number_request(0x3F) == bytes.fromhex(GET_SERIAL_NUMBER)


def test_request_for_a_register_that_looks_like_a_mark() -> None:
    """Register 128 is 0x0080: its low byte goes out as escape and complement."""
    sent = register_request(0x3F, [128])
    assert sent[:7] == bytes.fromhex("80 3F 10 01 00 1B 7F")
    assert parse_frame(sent) == Frame(
        is_answer=False, address=0x3F, command=Command.GET_REGISTER, content=bytes.fromhex("01 00 80")
    )


def test_answers_of_the_document() -> None:
    """Escaped bytes are restored before the check is computed."""
    assert parse_frame(bytes.fromhex(SERIAL_NUMBER)) == answered(2, "01 23 45 67")
    assert parse_frame(bytes.fromhex(MAXIMUM_POWER)) == answered(0x10, "00 80 16 04 11 01 2A F0 24")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("3F 02 35 E9 0D", "not between a start and an end mark"),
        ("80 3F 02 35 E9", "not between a start and an end mark"),
        ("80 3F 02 35 E8 0D", "the CRC is 35E8 and would be 35E9"),
        ("80 3F 1B 02 35 E9 0D", "an escape or a mark stands where none can be"),
        ("80 3F 02 35 1B 0D", "an escape or a mark stands where none can be"),
        ("80 3F 06 02 35 E9 0D", "an escape or a mark stands where none can be"),
        ("80 00 00 0D", "2 bytes between the marks, at least 4 are needed"),
        ("0D", "not between a start and an end mark"),
        ("", "not between a start and an end mark"),
    ],
)
def test_what_is_no_frame(sent: str, reason: str) -> None:
    """Each way to be wrong has its own words, and nothing is taken from it."""
    assert parse_frame(bytes.fromhex(sent)) == reason


@pytest.mark.parametrize("count", [0, 9])
def test_one_to_eight_registers_in_one_request(count: int) -> None:
    """The protocol has no room for more, and no sense for none."""
    with pytest.raises(ValueError, match=f"{count} registers in one request"):
        register_request(0x3F, range(count))


@given(st.binary(max_size=200))
def test_stuffing_and_back(content: bytes) -> None:
    """What is stuffed has no mark but the escape, and comes back."""
    sent = stuff(content)
    assert not set(sent) & (MARKS - {0x1B})
    assert unstuff(sent) == content


@given(st.sampled_from([0x80, 0x40]), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=100))
def test_every_frame_of_another_encoder_is_understood(start: int, address: int, command: int, content: bytes) -> None:
    """Any address, command and content built by other code is read back."""
    sent = framed(start, bytes((address, command)) + content)
    assert parse_frame(sent) == Frame(start == 0x40, address, command, content)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_bit_is_noticed(content: bytes, data: st.DataObject) -> None:
    """A single wrong bit never leaves the check right."""
    whole = content + crc(content).to_bytes(2, "big")
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[place // 8] ^= 1 << place % 8
    assert crc(whole) == 0
    assert crc(bytes(changed)) != 0
