"""The two reflected CRC-16 of meter protocols, computed by the interpreter's own C routine. Pure."""

from binascii import crc_hqx

_MIRROR = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def crc_x25(octets: bytes) -> int:
    """Return the frame check sequence of HDLC; its low octet is sent first.

    Source: ISO/IEC 13239 (polynomial 0x1021, reflected, start 0xFFFF, inverted at the end).
    """
    return _mirrored(crc_hqx(octets.translate(_MIRROR), 0xFFFF)) ^ 0xFFFF


def crc_kermit(octets: bytes) -> int:
    """Return the same without start value and inversion; its low octet is sent first.

    Source: ITU-T V.41 (polynomial 0x1021, reflected, start 0).
    """
    return _mirrored(crc_hqx(octets.translate(_MIRROR), 0))


def _mirrored(crc: int) -> int:
    return _MIRROR[crc & 0xFF] << 8 | _MIRROR[crc >> 8]
