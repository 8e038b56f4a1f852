"""Register bytes → raw numbers, by one precompiled struct per block. Pure."""

import struct
from collections.abc import Callable, Sequence

from drivers.modbus.pdu import BIT_TABLES
from drivers.modbus.spec import Slot
from drivers.profile import ValueType

Raw = int | float | bytes
Unpack = Callable[[bytes], Sequence[Raw]]

_CODES = {
    ValueType.UINT16: "H",
    ValueType.BITS16: "H",
    ValueType.BCD16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.BITS32: "I",
    ValueType.BCD32: "I",
    ValueType.MOD10K_32: "I",
    ValueType.INT32: "i",
    ValueType.UINT48: "6s",
    ValueType.MOD10K_48: "6s",
    ValueType.UINT64: "Q",
    ValueType.BCD64: "Q",
    ValueType.MOD10K_64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT32: "f",
    ValueType.FLOAT64: "d",
}

FLOATS = frozenset({ValueType.FLOAT32, ValueType.FLOAT64})

_Layer = tuple[bool, struct.Struct, list[Slot]]


def compile_unpack(slots: Sequence[Slot], address: int) -> tuple[Unpack, list[Slot]]:
    """Return the function that takes a block's bytes apart, and the slots in the order of what it gives.

    Args:
        slots: What lies in the block, all of one table.
        address: First register or bit of the block.
    """
    if slots and slots[0].table in BIT_TABLES:
        places = [(slot.address - address) // 8 for slot in slots], [(slot.address - address) % 8 for slot in slots]
        pairs = list(zip(*places, strict=True))
        return (lambda payload: [payload[octet] >> bit & 1 for octet, bit in pairs]), list(slots)
    layers = [layer for chosen in _groups(slots) for layer in _layers(chosen, address)]
    order = [slot for _, _, held in layers for slot in held]
    if len(layers) == 1:
        swap, one, _ = layers[0]
        if not swap:
            return one.unpack_from, order
    return _several([(swap, one) for swap, one, _ in layers]), order


def swapped(payload: bytes) -> bytes:
    """Return the bytes with the two of each register exchanged."""
    exchanged = bytearray(len(payload))
    exchanged[0::2] = payload[1::2]
    exchanged[1::2] = payload[0::2]
    return bytes(exchanged)


def _several(parts: Sequence[tuple[bool, struct.Struct]]) -> Unpack:
    def unpack(payload: bytes) -> Sequence[Raw]:
        other = swapped(payload) if any(swap for swap, _ in parts) else b""
        raws: list[Raw] = []
        for swap, one in parts:
            raws += one.unpack_from(other if swap else payload)
        return raws

    return unpack


def _groups(slots: Sequence[Slot]) -> list[list[Slot]]:
    """Return the slots grouped by how their bytes lie."""
    groups: dict[tuple[bool, bool], list[Slot]] = {}
    for slot in dict.fromkeys(slots):
        groups.setdefault((slot.low_word_first, slot.low_byte_first), []).append(slot)
    return list(groups.values())


def _layers(slots: Sequence[Slot], address: int) -> list[_Layer]:
    """Return one struct for all slots of a group, more where slots overlap."""
    layers: list[list[Slot]] = []
    for slot in sorted(slots, key=lambda each: (each.address, each.end)):
        layer = next((held for held in layers if held[-1].end <= slot.address), None)
        if layer is None:
            layers.append([slot])
        else:
            layer.append(slot)
    return [_layer(held, address) for held in layers]


def _layer(slots: list[Slot], address: int) -> _Layer:
    # Little-endian words of big-endian bytes are little-endian numbers once the bytes of each register are exchanged.
    first = slots[0]
    parts = ["<" if first.low_word_first else ">"]
    for slot in slots:
        parts.append(f"{2 * (slot.address - address)}x")
        parts.append(f"{2 * slot.words}s" if slot.type is ValueType.STRING else _CODES[slot.type])
        address = slot.end
    return first.low_word_first != first.low_byte_first, struct.Struct("".join(parts)), slots
