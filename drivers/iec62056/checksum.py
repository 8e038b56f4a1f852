"""Checks of telegrams: CRC16 of P1, block check and parity of IEC 62056-21. Pure."""

from collections.abc import Iterable
from functools import reduce
from operator import xor
from typing import Final

_POLYNOMIAL: Final = 0xA001


def _table() -> tuple[int, ...]:
    """Return the change of the register for each value of its low byte."""

    def shifted(register: int) -> int:
        for _ in range(8):
            register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
        return register

    return tuple(shifted(octet) for octet in range(256))


_CRC: Final = _table()
_SEVEN_BITS: Final = bytes(octet & 0x7F for octet in range(256))
_EVEN: Final = bytes(octet for octet in range(256) if octet.bit_count() % 2 == 0)


def crc16(octets: Iterable[int]) -> int:
    """Return the CRC of a P1 telegram, from its `/` to its `!`.

    Source: DSMR P1 companion standard 5.0.2, section 6.2 (polynomial x16+x15+x2+1, reflected, from 0).
    """
    register = 0
    table = _CRC
    for octet in octets:
        register = register >> 8 ^ table[(register ^ octet) & 0xFF]
    return register


def block_check(octets: bytes) -> int:
    """Return the block check character of what stands behind STX, up to and with ETX.

    Source: IEC 62056-21, section 6.3.5, and ISO/IEC 1155.
    """
    return reduce(xor, octets, 0)


def seven_bits(octets: bytes) -> bytes:
    """Return the octets without their highest bit."""
    return octets.translate(_SEVEN_BITS)


def has_even_parity(octets: bytes) -> bool:
    """Return whether every octet has an even number of ones."""
    return not octets.translate(None, _EVEN)


def without_parity(octets: bytes) -> bytes:
    """Return the seven bits of each octet where the eighth is an even parity, else the octets as they are."""
    return octets if octets.isascii() or not has_even_parity(octets) else seven_bits(octets)


def as_sent(octets: bytes) -> bytes:
    """Return the octets with the line ends of the wire, where whoever kept them left only LF."""
    return octets if b"\r" in octets else octets.replace(b"\n", b"\r\n")
