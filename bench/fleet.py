"""Fifty Modbus TCP devices in one process of their own, as cheap as Python can make them.

`python -m bench.fleet COUNT` prints one port per line and serves until its standard input closes. Each device has
60 holding registers: 20 uint16, 10 int32 and 10 float32, all between 40 and 60; the first changes with each request.
"""

import asyncio
import struct
import sys
from typing import cast

import uvloop

REGISTERS = 60


class FleetDevice(asyncio.Protocol):
    """Answers function code 3 for any range within the registers."""

    def __init__(self) -> None:
        self._registers = bytearray(_image())
        self._requests = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request in the chunk."""
        for start in range(0, len(data) - 11, 12):
            transaction, _, _, unit, function, address, count = struct.unpack_from(">HHHBBHH", data, start)
            self._requests += 1
            struct.pack_into(">H", self._registers, 0, 45 + self._requests % 10)
            words = self._registers[2 * address : 2 * (address + count)]
            header = struct.pack(">HHHBBB", transaction, 0, 3 + len(words), unit, function, len(words))
            if self._transport is not None:
                self._transport.write(header + words)


def _image() -> bytes:
    integers = struct.pack(">20H", *range(40, 60)) + struct.pack(">10i", *range(41, 51))
    return integers + struct.pack(">10f", *(50.1 + n / 10 for n in range(10)))


async def serve(count: int) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(FleetDevice, "127.0.0.1", 0) for _ in range(count)]
    for server in servers:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
