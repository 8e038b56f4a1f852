"""Finding KMP frames in bytes that begin anywhere and may be damaged."""

import random
from datetime import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from drivers.kmp.frame import register_request, serial_number_request
from drivers.kmp.stream import KmpStream
from drivers.records.telegram import Damaged, Meter, MeterTime, Telegram
from gateway.sim.kmp import check_of
from tests.drivers.kmp.frames import answer, framed, register, registers

ENERGY = registers(register(60, 0x08, 0x42, b"\0\1\xe2\x40"))
SERIAL = bytes.fromhex("40 3F 02 01 23 45 67 E9 56 0D")


def found(octets: bytes, *, step: int = 10_000) -> list[Telegram | Damaged]:
    """Return what is in the bytes, fed in pieces."""
    stream, held = KmpStream(), list[Telegram | Damaged]()
    for place in range(0, len(octets), step):
        held += stream.feed(octets[place : place + step])
    return held + list(stream.finish())


def values(octets: bytes, *, step: int = 10_000) -> list[str]:
    """Return the values of all telegrams, and `!` for what is damaged."""
    return [
        "!" if isinstance(each, Damaged) else " ".join(str(record.value) for record in each.records)
        for each in found(octets, step=step)
    ]


def test_both_directions_of_a_line() -> None:
    """A request says nothing of the meter, its answer does; an acknowledgement is none."""
    line = serial_number_request(0x3F) + SERIAL + register_request(0x3F, [60]) + ENERGY + b"\x06"
    serial, energy = found(line)
    assert isinstance(serial, Telegram)
    assert isinstance(energy, Telegram)
    assert serial.meter == Meter("KAM", "19088743", address="63")
    assert [(record.code, record.value, record.unit) for record in energy.records] == [
        ("energy", Decimal("1234.56"), "GJ")
    ]
    assert (energy.protocol, energy.raw) == ("kmp", ENERGY)


def test_type_and_revision() -> None:
    """Revision 7, 1 is G1 on the label."""
    (telegram,) = found(answer(bytes.fromhex("01 00 01 07 01")))
    assert isinstance(telegram, Telegram)
    assert (telegram.meter.model, telegram.meter.version) == ("type 1", "G1")
    (other,) = found(answer(bytes.fromhex("01 00 02 00 05")))
    assert isinstance(other, Telegram)
    assert other.meter.version == "0.5"


def test_meter_clock() -> None:
    """Date and time of one answer are the meter's clock."""
    sent = registers(
        register(1003, 0x30, 0, (261122).to_bytes(4, "big")), register(1002, 0x2F, 0, (235959).to_bytes(4, "big"))
    )
    (telegram,) = found(sent)
    assert isinstance(telegram, Telegram)
    assert telegram.time == MeterTime(datetime.fromisoformat("2026-11-22T23:59:59"))


def test_registers_that_the_meter_has_not_are_absent() -> None:
    """An answer may have fewer registers than were asked for, and none at all."""
    (telegram,) = found(registers())
    assert isinstance(telegram, Telegram)
    assert telegram.records == ()


def test_stream_that_begins_within_a_frame() -> None:
    """What stands before the first start mark is one loss, and the frame behind it is read."""
    assert values(ENERGY[5:] + ENERGY) == ["!", "1234.56"]
    assert values(b"\x06\x06" + ENERGY) == ["1234.56"]


def test_frame_that_is_cut_by_the_next_one() -> None:
    """A start mark begins a frame wherever it stands, so a torn frame costs itself alone."""
    torn = found(ENERGY[:-4] + ENERGY)
    assert isinstance(torn[0], Damaged)
    assert torn[0].reason == f"the frame breaks off after {len(ENERGY) - 4} bytes"
    assert isinstance(torn[1], Telegram)


def test_wrong_check() -> None:
    """Nothing is taken from a frame whose check is wrong, and the next one is read."""
    bad = framed(0x40, b"\x3f\x10" + register(60, 8, 0x42, b"\0\0\0\1"), check=b"\x12\x34")
    (first, second) = found(bad + ENERGY)
    assert isinstance(first, Damaged)
    assert first.reason.startswith("the CRC is 1234")
    assert first.raw == bad
    assert isinstance(second, Telegram)


def test_content_that_cannot_be_is_damaged_in_spite_of_its_check() -> None:
    """A right check around a register that is longer than its frame gives no value."""
    assert values(answer(b"\x10\0\x3c\x08\x04\x42\0")) == ["!"]
    assert values(answer(b"\x02\1\2\3")) == ["!"]
    assert values(answer(b"\x01\1\2\3")) == ["!"]


def test_answer_to_another_command() -> None:
    """What the meter says to a command that is never sent here is a telegram without values."""
    assert values(answer(b"\x77\1\2\3")) == [""]


def test_endless_bytes_are_not_kept() -> None:
    """Without any mark, or behind a start mark without an end, bytes are reported in pieces and let go."""
    noise = found(b"\x55" * 5000)
    assert len(noise) == 10
    assert all(isinstance(each, Damaged) and len(each.raw) <= 512 for each in noise)
    assert values(b"\x40" + b"\x55" * 5000 + ENERGY)[-1] == "1234.56"


@given(st.lists(st.sampled_from([ENERGY, SERIAL, b"\x06", b"\x80\x3f", b"\x40\x1b", b"\x0d", b"\x11\x22"])))
def test_pieces_make_no_difference(parts: list[bytes]) -> None:
    """However the bytes are cut into chunks, the same is found."""
    octets = b"".join(parts)
    assert found(octets, step=1) == found(octets, step=7) == found(octets)


@given(st.binary(max_size=600), st.binary(max_size=40))
def test_any_bytes(before: bytes, after: bytes) -> None:
    """No bytes raise, and a good frame between any others is found."""
    assert "1234.56" in values(before + ENERGY + after)


def test_a_hundred_thousand_mutated_frames() -> None:
    """Frames with any bytes changed and the check computed anew raise nothing and are answered once each."""
    chance = random.Random(20261122)  # noqa: S311 - seeded, no secret
    good = b"\x3f\x10" + b"".join(
        register(number, unit, 0x42, bytes(length))
        for number, unit, length in [
            (60, 8, 4),
            (1003, 0x30, 4),
            (1002, 0x2F, 4),
            (68, 0x28, 4),
            (86, 0x25, 2),
            (7, 54, 9),
        ]
    )
    stream = KmpStream()
    for _ in range(100_000):
        content = bytearray(good[: chance.randint(2, len(good))])
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        told = stream.feed(framed(0x40, bytes(content), check=check_of(bytes(content))))
        assert len(told) == 1
