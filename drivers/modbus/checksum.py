"""The check sums of serial frames.

Source: Modbus over Serial Line V1.02, appendix B.
"""

from collections.abc import Iterable

_POLYNOMIAL = 0xA001


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def crc16(octets: Iterable[int]) -> int:
    """Return the CRC of an RTU frame; it is sent low byte first."""
    crc = 0xFFFF
    for octet in octets:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc


def lrc8(octets: Iterable[int]) -> int:
    """Return the LRC of an ASCII frame."""
    return -sum(octets) & 0xFF
