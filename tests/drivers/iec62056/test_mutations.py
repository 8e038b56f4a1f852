"""A hundred thousand spoilt telegrams: nothing raises, and what is taken is whole."""

import random
import re
from collections.abc import Callable
from functools import reduce
from operator import xor

from drivers.iec62056.d0 import D0Stream
from drivers.iec62056.p1 import P1Stream
from drivers.records.telegram import TelegramStream
from tests.drivers.iec62056.telegrams import BELGIAN, DUTCH_2, HEAT, OPTICAL, PUSHED, SWEDISH, crc, good, p1

SHORT = p1("/KVR5TEST\n\n0-0:1.0.0(230705143012S)\n1-0:1.8.1(000300.500*kWh)\n0-1:24.2.1(230705142500S)(00112.384*m3)")
ROUNDS = 25_000
PIECES = (
    b"(",
    b")",
    b"*",
    b"\r\n",
    b"!",
    b"/",
    b"\x02",
    b"\x03",
    b"&",
    b"(999999999999W)",
    b"(1)(0-0:96.7.19)",
    b"\xff",
)


def mutated(octets: bytes, chance: random.Random) -> bytearray:
    """Return the octets after one to four changes: a bit, a lost or a doubled stretch, a piece that means something."""
    spoilt = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(spoilt) + 1)
        kind = chance.randrange(4)
        if kind == 0 and place < len(spoilt):
            spoilt[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del spoilt[place : place + chance.randrange(1, 12)]
        elif kind == 2:
            spoilt[place:place] = spoilt[place : place + chance.randrange(1, 12)]
        else:
            spoilt[place:place] = chance.choice(PIECES)
    return spoilt


def with_crc(octets: bytearray) -> bytes:
    """Return the telegram with a CRC that fits what stands before its last end mark."""
    end = octets.rfind(b"!")
    return bytes(octets[: end + 1]) + b"%04X\r\n" % crc(bytes(octets[octets.find(b"/") : end + 1]))


def with_block_check(octets: bytearray) -> bytes:
    """Return the block with a check that fits."""
    start, end = octets.find(b"\x02"), octets.rfind(b"\x03")
    return bytes(octets[: end + 1]) + bytes([reduce(xor, octets[start + 1 : end + 1], 0)])


def spoil(make: Callable[[], TelegramStream], telegram: bytes, repair: Callable[[bytearray], bytes], count: int) -> int:
    """Feed mutated telegrams, each followed by a good one; return how many of the good ones were found."""
    chance = random.Random(62056)  # noqa: S311 - the same mutations at each run
    kept = 0
    for _ in range(count):
        stream = make()
        findings = [*stream.feed(repair(mutated(telegram, chance))), *stream.feed(telegram), *stream.finish()]
        kept += any(each.raw.strip() == telegram.strip() for each in good(findings))
    return kept


def test_spoilt_p1_telegrams_with_right_crc() -> None:
    """Any lines under a CRC that fits are read without an exception, and the telegram behind is nearly always found."""
    assert spoil(P1Stream, SHORT, with_crc, ROUNDS) > 0.97 * ROUNDS


def test_spoilt_p1_telegrams_without_crc() -> None:
    """Old telegrams, spoilt, raise nothing."""
    old = re.sub(rb"0-0:96\.13.*\r\n", b"", DUTCH_2)
    assert spoil(P1Stream, old, bytes, ROUNDS) > 0.9 * ROUNDS


def test_spoilt_blocks_with_right_check() -> None:
    """Any lines under a block check that fits are read without an exception."""
    assert spoil(D0Stream, OPTICAL, with_block_check, ROUNDS // 2) > 0.95 * ROUNDS // 2
    assert spoil(D0Stream, HEAT, with_block_check, ROUNDS // 2) > 0.95 * ROUNDS // 2


def test_spoilt_telegrams_of_mode_d() -> None:
    """What a meter sends by itself, spoilt, raises nothing."""
    assert spoil(D0Stream, PUSHED, bytes, ROUNDS) > 0.9 * ROUNDS


def test_time_is_bounded_for_the_worst_bytes() -> None:
    """Streams made of beginnings, of ends, and of both are read to their end."""
    worst = (
        b"\n/KVR5X\r\n" * 8000, b"\n!0000\r\n" * 8000, b"\n/KVR5X\r\n!0000\r\n" * 4000, b"\x02" * 70_000,
        b"\x03" * 2000, b"\x02a\x03" * 2000, b"\x02" + b"\n!\r" * 20_000, b"(" * 70_000, BELGIAN * 20,
        SWEDISH[:-6] * 200,
    )  # fmt: skip
    for make in (P1Stream, D0Stream):
        for octets in worst:
            stream = make()
            stream.feed(octets)
            stream.finish()
