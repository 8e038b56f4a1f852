"""A fleet of Modbus TCP meters in one process of its own, as cheap as Python can make them.

`python -m bench.fleet COUNT` prints one port per line and serves until its standard input closes.
"""

import asyncio
import struct
import sys
from typing import cast

import uvloop

from bench.meter import Meter


class FleetDevice(asyncio.Protocol):
    """Answers function code 3 for any range within the registers."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request in the chunk."""
        for start in range(0, len(data) - 11, 12):
            transaction, _, _, unit, function, address, count = struct.unpack_from(">HHHBBHH", data, start)
            words = self._meter.registers()[2 * address : 2 * (address + count)]
            header = struct.pack(">HHHBBB", transaction, 0, 3 + len(words), unit, function, len(words))
            if self._transport is not None:
                self._transport.write(header + words)


async def listen(number: int) -> asyncio.Server:
    """Return the server of one meter, on a free port."""
    meter = Meter(seed=number)
    return await asyncio.get_running_loop().create_server(lambda: FleetDevice(meter), "127.0.0.1", 0)


async def serve(count: int) -> None:
    """Serve until standard input closes."""
    servers = [await listen(number) for number in range(count)]
    for server in servers:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
