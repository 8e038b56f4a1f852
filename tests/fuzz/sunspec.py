"""SunSpec: the chain of models that a device says it has."""

import struct
from collections.abc import Sequence

from drivers.profile import LAST_ADDRESS
from drivers.sunspec.chain import MARKER, Placed, walk
from tests.fuzz.codec import Codec, Way, same

_BASES = (40_000, 0, 50_000)
_MOST_STEPS = 200


def _run(arriving: bytes) -> None:
    """Follow a chain through registers; the first byte says at which base they lie, and whether others are refused."""
    if not arriving:
        return
    choice, registers = arriving[0], arriving[1:]
    base, blank = _BASES[choice % len(_BASES)], b"\0" * 8 if choice & 0x80 else None
    steps = walk(_BASES)
    address, count = next(steps)
    for _ in range(_MOST_STEPS):
        assert 0 <= address <= address + count - 1 <= LAST_ADDRESS
        start = 2 * (address - base)
        held = registers[start : start + 2 * count] if 0 <= start < len(registers) else blank
        try:
            address, count = steps.send(held)
        except StopIteration as stop:
            _judge(stop.value)
            return
    raise AssertionError("the chain has no end")


def _judge(models: Sequence[Placed]) -> None:
    places = [each.start for each in models]
    assert places == sorted(set(places))
    assert all(0 <= each.start <= LAST_ADDRESS for each in models)


def _chain(*models: tuple[int, int]) -> bytes:
    return MARKER + b"".join(struct.pack(">HH", model, length) + bytes(2 * length) for model, length in models)


def sunspec_codecs() -> Sequence[Codec]:
    """Return the codec of the chain."""
    seeds = (
        b"\0" + _chain((1, 4), (103, 5), (0xFFFF, 0)),
        b"\1" + _chain((1, 4), (0, 0)),
        b"\2" + _chain((1, 0)) + struct.pack(">HH", 160, 60_000),
        b"\x80" + _chain(*[(7, 0)] * 120),
        b"\0" + _chain((1, 1)) + b"\0",
        b"\0nothing",
    )
    return [
        Codec(
            name="sunspec",
            run=_run,
            ways=(Way(same, seeds),),
            words=(MARKER, b"\xff\xff\0\0", b"\0\0", b"\0\1", b"\xff\xff\xff\xff", b"\0\x67\0\2"),
            modules=("drivers/sunspec/chain.py",),
            hostile=(b"\0" + MARKER + b"\0\1\0\0" * 20_000, b"\1" + MARKER + b"\0\1\xff\xff" * 20_000),
        )
    ]
