"""The meter of all benchmarks: 40 mixed points in one block of 60 holding registers, with values that live.

20 uint16 (7 of them jitter), 10 int32 that count, 10 float32 that are noisy.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gateway.core.quantity import Kind, Quantity, Vocabulary, load_vocabulary

REGISTERS = 60
POINTS = 40
PROFILE = "bench/mixed"
SHORTS, LONGS, FLOATS = 20, 10, 10

_JITTERING = 7
_VARIANTS = 16
_LONGS_AT = 2 * SHORTS
_FLOATS_AT = _LONGS_AT + 4 * LONGS
_COUNTER_START = 10_000_000
_LAYOUT = struct.Struct(f">{SHORTS}H{LONGS}i{FLOATS}f")


@dataclass(frozen=True, slots=True)
class Field:
    """One point and its registers."""

    quantity: Quantity
    address: int
    type: str
    scale: float


class Meter:
    """The registers of one meter, which change with each request."""

    def __init__(self, seed: int = 1) -> None:
        random = Random(seed)  # noqa: S311 - a simulation
        steady = [random.randrange(450, 600) for _ in range(SHORTS)]
        self._variants = [_variant(steady, random) for _ in range(_VARIANTS)]
        self._polls = 0

    def registers(self) -> bytes:
        """Return all registers as they are at the next poll."""
        self._polls += 1
        image = bytearray(self._variants[self._polls % _VARIANTS])
        counts = (_COUNTER_START + self._polls * (1 + number) for number in range(LONGS))
        struct.pack_into(f">{LONGS}i", image, _LONGS_AT, *counts)
        return bytes(image)

    def values(self, fields: Sequence[Field]) -> tuple[float, ...]:
        """Return the points at the next poll, as a driver gives them."""
        raw = _LAYOUT.unpack(self.registers())
        return tuple(float(f"{word * field.scale:.7g}") for word, field in zip(raw, fields, strict=True))


def _variant(steady: Sequence[int], random: Random) -> bytes:
    jittered = [word + random.randrange(-3, 4) for word in steady[:_JITTERING]]
    floats = [random.uniform(45, 60) for _ in range(FLOATS)]
    return _LAYOUT.pack(*jittered, *steady[_JITTERING:], *([0] * LONGS), *floats)


def meter_fields(vocabulary: Vocabulary) -> list[Field]:
    """Return the points in the order of their registers."""
    fitting = [q for q in vocabulary.values() if not q.is_integer and q.limits[0] <= 40 and q.limits[1] >= 60]
    gauges = iter([q for q in fitting if q.kind is Kind.GAUGE])
    counters = iter([q for q in fitting if q.kind is Kind.COUNTER])
    fields, address = [], 0
    for count, kind, scale, source in (
        (SHORTS, "uint16", 0.1, gauges),
        (LONGS, "int32", 0.001, counters),
        (FLOATS, "float32", 1.0, gauges),
    ):
        for _ in range(count):
            fields.append(Field(next(source), address, kind, scale))
            address += 1 if kind == "uint16" else 2
    return fields


def write_profile(folder: Path) -> Path:
    """Write the meter's profile below a folder of profiles and return its path."""
    fields = meter_fields(load_vocabulary())
    points = "\n".join(
        f"  - {{point: {field.quantity.name}, address: {field.address}, type: {field.type}, "
        f'unit: "{field.quantity.unit}", scale: {field.scale}}}'
        for field in fields
    )
    path = folder / f"{PROFILE}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"profile: {PROFILE}\nmaker: Bench\nmodel: Mixed\nkind: electricity_meter\n"
        'source: [{document: bench/meter.py, version: "1"}]\nprotocol: modbus\n'
        f"modbus: {{table: holding, word_order: big}}\ninterval: 1s\npoints:\n{points}\n"
        f"tests:\n  - registers: {{0: [500]}}\n    expect: {{{fields[0].quantity.name}: 50}}\n",
        encoding="utf-8",
    )
    return path
