"""One KMP frame: address, command and content between its marks, checked by a CRC. Pure.

Source: Kamstrup, Technical Description MULTICAL 602, 5512-931 N1, section 11.1.
"""

from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from drivers.kmp.stuffing import END, START_ANSWER, START_REQUEST, stuff, unstuff

MAX_REGISTERS = 8
_STARTS = (bytes((START_REQUEST,)), bytes((START_ANSWER,)))
_SHORTEST = 4
"""Address, command and two bytes of CRC."""


class Command(IntEnum):
    """What can be asked. Each of them only reads; there are no others here."""

    GET_TYPE = 0x01
    GET_SERIAL_NUMBER = 0x02
    GET_REGISTER = 0x10


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose CRC is right."""

    is_answer: bool
    address: int
    command: int
    content: bytes


def crc(octets: bytes) -> int:
    """Return the CRC-CCITT (0x1021) that begins with 0, most significant bit first; 0 over bytes and their own CRC."""
    return crc_hqx(octets, 0)


def parse_frame(sent: bytes) -> Frame | str:
    """Return the frame that these bytes are, from its start to its end mark, or what is wrong with them."""
    if sent[:1] not in _STARTS or sent[-1] != END:
        return "not between a start and an end mark"
    held = unstuff(sent[1:-1])
    if held is None:
        return "an escape or a mark stands where none can be"
    if len(held) < _SHORTEST:
        return f"{len(held)} bytes between the marks, at least {_SHORTEST} are needed"
    if crc(held) != 0:
        return f"the CRC is {held[-2]:02X}{held[-1]:02X} and would be {crc(held[:-2]):04X}"
    return Frame(sent[0] == START_ANSWER, held[0], held[1], held[2:-2])


def type_request(address: int) -> bytes:
    """Return the request for the meter's type and software revision."""
    return _request(address, Command.GET_TYPE, b"")


def serial_number_request(address: int) -> bytes:
    """Return the request for the meter's serial number."""
    return _request(address, Command.GET_SERIAL_NUMBER, b"")


def register_request(address: int, registers: Sequence[int]) -> bytes:
    """Return the request for the values of registers.

    Args:
        address: Of the meter, 63 for a heat meter.
        registers: One to eight ids.

    Raises:
        ValueError: none, or more than eight.
    """
    if not 1 <= len(registers) <= MAX_REGISTERS:
        raise ValueError(f"{len(registers)} registers in one request: there can be 1 to {MAX_REGISTERS}")
    ids = b"".join(register.to_bytes(2, "big") for register in registers)
    return _request(address, Command.GET_REGISTER, bytes((len(registers),)) + ids)


def _request(address: int, command: Command, content: bytes) -> bytes:
    held = bytes((address, command)) + content
    return bytes((START_REQUEST,)) + stuff(held + crc(held).to_bytes(2, "big")) + bytes((END,))
