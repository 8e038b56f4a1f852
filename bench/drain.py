"""How fast a backlog goes to the store, and how late live readouts are meanwhile.

    python -m bench.drain [--hours 12]

A spool is filled with simulated hours of one meter with 40 points, a readout a second; then `kvarter edge` starts on
it and reads that meter on, over Mosquitto and `kvarter collect` into the embedded store. A readout counts as delivered
when its receipt passes the broker, which a collector sends after the store has confirmed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from subprocess import Popen

import aiomqtt

from bench.edge import fleet
from bench.figures import Measured
from bench.meter import POINTS
from bench.processes import KVARTER, mosquitto, running
from bench.site import SITE, write_collector, write_site
from bench.spool import SHARED_MEMORY, VirtualClock, entries
from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import load_configuration
from gateway.app.memory import keep_catalogue
from gateway.core.protocols import Files
from gateway.core.quantity import load_vocabulary
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.ranges import RangeSet
from gateway.spool.setup import SpoolSetup
from gateway.wire.batch import decode_batch, decompress
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.receipt import decode_receipt
from gateway.wire.topics import Topics

HOUR_S = 3600
_BACKLOG_RUN = "ba" * 8
_DRAINED_S = 600.0
_TO_START_S = 60.0
_LOOK_S = 1.0
_SILENT_S = 90.0
"""So long without any receipt is a fault on a busy machine too: what is overdue is sent again after 30 s."""
_TOLD_LINES = 30
"""Of each log, where there is a fault."""
_LINGER_S = 3.0
"""The last live readouts of the drain get their receipts."""


class PastClock(VirtualClock):
    """Simulated time that ends now.

    Args:
        hours: How long ago it begins.
    """

    def __init__(self, hours: float) -> None:
        super().__init__()
        self._begin_ms = time.time_ns() // 1_000_000 - round((hours * HOUR_S + self.monotonic() + 60) * 1000)

    def utc_ms(self) -> int:
        """Return the time of the simulation."""
        return self._begin_ms + round(self.monotonic() * 1000)


@dataclass(slots=True)
class Watch:
    """What passed the broker: batches and receipts, each with its instant."""

    wanted: int
    """Readouts of the backlog."""
    delivered: RangeSet = field(default_factory=RangeSet)
    begun_s: float = 0.0
    """The first batch of the backlog was on its way."""
    ended_s: float = 0.0
    live_ms: dict[tuple[str, int, int], int] = field(default_factory=dict)
    """Live batch → time of its oldest readout."""
    late_ms: list[int] = field(default_factory=list)
    """From acquisition to receipt, of live readouts."""
    batches: int = 0
    receipts: int = 0
    heard_s: float = field(default_factory=time.monotonic)
    """When the last receipt passed, or this was made."""

    def batch(self, message: bytes) -> None:
        """Take note of a batch on its way."""
        batch = decode_batch(message)[1]
        self.batches += 1
        if batch.run == _BACKLOG_RUN:
            self.begun_s = self.begun_s or time.monotonic()
        else:
            times_ms = [int(line.rpartition(b" ")[2]) // 1_000_000 for line in batch.lines if b"kvarter," in line[:8]]
            self.live_ms.setdefault((batch.run, batch.first, batch.last), min(times_ms, default=0))

    def receipt(self, message: bytes) -> None:
        """Take note of a receipt."""
        found = decode_receipt(message)
        self.receipts, self.heard_s = self.receipts + 1, time.monotonic()
        if found.run == _BACKLOG_RUN:
            self.delivered.add(found.first, found.last)
            if self.delivered.count >= self.wanted and not self.ended_s:
                self.ended_s = time.monotonic()
            return
        time_ms = self.live_ms.pop((found.run, found.first, found.last), 0)
        if time_ms and self.begun_s:
            self.late_ms.append(time.time_ns() // 1_000_000 - time_ms)


async def fill(flash: Files, memory: Files, *, catalogue: str, hours: float) -> int:
    """Put so many hours into a spool, as if no receipt had come; return the number of readouts."""
    clock = PastClock(hours)
    setup = SpoolSetup(
        run=_BACKLOG_RUN, catalogue=catalogue, boot_id="before", event_body=lambda _: b"", capacity_bytes=64 << 20
    )
    spool, _ = await open_spool(flash, memory, setup=setup, clock=clock)
    count = round(hours * HOUR_S)
    async with asyncio.TaskGroup() as tasks:
        flushing = tasks.create_task(spool.run(), name="spool")
        for entry in islice(entries(clock, devices=1), count):
            spool.append(entry)
            await clock.advance(1.0)
        flushing.cancel()
    await spool.close()
    if spool.health.lost or spool.health.failures or spool.backlog().waiting != count:
        raise RuntimeError(f"{spool.backlog().waiting} of {count} readouts wait: {spool.health}")
    return count


async def watch(port: int, seen: Watch, *, started: asyncio.Event) -> None:
    """Watch what passes the broker until the whole backlog had its receipts, and a little longer."""
    topics = Topics(SITE)
    async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.timeout(_DRAINED_S):
        for topic in (topics.readings, topics.readings_gz, topics.receipt):
            await client.subscribe(topic, qos=1)
        started.set()
        async for message in client.messages:
            payload, topic = bytes(message.payload), str(message.topic)
            if topic == topics.receipt:
                seen.receipt(payload)
            else:
                seen.batch(decompress(payload) if topic == topics.readings_gz else payload)
            if seen.ended_s and time.monotonic() > seen.ended_s + _LINGER_S:
                break


async def drain(folder: Path, port: int, *, site: Path, wanted: int) -> Watch:
    """Start collector and edge on a full spool, and return what passed the broker."""
    started, seen = asyncio.Event(), Watch(wanted)
    collector = write_collector(folder, port, f"{{kind: embedded, path: {folder}/store}}")
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch(port, seen, started=started), name="watch")
        async with asyncio.timeout(_TO_START_S):
            await started.wait()
        with ExitStack() as stack:
            roles = [
                stack.enter_context(running([KVARTER, "collect", collector], log=folder / "collect.log")),
                stack.enter_context(running([KVARTER, "edge", site], log=folder / "edge.log")),
            ]
            seen.heard_s = time.monotonic()
            try:
                await _done(watching, seen, roles)
            except RuntimeError as exc:
                watching.cancel()
                raise RuntimeError(f"{exc}\n{_told(folder)}") from exc
    return seen


async def _done(watching: "asyncio.Task[None]", seen: Watch, roles: Sequence[Popen[bytes]]) -> None:
    """Return when the watch is over.

    Raises:
        RuntimeError: edge or collector ended before, or nothing is stored any more.
    """
    while not watching.done():
        ended = [role.args for role in roles if role.poll() is not None]
        if ended:
            raise RuntimeError(f"ended before the backlog was drained: {ended}")
        if time.monotonic() > seen.heard_s + _SILENT_S:
            what = f"{seen.batches} batches and {seen.receipts} receipts passed, of {seen.wanted} readouts"
            raise RuntimeError(f"no receipt for {_SILENT_S:.0f} s: {what} {seen.delivered.count} were stored")
        await asyncio.wait({watching}, timeout=_LOOK_S)


def _told(folder: Path) -> str:
    """Return what edge, collector and broker said last."""
    parts: list[str] = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        parts += [f"-- {log.name}", *lines[-_TOLD_LINES:]]
    return "\n".join(parts)


def measure(hours: float = 12.0) -> Measured:
    """Return how much faster than it was sampled a backlog drains, and how late live readouts are."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory:
        folder = Path(name)
        with mosquitto(folder) as port, fleet(1) as ports:
            site = write_site(folder, ports, port)
            message = encode_catalogue(build_catalogue(load_configuration(site, load_vocabulary())))
            (folder / "edge").mkdir()
            keep_catalogue(folder / "edge", message)
            flash, tier = DiskFiles(folder / "edge" / "spool" / "mqtt"), DiskFiles(Path(memory))
            wanted = asyncio.run(fill(flash, tier, catalogue=catalogue_id(message), hours=hours))
            flash.close()
            seen = asyncio.run(drain(folder, port, site=site, wanted=wanted))
    seconds = seen.ended_s - seen.begun_s
    late_s = sorted(late_ms / 1000 for late_ms in seen.late_ms)
    return {
        "drain": {
            "kvarter": {
                "times_faster": hours * HOUR_S / seconds,
                "readings_per_s": wanted * POINTS / seconds,
                "seconds": seconds,
                "live_latest_s": late_s[-1],
                "live_median_s": late_s[len(late_s) // 2],
                "live_readouts": len(late_s),
            }
        }
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How fast a backlog goes to the store.")
    parser.add_argument("--hours", type=float, default=12.0, help="of backlog")
    sys.stdout.write(json.dumps(measure(parser.parse_args().hours), indent=2) + "\n")
