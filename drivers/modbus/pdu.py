"""Requests that read, and what counts as the answer to each: bytes in, bytes out.

There is no encoder for a function that writes, here or anywhere else.

Source: Modbus Application Protocol V1.1b3, sections 4.1, 6.1 to 6.4, 6.21 and 7.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from drivers.profile import LAST_ADDRESS, Table

MAX_PDU_BYTES: Final = 253
MAX_REGISTERS: Final = 125
MAX_BITS: Final = 2000
READ_IDENTIFICATION: Final = 0x2B
_IDENTIFICATION_TYPE: Final = 0x0E
_OBJECTS: Final = 7
"""Where the first object of an identification answer stands, behind the number of objects."""
_EXCEPTION: Final = 0x80

FUNCTIONS: Final[Mapping[Table, int]] = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
BIT_TABLES: Final = frozenset({Table.COIL, Table.DISCRETE})

EXCEPTIONS: Final[Mapping[int, str]] = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, not ready yet",
    6: "busy",
    8: "memory parity error",
    10: "gateway has no path",
    11: "gateway got no answer from the device",
}


def payload_bytes(table: Table, count: int) -> int:
    """Return how many bytes hold so many registers or bits."""
    return (count + 7) // 8 if table in BIT_TABLES else 2 * count


@dataclass(frozen=True, slots=True)
class Refusal:
    """The device answered with an exception."""

    code: int

    @property
    def text(self) -> str:
        """What the code means, with its number."""
        return f"{EXCEPTIONS.get(self.code, 'refused')} (exception {self.code})"


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request for registers or bits of one table."""

    table: Table
    address: int
    count: int
    function: int = field(init=False, compare=False)
    pdu: bytes = field(init=False, compare=False)
    head: bytes = field(init=False, compare=False)
    """First two bytes of the answer: function and byte count."""
    reply_bytes: int = field(init=False, compare=False)
    """Length of the answer's PDU."""

    def __post_init__(self) -> None:
        limit = MAX_BITS if self.table in BIT_TABLES else MAX_REGISTERS
        if not 1 <= self.count <= limit or not 0 <= self.address <= LAST_ADDRESS + 1 - self.count:
            raise ValueError(f"{self.count} from address {self.address} is not a request for {self.table}")
        function = FUNCTIONS[self.table]
        size = payload_bytes(self.table, self.count)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "pdu", struct.pack(">BHH", function, self.address, self.count))
        object.__setattr__(self, "head", bytes((function, size)))
        object.__setattr__(self, "reply_bytes", 2 + size)

    def answer(self, pdu: bytes) -> bytes | Refusal | None:
        """Return the registers as they came, the refusal, or None where the PDU answers another request."""
        if len(pdu) == self.reply_bytes and pdu.startswith(self.head):
            return pdu[2:]
        return refusal(self.function, pdu)

    def __str__(self) -> str:
        last = self.address + self.count - 1
        return f"{self.table} {self.address}" + (f" to {last}" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class IdentificationRequest:
    """A request for the basic identification objects: vendor, product and revision.

    Every device answers it, if only by refusing, with a function code that no other answer has.
    """

    function: int = field(default=READ_IDENTIFICATION, init=False)
    pdu: bytes = field(default=bytes((READ_IDENTIFICATION, _IDENTIFICATION_TYPE, 1, 0)), init=False)
    head: bytes = field(default=bytes((READ_IDENTIFICATION, _IDENTIFICATION_TYPE)), init=False)
    reply_bytes: int = field(default=64, init=False)
    """What an answer is likely to take; its length is in the answer itself."""

    def answer(self, pdu: bytes) -> bytes | Refusal | None:
        """Return the whole PDU, the refusal, or None where the PDU answers another request."""
        if pdu.startswith(self.head) and identification_bytes(pdu) == len(pdu):
            return pdu
        return refusal(self.function, pdu)

    def __str__(self) -> str:
        return "the device identification"


Request = ReadRequest | IdentificationRequest


def refusal(function: int, pdu: bytes) -> Refusal | None:
    """Return the refusal of a request with this function, None where the PDU is something else."""
    if len(pdu) == 2 and pdu[0] == function | _EXCEPTION and pdu[1]:  # noqa: PLR2004 - function and code
        return Refusal(pdu[1])
    return None


def identification_bytes(pdu: bytes) -> int | None:
    """Return the length of an identification answer from its beginning, None while that is too short to tell."""
    position = _OBJECTS
    if len(pdu) < position:
        return None
    for _ in range(pdu[position - 1]):
        if len(pdu) < position + 2:
            return None
        position += 2 + pdu[position + 1]
    return position


def identification(pdu: bytes) -> dict[int, str]:
    """Return object id → text of a whole identification answer."""
    objects: dict[int, str] = {}
    position = _OBJECTS
    for _ in range(pdu[position - 1]):
        end = position + 2 + pdu[position + 1]
        objects[pdu[position]] = pdu[position + 2 : end].decode("ascii", "replace").strip("\0 ")
        position = end
    return objects
