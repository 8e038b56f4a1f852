"""Frames built by hand, by other code than the driver's and the simulator's."""

HEADER = bytes.fromhex("78563412 2440 01 07 55 00 0000")
"""12345678, PAD, version 1, water, access number 55h, status 0: the example header of the M-Bus documentation."""
EXAMPLE = (
    "68 1F 1F 68 08 02 72 78 56 34 12 24 40 01 07 55 00 00 00 03 13 15 31 00 DA 02 3B 13 01 8B 60 04 37 18 02 18 16"
)
"""The worked example of the M-Bus documentation 4.8, section 6.3.3 (variable data structure)."""


def long_frame(content: bytes, *, address: int = 2, control: int = 0x08) -> bytes:
    """Return a frame; content begins with the control information."""
    inner = bytes([control, address]) + content
    return bytes([0x68, len(inner), len(inner), 0x68]) + inner + bytes([sum(inner) & 0xFF, 0x16])


def telegram_of(records: str | bytes, *, header: bytes = HEADER, information: int = 0x72) -> bytes:
    """Return a frame with these records."""
    octets = bytes.fromhex(records) if isinstance(records, str) else records
    return long_frame(bytes([information]) + header + octets)
