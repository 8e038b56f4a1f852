"""The peer of the collector: what most people write. aiomqtt, JSON, Point objects, the client's own batching.

`python -m bench.peer_collector MQTT_PORT STORE_URL MESSAGES` takes so many messages of one meter each, as `bench.peer`
publishes them, and prints the CPU and wall time from the first message until all points are in the store. No checks, no
receipts: what it loses is lost.
"""

import asyncio
import json
import os
import sys
import time

import aiomqtt
from influxdb_client import InfluxDBClient, Point, WriteOptions

from bench.peer import TOPIC
from bench.processes import peak_mb

MEASUREMENT = "peer"
_READY = "ready"


async def collect(mqtt_port: int, url: str, messages: int) -> dict[str, float]:
    """Return what it took."""
    store = InfluxDBClient(url=url, token="", org="")
    writer = store.write_api(write_options=WriteOptions(batch_size=1000, flush_interval=1000))
    async with aiomqtt.Client("127.0.0.1", mqtt_port) as client:
        await client.subscribe(f"{TOPIC}/#", qos=1)
        sys.stdout.write(f"{_READY}\n")
        sys.stdout.flush()
        start_s, start_cpu_s, taken = 0.0, 0.0, 0
        async for message in client.messages:
            if not taken:
                start_s, start_cpu_s = time.monotonic(), time.process_time()
            fields = json.loads(bytes(message.payload))
            point = Point(MEASUREMENT).tag("device", message.topic.value.rpartition("/")[2])
            point.time(int(fields.pop("ts") * 1e9))
            for name, value in fields.items():
                point.field(name, value)
            writer.write(bucket="", record=point)
            taken += 1
            if taken == messages:
                break
    writer.close()
    used = {"cpu_s": time.process_time() - start_cpu_s, "wall_s": time.monotonic() - start_s}
    return {**used, "peak_mb": peak_mb(os.getpid())}


if __name__ == "__main__":
    port, url, messages = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(collect(int(port), url, int(messages)))) + "\n")
