"""The whole way against another implementation: pymodbus serves, on sockets and on a pseudo-terminal."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvloop
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusUdpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.factory import Metering, create_driver, open_link
from drivers.modbus.holes import LearntHoles
from gateway.core.site import LinkSettings
from tests.fakes_meter import VOCABULARY, device, modbus
from tests.fakes_stream import LoopClock

VALUES = {
    "elec_voltage_l1": 230.1,
    "elec_voltage_l2": 231.25,
    "elec_power_active": -1234.5,
    "elec_energy_import": 10234.56,
    "elec_frequency": 49.98,
}
POINTS = [
    {"point": "elec_voltage_l1", "address": 0, "type": "float32", "unit": "V"},
    {"point": "elec_voltage_l2", "address": 2, "type": "float32", "unit": "V"},
    {"point": "elec_power_active", "address": 20, "type": "int32", "unit": "W", "scale": 0.1},
    {"point": "elec_energy_import", "address": 100, "type": "uint64", "unit": "Wh", "scale": 10},
    {"point": "elec_frequency", "address": 110, "type": "uint16", "unit": "Hz", "scale": 0.01},
]


def served() -> SimDevice:
    """Return the device as pymodbus knows it; addresses that are not named are invalid."""
    blocks = [
        SimData(0, values=[230.1, 231.25], datatype=DataType.FLOAT32),
        SimData(20, values=-12345, datatype=DataType.INT32),
        SimData(100, values=1023456, datatype=DataType.UINT64),
        SimData(110, values=4998, datatype=DataType.REGISTERS),
    ]
    return SimDevice(id=7, simdata=blocks)


@asynccontextmanager
async def on_tcp(framer: FramerType) -> AsyncIterator[LinkSettings]:
    """Yield a link to a server on TCP."""
    server: Any = ModbusTcpServer(served(), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        port = server.transport.sockets[0].getsockname()[1]
        framing = "tcp" if framer is FramerType.SOCKET else framer.value
        yield LinkSettings.model_validate({"id": "cabinet", "tcp": f"127.0.0.1:{port}", "framing": framing})
    finally:
        await server.shutdown()


@asynccontextmanager
async def on_udp() -> AsyncIterator[LinkSettings]:
    """Yield a link to a server on UDP."""
    server: Any = ModbusUdpServer(served(), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        port = server.transport.get_extra_info("sockname")[1]
        yield LinkSettings(id="cabinet", udp=f"127.0.0.1:{port}")
    finally:
        await server.shutdown()


@asynccontextmanager
async def on_serial(framer: FramerType) -> AsyncIterator[LinkSettings]:
    """Yield a link to a server on the other end of a cable made of two pseudo-terminals."""
    ends = [pty.openpty(), pty.openpty()]
    for ours, theirs in ends:
        tty.setraw(ours)
        tty.setraw(theirs)
    loop = asyncio.get_running_loop()
    (left, _), (right, _) = ends
    loop.add_reader(left, lambda: os.write(right, os.read(left, 1000)))
    loop.add_reader(right, lambda: os.write(left, os.read(right, 1000)))
    names = [os.ttyname(theirs) for _, theirs in ends]
    server: Any = ModbusSerialServer(served(), framer=framer, port=names[0], baudrate=19200, parity="N")
    await server.serve_forever(background=True)
    try:
        yield LinkSettings.model_validate(
            {"id": "rs485_1", "serial": names[1], "framing": framer.value, "baudrate": 19200, "parity": "none"}
        )
    finally:
        await server.shutdown()
        for descriptor in (descriptor for end in ends for descriptor in end):
            loop.remove_reader(descriptor)
            os.close(descriptor)


Serve = Callable[[], AbstractAsyncContextManager[LinkSettings]]

SERVERS: dict[str, Serve] = {
    "tcp": partial(on_tcp, FramerType.SOCKET),
    "rtu over tcp": partial(on_tcp, FramerType.RTU),
    "ascii over tcp": partial(on_tcp, FramerType.ASCII),
    "udp": on_udp,
    "rtu": partial(on_serial, FramerType.RTU),
    "ascii": partial(on_serial, FramerType.ASCII),
}


async def converse(serve: Serve) -> None:
    """Read the device some times, through holes that it refuses, and check each value."""
    async with serve() as settings:
        clock, holes = LoopClock(), LearntHoles()
        link = open_link(settings, clock=clock)
        metering = Metering(clock, VOCABULARY)
        driver = create_driver(device(unit_id=7), modbus(POINTS), link, metering=metering, holes=holes)
        try:
            for _ in range(5):
                readout = await driver.read(tuple(VALUES))
                assert dict(zip(readout.points, readout.values, strict=True)) == VALUES
        finally:
            await link.close()
        assert (link.counters.timeouts, link.counters.corrupt, link.counters.reopenings) == (0, 0, 0)
        found = holes.to_mapping()["holding"]
        assert [103, 110] in found
        assert all(hole in ([3, 20], [21, 100], [103, 110]) for hole in found)


@pytest.mark.parametrize("transport", SERVERS)
async def test_reads_what_another_implementation_serves(transport: str) -> None:
    """On every transport the values are the served ones, and the holes are found without a time-out."""
    await converse(SERVERS[transport])


@pytest.mark.parametrize("transport", ["tcp", "udp", "rtu"])
def test_reads_on_the_loop_of_the_service(transport: str) -> None:
    """The loop that the service runs on gives the same."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(converse(SERVERS[transport]))
