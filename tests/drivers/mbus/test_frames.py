"""Frames: what we send only reads, and what is found in bytes is a frame or none."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mbus import frame
from drivers.mbus.address import parse_address
from drivers.mbus.frame import Found, look, req_ud1, req_ud2, select, snd_nke
from drivers.mbus.header import maker_code, maker_letters, medium_word
from drivers.records.telegram import Meter
from tests.drivers.mbus.frames import EXAMPLE, long_frame

SELECTIONS = (0x52, 0x56)
"""The only control information that we send: it chooses who answers, and changes nothing in a meter."""


def is_harmless(request: bytes) -> bool:
    """Whether a request sets the link layer back, asks, or selects."""
    if len(request) == 5:
        return request[0] == 0x10 and request[1] & ~0x20 in (0x40, 0x5A, 0x5B)
    return request[4:6] == b"\x53\xfd" and request[6] in SELECTIONS and len(request) == 17


def test_requests_of_the_standard() -> None:
    """The examples of the M-Bus documentation: SND_NKE to 1, REQ_UD2 to 1 and 2, and a selection of meter 14491001."""
    assert snd_nke(1) == bytes.fromhex("10 40 01 41 16")
    assert req_ud2(1, fcb=True) == bytes.fromhex("10 7B 01 7C 16")
    assert req_ud2(2, fcb=False) == bytes.fromhex("10 5B 02 5D 16")
    assert req_ud1(1, fcb=False) == bytes.fromhex("10 5A 01 5B 16")
    assert select(parse_address("14491001").selection) == bytes.fromhex(
        "68 0B 0B 68 53 FD 52 01 10 49 14 FF FF FF FF 0C 16"
    )


@given(st.integers(0, 255), st.booleans(), st.binary(min_size=8, max_size=8))
def test_every_request_only_reads(address: int, is_toggled: bool, selection: bytes) -> None:  # noqa: FBT001
    """No address, bit or selection makes a request that puts anything into a meter."""
    requests = [snd_nke(address), req_ud1(address, fcb=is_toggled), req_ud2(address, fcb=is_toggled)]
    requests += [select(selection), select(selection, high_first=True)]
    assert all(map(is_harmless, requests))
    assert all(look(request)[0] in (Found.SHORT, Found.LONG) for request in requests)


def test_no_other_function_makes_requests() -> None:
    """Whoever adds a way to make bytes to send must prove here that it only reads."""
    makers = {
        name
        for name, function in inspect.getmembers(frame, inspect.isfunction)
        if function.__module__ == frame.__name__ and inspect.signature(function).return_annotation is bytes
    }
    assert makers == {"snd_nke", "req_ud1", "req_ud2", "select", "_short"}


def test_selection_has_eight_bytes() -> None:
    """A selection of another length is refused before it is sent."""
    with pytest.raises(ValueError, match="8 bytes"):
        select(b"1234567")


@pytest.mark.parametrize(
    ("octets", "found", "size"),
    [
        ("E5", Found.ACK, 1),
        ("10 40 01 41 16", Found.SHORT, 5),
        ("10 40 01 42 16", Found.NOTHING, 1),
        ("10 40 01", Found.INCOMPLETE, 5),
        ("68", Found.INCOMPLETE, 9),
        ("68 03 03 68 08 01 72 7B 16", Found.LONG, 9),
        ("68 03 03 68 08 01 72 7C 16", Found.BROKEN, 9),
        ("68 03 03 68 08 01 72 7B 17", Found.BROKEN, 9),
        ("68 03 04 68", Found.NOTHING, 1),
        ("68 02 02 68", Found.NOTHING, 1),
        ("68 1F 1F 68 08", Found.INCOMPLETE, 37),
        ("00", Found.NOTHING, 1),
        (EXAMPLE, Found.LONG, 37),
    ],
)
def test_what_begins_here(octets: str, found: Found, size: int) -> None:
    """Each form of frame is told from its beginnings and its damaged likes."""
    assert look(bytes.fromhex(octets)) == (found, size)


@given(st.binary(min_size=1, max_size=250))
def test_long_frames_are_found(content: bytes) -> None:
    """Any content in a long frame is found whole."""
    raw = long_frame(content)
    assert look(raw) == (Found.LONG, len(raw))
    assert frame.long_frame(raw).data == content[1:]


def test_makers_and_media() -> None:
    """Makers have three letters, a number that is none is shown as it is; media have the vocabulary's words."""
    assert [maker_letters(maker_code(word)) for word in ("KAM", "LUG", "ZRI")] == ["KAM", "LUG", "ZRI"]
    assert maker_code("KAM") == 0x2C2D
    assert maker_letters(0xFFFF) == "FFFF"
    assert [medium_word(code) for code in (2, 4, 7, 0x0D, 0x15, 0x16, 0x2B)] == [
        "electricity", "heat", "water", "heat_cooling", "hot_water", "cold_water", "medium_2b",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="three letters"):
        maker_code("kam")


@pytest.mark.parametrize(
    ("written", "selection"),
    [
        ("12345678", "78563412 FFFF FF FF"),
        ("1234FFFF", "FFFF3412 FFFF FF FF"),
        ("12345678KAM", "78563412 2D2C FF FF"),
        ("12345678KAM1A04", "78563412 2D2C 1A 04"),
        ("123456782D2C1A04", "78563412 2D2C 1A 04"),
    ],
)
def test_secondary_addresses(written: str, selection: str) -> None:
    """What a person writes becomes the bytes of a selection, in both orders of bytes."""
    address = parse_address(written)
    octets = bytes.fromhex(selection)
    assert address.selection == octets
    assert address.high_first == octets[3::-1] + octets[5:3:-1] + octets[6:]


def test_who_is_meant_by_an_address() -> None:
    """Wildcards mean every digit, other digits and versions only themselves."""
    meter = Meter(serial_number="12345678", version="26")
    assert parse_address("1234FFFF").means(meter)
    assert parse_address("12345678KAM1A").means(meter)
    assert not parse_address("12345679").means(meter)
    assert not parse_address("12345678KAM1B").means(meter)
    assert not parse_address("12345678").means(Meter())
