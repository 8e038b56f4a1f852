"""The peer: what most people write. pymodbus and aiomqtt, no spool, no checks, no receipts; one JSON message per poll.

`python -m bench.peer MQTT_PORT SECONDS PORT...` polls each device once a second and prints the points it published.
"""

import asyncio
import json
import sys
import time

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient

INTEGERS, LONGS, FLOATS = 20, 10, 10


async def poll(port: int, client: aiomqtt.Client, end_s: float) -> int:
    """Return how many points of one device were published."""
    device = AsyncModbusTcpClient("127.0.0.1", port=port)
    await device.connect()
    types, points, due_s = device.DATATYPE, 0, time.monotonic()
    while time.monotonic() < end_s:
        words = (await device.read_holding_registers(0, count=60)).registers
        kinds = [types.INT32] * LONGS + [types.FLOAT32] * FLOATS
        wide = zip(range(INTEGERS, len(words), 2), kinds, strict=True)
        values: list[object] = list(words[:INTEGERS])
        values += [device.convert_from_registers(words[start : start + 2], kind) for start, kind in wide]
        fields = {f"p{number:02}": value for number, value in enumerate(values)}
        await client.publish(f"peer/{port}", json.dumps({"ts": time.time(), **fields}), qos=1)
        points += len(values)
        due_s += 1.0
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    device.close()
    return points


async def main() -> None:
    """Poll all devices for the given time."""
    mqtt_port, seconds, *ports = map(int, sys.argv[1:])
    end_s = time.monotonic() + seconds
    async with aiomqtt.Client("127.0.0.1", mqtt_port, max_inflight_messages=100) as client:
        points = await asyncio.gather(*(poll(port, client, end_s) for port in ports))
    cpu_s = time.process_time()
    sys.stdout.write(json.dumps({"points": sum(points), "cpu_s": cpu_s}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
