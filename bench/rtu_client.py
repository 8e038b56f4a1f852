"""One client that reads the meter on a serial line as fast as it can, in a process of its own.

`python -m bench.rtu_client kvarter|pymodbus PORT BAUDRATE PARITY SECONDS` prints how many times it read all points,
and the CPU time of that.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from pymodbus.client import AsyncModbusSerialClient

from bench.meter import PROFILE, REGISTERS, meter_fields, write_profile
from bench.peer import converted
from drivers.catalog import Catalog
from drivers.factory import LearntHoles, Metering, create_driver, open_link
from gateway.app.clock import SystemClock
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Status
from gateway.core.site import DeviceSettings, LinkSettings


async def read_ours(port: str, baudrate: int, parity: str, *, seconds: float) -> dict[str, float]:
    """Read through our link and driver."""
    vocabulary, clock = load_vocabulary(), SystemClock()
    points = [field.quantity.name for field in meter_fields(vocabulary)]
    with tempfile.TemporaryDirectory() as folder:
        write_profile(Path(folder))
        profile = Catalog(vocabulary, [Path(folder)]).find(PROFILE).profile
    settings = LinkSettings.model_validate({"id": "line", "serial": port, "baudrate": baudrate, "parity": parity})
    link = open_link(settings, clock=clock)
    device = DeviceSettings(id="meter", profile=PROFILE, link="line", unit_id=1)
    driver = create_driver(device, profile, link, metering=Metering(clock, vocabulary), holes=LearntHoles())
    await driver.read(points)
    reads, cpu_s, end_s = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end_s:
        readout = await driver.read(points)
        if readout.status is not Status.OK:
            raise RuntimeError(readout)
        reads += 1
    cpu_s = time.process_time() - cpu_s
    await link.close()
    return {"reads": reads, "cpu_s": cpu_s}


async def read_pymodbus(port: str, baudrate: int, parity: str, *, seconds: float) -> dict[str, float]:
    """Read through pymodbus' asynchronous serial client."""
    # A pseudo-terminal refuses a parity that is set twice, as pyserial's timeouts do; a second stop bit lasts as long.
    client = AsyncModbusSerialClient(port, baudrate=baudrate, stopbits=1 if parity == "none" else 2)
    await client.connect()
    converted((await client.read_holding_registers(0, count=REGISTERS)).registers)
    reads, cpu_s, end_s = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end_s:
        converted((await client.read_holding_registers(0, count=REGISTERS)).registers)
        reads += 1
    cpu_s = time.process_time() - cpu_s
    client.close()
    return {"reads": reads, "cpu_s": cpu_s}


if __name__ == "__main__":
    who, port, baudrate, parity, seconds = sys.argv[1:]
    read = {"kvarter": read_ours, "pymodbus": read_pymodbus}[who]
    sys.stdout.write(json.dumps(uvloop.run(read(port, int(baudrate), parity, seconds=float(seconds)))) + "\n")
