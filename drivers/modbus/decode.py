"""The answers to a plan's requests → the values of its points, compiled when the plan is made. Pure."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.digits import power_of_ten, text_of
from drivers.modbus.pdu import BIT_TABLES
from drivers.modbus.plan import Block
from drivers.modbus.spec import PointSpec, Slot
from drivers.modbus.unpack import Raw, Unpack, compile_unpack, swapped
from drivers.modbus.value import Decode, compile_value, number_of
from drivers.profile import ValueType
from gateway.core.readout import Value

Payloads = Sequence[bytes | None]
"""One per block, None where the block has no answer."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The values of one poll."""

    values: tuple[Value, ...]
    suspect: frozenset[str]


_Spot = tuple[int, int, struct.Struct | None]
"""Block, place in it, and layout of registers; None for a bit."""
_Column = tuple[int, str, Decode, float, float]
"""Position, name, function, plausible range; a plain tuple, because this is what the gateway does most."""


class Decoder:
    """Decodes what the blocks of one plan give.

    Args:
        points: Names in the order in which values are wanted; one that no block reads has no value.
        specs: The points by name.
        blocks: The plan.
    """

    def __init__(self, points: Sequence[str], specs: Mapping[str, PointSpec], blocks: Sequence[Block]) -> None:
        self._blocks = tuple(blocks)
        self._homes: dict[tuple[str, Slot], tuple[int, int]] = {}
        self._unpack: list[Unpack] = []
        self._widths: list[int] = []
        base = 0
        for number, block in enumerate(blocks):
            pairs = [(name, slot) for name in block.points for slot in _held(specs[name], block)]
            unpack, order = compile_unpack([slot for _, slot in pairs], block.address)
            for name, slot in pairs:
                self._homes[name, slot] = number, base + order.index(slot)
            self._unpack.append(unpack)
            self._widths.append(len(order))
            base += len(order)
        self._specs = specs
        self._columns = tuple(self._column(position, name) for position, name in enumerate(points) if self._has(name))
        self._needs = {name: self._blocks_of(name) for _, name, *_ in self._columns}
        self._spots = tuple(tuple(self._spots_of(name)) for name in points)
        self._empty: list[Value] = [None] * len(points)

    def blocks_of(self, point: str) -> frozenset[int]:
        """Return the numbers of the blocks that a point needs, none where it is not read."""
        return self._needs.get(point, frozenset())

    def decode(self, payloads: Payloads) -> Decoded:
        """Return the values in the order of the points, None where the device gave none."""
        values = self._empty.copy()
        suspect = []
        columns: Sequence[_Column] = self._columns
        if None in payloads:
            missing = {number for number, payload in enumerate(payloads) if payload is None}
            columns = [column for column in columns if not self._needs[column[1]] & missing]
        raws = self._raws(payloads)
        for position, name, decode, low, high in columns:
            value = decode(raws)
            if value is None:
                continue
            values[position] = value
            if not low <= value <= high:
                suspect.append(name)
        return Decoded(tuple(values), frozenset(suspect))

    def registers(self, payloads: Payloads) -> tuple[tuple[int, ...], ...]:
        """Return the registers behind each value, in the order of the points: its parts, then its power of ten."""
        return tuple(tuple(_words(spots, payloads)) for spots in self._spots)

    def _raws(self, payloads: Payloads) -> Sequence[Raw]:
        if len(payloads) == 1 and payloads[0] is not None:
            return self._unpack[0](payloads[0])
        raws: list[Raw] = []
        for unpack, payload, width in zip(self._unpack, payloads, self._widths, strict=True):
            raws += unpack(payload) if payload is not None else (0,) * width
        return raws

    def _has(self, name: str) -> bool:
        return name in self._specs and all((name, slot) in self._homes for slot in self._specs[name].touched)

    def _column(self, position: int, name: str) -> _Column:
        spec = self._specs[name]
        decode = compile_value(spec, {slot: self._homes[name, slot][1] for slot in spec.touched})
        return position, name, decode, *spec.limits

    def _blocks_of(self, name: str) -> frozenset[int]:
        return frozenset(self._homes[name, slot][0] for slot in self._specs[name].touched)

    def _spots_of(self, name: str) -> Iterator[_Spot]:
        for slot in self._specs[name].touched if self._has(name) else ():
            number, _ = self._homes[name, slot]
            layout = None if slot.table in BIT_TABLES else struct.Struct(f">{slot.words}H")
            yield number, slot.address - self._blocks[number].address, layout


def _words(spots: Sequence[_Spot], payloads: Payloads) -> Iterator[int]:
    """Yield registers and bits as they came, up to the first that did not."""
    for number, start, layout in spots:
        payload = payloads[number]
        if payload is None:
            return
        if layout is None:
            yield payload[start // 8] >> start % 8 & 1
        else:
            yield from layout.unpack_from(payload, 2 * start)


def decode_slot(slot: Slot, payload: bytes) -> int | float | str | None:
    """Return the number or text of a slot that was read alone, None where it holds none."""
    if slot.type is ValueType.STRING:
        return text_of(swapped(payload) if slot.low_byte_first else payload) or None
    unpack, _ = compile_unpack([slot], slot.address)
    digits = number_of(slot)(unpack(payload))
    if digits is None:
        return None
    whole, decimals = digits
    return whole * power_of_ten(-decimals) if decimals <= 0 else whole / power_of_ten(decimals)


def _held(spec: PointSpec, block: Block) -> list[Slot]:
    """Return the slots of a point that the block reads for it."""
    atoms = [atom for atom in block.atoms if spec.name in atom.points]
    return [
        slot
        for slot in spec.touched
        if slot.table is block.table and any(atom.start <= slot.address and slot.end <= atom.end for atom in atoms)
    ]
