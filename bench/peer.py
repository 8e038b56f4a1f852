"""The peer: what most people write. pymodbus and aiomqtt, no spool, no checks, no receipts; one JSON message per poll.

`python -m bench.peer MQTT_PORT SECONDS PORT...` polls each meter once a second and prints how many points it
published, the CPU time of that, and its peak memory.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient

from bench.meter import FLOATS, LONGS, POINTS, REGISTERS, SHORTS
from bench.processes import peak_mb

TOPIC = "peer"


def converted(words: Sequence[int]) -> list[object]:
    """Return the points as pymodbus' own conversion gives them."""
    types, convert = AsyncModbusTcpClient.DATATYPE, AsyncModbusTcpClient.convert_from_registers
    kinds = [types.INT32] * LONGS + [types.FLOAT32] * FLOATS
    wide = zip(range(SHORTS, len(words), 2), kinds, strict=True)
    return [*words[:SHORTS], *(convert(list(words[start : start + 2]), kind) for start, kind in wide)]


def message(time_s: float, values: Sequence[object]) -> str:
    """Return one poll of one meter as JSON."""
    return json.dumps({"ts": time_s, **{f"p{number:02}": value for number, value in enumerate(values)}})


async def poll(port: int, client: aiomqtt.Client, end_s: float) -> int:
    """Return how many points of one meter were published."""
    device = AsyncModbusTcpClient("127.0.0.1", port=port)
    await device.connect()
    points, due_s = 0, time.monotonic()
    while time.monotonic() < end_s:
        values = converted((await device.read_holding_registers(0, count=REGISTERS)).registers)
        await client.publish(f"{TOPIC}/{port}", message(time.time(), values), qos=1)
        points += POINTS
        due_s += 1.0
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    device.close()
    return points


async def main() -> None:
    """Poll all meters for the given time."""
    mqtt_port, seconds, *ports = map(int, sys.argv[1:])
    async with aiomqtt.Client("127.0.0.1", mqtt_port, max_inflight_messages=len(ports)) as client:
        client.pending_calls_threshold = len(ports)  # below it, each call would be logged
        cpu_s, end_s = time.process_time(), time.monotonic() + seconds
        points = sum(await asyncio.gather(*(poll(port, client, end_s) for port in ports)))
        cpu_s = time.process_time() - cpu_s
    sys.stdout.write(json.dumps({"points": points, "cpu_s": cpu_s, "peak_mb": peak_mb(os.getpid())}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
