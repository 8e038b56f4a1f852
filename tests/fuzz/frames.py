"""Frames around any content, with checksums as fast as a fuzzer needs them."""

from binascii import crc_hqx
from collections.abc import Iterator
from functools import reduce
from operator import xor

from drivers.iec62056.checksum import crc16
from drivers.records.crc import crc_kermit, crc_x25
from gateway.sim.sml import encoded_list, number, octets, server_id

ABSENT = b"\x01"
LLC = b"\xe6\xe7\x00"
SERVER = octets(server_id("1KVA0012345678"))
_OPENING = encoded_list(ABSENT, ABSENT, octets(b"\x00\x01"), SERVER, ABSENT, ABSENT)
_ESCAPE = b"\x1b\x1b\x1b\x1b"


def p1(content: bytes) -> bytes:
    """Return lines up to their end mark with the CRC behind it."""
    end = content.rfind(b"!")
    body = content[: end + 1] if end >= 0 else content + b"\r\n!"
    return body + b"%04X\r\n" % crc16(body[max(0, body.find(b"/")) :])


def block(content: bytes) -> bytes:
    """Return an identification line, STX, the data and the block check."""
    line, mark, text = content.partition(b"\x02")
    checked = (text if mark else line) + b"\x03"
    return (line if mark else b"") + b"\x02" + checked + bytes([reduce(xor, checked, 0)])


def sml_message(number_of_it: int, tag: int, body: bytes, *, kermit: bool = False) -> bytes:
    """Return an SML message; the body is encoded."""
    head = octets(bytes((number_of_it, 1))) + b"\x62\x00\x62\x00" + b"\x72" + number(tag, 2) + body
    covered = b"\x76" + head
    check = crc_kermit(covered).to_bytes(2, "big") if kermit else crc_x25(covered).to_bytes(2, "little")
    return covered + b"\x63" + check + b"\x00"


def sml_frame(messages: bytes, *, kermit: bool = False, padding: int | None = None) -> bytes:
    """Return messages between start and end; the padding that the frame states may be a lie."""
    padded = -len(messages) % 4
    content = messages.replace(_ESCAPE, _ESCAPE * 2) + bytes(padded)
    stated = padded if padding is None else padding
    body = _ESCAPE + b"\x01\x01\x01\x01" + content + _ESCAPE + bytes((0x1A, stated))
    return body + (crc_kermit(body) if kermit else crc_x25(body)).to_bytes(2, "little")


def sml_list(content: bytes, *, kermit: bool = False) -> bytes:
    """Return a frame with an opening and an encoded value list."""
    parts = ((0x0101, _OPENING), (0x0701, content))
    return sml_frame(b"".join(sml_message(i, tag, body, kermit=kermit) for i, (tag, body) in enumerate(parts)),
                     kermit=kermit)  # fmt: skip


def hdlc(content: bytes, *, longest: int = 1900) -> bytes:
    """Return content in HDLC frames behind its LLC header."""
    whole = LLC + content
    starts = range(0, len(whole), longest)
    return b"".join(_hdlc(whole[at : at + longest], more=at + longest < len(whole), source=0x03) for at in starts)


def hdlc_pieces(content: bytes) -> bytes:
    """Return one HDLC frame for each piece: a byte of flags, a length, the piece.

    Of the flags, 1 says that more follows, 2 puts the LLC header before it, 4 makes it another meter's.
    """
    return b"".join(
        _hdlc(LLC + piece if flags & 2 else piece, more=bool(flags & 1), source=0x05 if flags & 4 else 0x03)
        for flags, piece in _pieces(content)
    )


def long_pieces(content: bytes) -> bytes:
    """Return one long frame of M-Bus for each piece: number and last mark in a byte, a length, the piece."""
    frames = []
    for flags, piece in _pieces(content):
        body = bytes((0x53, 0xFE if flags & 0x80 else 0xFF, flags & 0x1F, 0x01, 0x67)) + piece
        length = len(body) & 0xFF
        frames.append(bytes((0x68, length, length, 0x68)) + body + bytes((sum(body) & 0xFF, 0x16)))
    return b"".join(frames)


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(content):
        yield content[at], content[at + 2 : at + 2 + content[at + 1]]
        at += 2 + content[at + 1]


def _hdlc(piece: bytes, *, more: bool, source: int) -> bytes:
    header = (0xA000 | 0x0800 * more | (9 + len(piece) if piece else 7)).to_bytes(2, "big") + bytes(
        (0x41, source, 0x13)
    )
    body = header + (crc_x25(header).to_bytes(2, "little") + piece if piece else b"")
    return b"\x7e" + body + crc_x25(body).to_bytes(2, "little") + b"\x7e"


def kmp(content: bytes) -> bytes:
    """Return an answer of a KMP meter."""
    held = content + crc_hqx(content, 0).to_bytes(2, "big")
    for mark in b"\x1b\x80\x40\x0d\x06":
        held = held.replace(bytes((mark,)), bytes((0x1B, mark ^ 0xFF)))
    return b"\x40" + held + b"\x0d"
