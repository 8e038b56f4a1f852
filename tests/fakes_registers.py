"""A device that holds registers, behind a stream that speaks Modbus TCP."""

import asyncio
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.profile import Table
from tests.fakes import FakeClock

TABLES = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
BITS = (1, 2)
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2


@dataclass
class RegisterStream:
    """Implements Stream: answers reads of what it holds, refuses all else; nobody waits but on the clock."""

    clock: FakeClock
    held: Mapping[tuple[Table, int], int]
    answers: deque[bytes] = field(default_factory=deque)

    def write(self, data: bytes) -> None:
        pdu = self._answer(data[7:])
        self.answers.append(data[:4] + struct.pack(">HB", len(pdu) + 1, data[6]) + pdu)

    async def receive(self, *, deadline_s: float) -> bytes:
        if self.answers:
            return self.answers.popleft()
        await self.clock.advance(max(0.0, deadline_s - asyncio.get_running_loop().time()))
        return b""

    def set_baudrate(self, baudrate: int) -> None:
        """It has no wire."""

    def close(self) -> None:
        self.answers.clear()

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function not in TABLES:
            return bytes((function | 0x80, ILLEGAL_FUNCTION))
        first, count = struct.unpack(">HH", pdu[1:5])
        words = [self.held.get((TABLES[function], address)) for address in range(first, first + count)]
        if None in words:
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        if function in BITS:
            octets = (count + 7) // 8
            packed = sum(1 << index for index, bit in enumerate(words) if bit)
            return bytes((function, octets)) + packed.to_bytes(octets, "little")
        return struct.pack(f">BB{count}H", function, 2 * count, *words)
