"""The collector: readings of 50 meters with 40 points from Mosquitto into VictoriaMetrics, as fast as they go.

    python -m bench.collector [--ticks 600]

The batches are those of our relay: one second of all meters each, compressed. Reported: points per second of the
collector's CPU time, and how many points the store lacks afterwards; and the same for the peer.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import aiomqtt

from bench import peer_collector
from bench.batches import Backlog
from bench.figures import Measured
from bench.meter import POINTS
from bench.processes import KVARTER, cpu_s, mosquitto, peak_mb, running, victoria_metrics
from bench.site import SITE, write_collector
from gateway.wire.line import READING
from gateway.wire.receipt import decode_receipt
from gateway.wire.topics import Topics

DEVICES = 50
_PEER_SHARE = 4
"""The peer gets so many times less: it is slower, and 2,000 points take it 50 messages."""
_WINDOW = 64
"""Batches without receipt at a time."""
_RECEIPTS_S = 120.0
_ASK_AGAIN_S = 0.5
_AT_ONCE = 50


async def send_batches(port: int, backlog: Backlog, *, pid: int) -> dict[str, float]:
    """Send everything, await all receipts, and return the collector's CPU and wall time for it."""
    first, *others = backlog.batches()
    topics, window = Topics(SITE), asyncio.Semaphore(_WINDOW)
    awaited, arrived = set(range(0, backlog.seconds * DEVICES, DEVICES)), asyncio.Event()

    async def receive() -> None:
        async for message in client.messages:
            awaited.discard(decode_receipt(bytes(message.payload)).first)
            arrived.set()
            window.release()
            if not awaited:
                return

    async with (
        aiomqtt.Client("127.0.0.1", port) as client,
        asyncio.timeout(_RECEIPTS_S),
        asyncio.TaskGroup() as tasks,
    ):
        await client.subscribe(topics.receipt, qos=1)
        await client.publish(topics.catalogue, backlog.catalogue, qos=1, retain=True)
        receiving = tasks.create_task(receive(), name="receipts")
        while not arrived.is_set():  # the collector may not have subscribed yet
            await client.publish(topics.readings_gz, first, qos=1)
            with suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), _ASK_AGAIN_S)
        start_s, start_cpu_s = time.monotonic(), cpu_s(pid)
        for batch in others:
            await window.acquire()
            await client.publish(topics.readings_gz, batch, qos=1)
        await receiving
        return {"cpu_s": cpu_s(pid) - start_cpu_s, "wall_s": time.monotonic() - start_s, "peak_mb": peak_mb(pid)}


async def send_to_peer(port: int, backlog: Backlog) -> None:
    """Send everything, a second of all meters at once."""
    messages = backlog.peer_messages()
    async with aiomqtt.Client("127.0.0.1", port, max_inflight_messages=_AT_ONCE) as client:
        client.pending_calls_threshold = _AT_ONCE
        while part := list(islice(messages, _AT_ONCE)):
            async with asyncio.TaskGroup() as tasks:
                for topic, text in part:
                    tasks.create_task(client.publish(topic, text, qos=1), name=topic)


def stored_points(store: str, measurement: str, backlog: Backlog) -> int:
    """Return how many points a VictoriaMetrics holds, our status left out."""
    with urlopen(f"{store}/internal/force_flush", timeout=30):  # noqa: S310 - our own server
        pass
    names = f'{{__name__=~"{measurement}_.+",__name__!="{measurement}_status"}}'
    counts = f"sum(count_over_time({names}[{backlog.seconds + 60}s]))"
    query = urlencode({"query": counts, "time": backlog.end_s, "nocache": 1})
    with urlopen(f"{store}/api/v1/query?{query}", timeout=60) as reply:  # noqa: S310 - our own server
        found = json.load(reply)["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def measure_ours(folder: Path, mqtt_port: int, store: str, *, ticks: int) -> dict[str, float]:
    """Return the figures of our collector."""
    backlog = Backlog(folder, devices=DEVICES, seconds=ticks)
    configuration, log = write_collector(folder, mqtt_port, f"{{kind: victoria, url: '{store}'}}"), folder / "ours.log"
    with running([KVARTER, "collect", configuration], log=log) as collector:
        used = asyncio.run(send_batches(mqtt_port, backlog, pid=collector.pid))
    return figures(used, backlog, stored=stored_points(store, READING, backlog), before=1)


def measure_peer(folder: Path, mqtt_port: int, store: str, *, ticks: int) -> dict[str, float]:
    """Return the figures of the plain script."""
    backlog = Backlog(folder, devices=DEVICES, seconds=ticks)
    command = [sys.executable, "-m", "bench.peer_collector", str(mqtt_port), store, str(ticks * DEVICES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError(command)
        process.stdout.readline()
        asyncio.run(send_to_peer(mqtt_port, backlog))
        used = json.loads(process.communicate(timeout=_RECEIPTS_S)[0])
    return figures(used, backlog, stored=stored_points(store, peer_collector.MEASUREMENT, backlog))


def figures(used: dict[str, float], backlog: Backlog, *, stored: int, before: int = 0) -> dict[str, float]:
    """Return what CPU and wall time mean for so many points.

    Args:
        used: Times and memory.
        backlog: What was sent.
        stored: Points in the store.
        before: Seconds of readings that were stored before the times began.
    """
    tick = DEVICES * POINTS
    measured = (backlog.seconds - before) * tick
    return {
        "points_per_cpu_s": measured / used["cpu_s"],
        "points_per_s": measured / used["wall_s"],
        "peak_mb": used["peak_mb"],
        "points_missing": backlog.seconds * tick - stored,
    }


def measure(ticks: int = 600) -> Measured:
    """Return the figures of both, one after the other, with one broker and one store."""
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name)) as port, victoria_metrics(Path(name)) as store:
        ours = measure_ours(Path(name), port, store, ticks=ticks)
        return {
            "collector": {"kvarter": ours, "peer": measure_peer(Path(name), port, store, ticks=ticks // _PEER_SHARE)}
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The collector, beside a plain script.")
    parser.add_argument("--ticks", type=int, default=600, help="seconds of readings")
    sys.stdout.write(json.dumps(measure(parser.parse_args().ticks), indent=2) + "\n")
