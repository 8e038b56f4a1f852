"""What the spool costs: µs per append, and what goes to flash with receipts and without.

    python -m bench.spool [--seconds 600]

A simulated clock drives the rounds; the RAM tier is real, flash is a folder of real files whose dirty pages are
counted at each flush; that a new segment is zeroed once is not counted, nor is the first minute. 50 meters with 40
points append one readout a second each.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.figures import Measured
from bench.meter import POINTS, Meter, meter_fields
from bench.site import SITE
from gateway.core.protocols import Entry, Files
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.wire.line import LineEncoder

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the RAM-backed folder that every Linux has
DEVICES = 50
PAGE_BYTES = 4096
DAY_S = 86_400
_WARM_UP_S = 60
_STEPS = 5
"""Of the simulated clock, in each second."""
_APPENDS = 20_000
_PORTION = 1000


class VirtualClock:
    """Time that passes only in `advance`."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utc_ms(self) -> int:
        """Return the time of the simulation."""
        return 1_795_320_000_000 + round(self._now_s * 1000)

    def monotonic(self) -> float:
        """Return the time of the simulation."""
        return self._now_s

    def synchronised(self) -> bool:
        """Return that it is right."""
        return True

    def awaited(self) -> bool:
        """Return that nothing is to be expected."""
        return False

    async def sleep_until(self, monotonic_s: float) -> None:
        """Wait until the simulation has come so far."""
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((monotonic_s, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, and the disk's thread do what is due then."""
        self._now_s += seconds
        for sleeper in [each for each in self._sleepers if each[0] <= self._now_s]:
            self._sleepers.remove(sleeper)
            if not sleeper[1].done():
                sleeper[1].set_result(None)
        await asyncio.sleep(0.001)


class CountedFiles(DiskFiles):
    """Counts pages and flushes, as the block device will see them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.dirty: set[tuple[str, int]] = set()
        self.pages = self.flushes = 0

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        """Note which pages become dirty."""
        super().write(name, offset=offset, chunk=chunk)
        self.dirty |= {(name, page) for page in range(offset // PAGE_BYTES, -(-(offset + len(chunk)) // PAGE_BYTES))}

    def sync(self, name: str) -> None:
        """Count the pages that go to the disk now."""
        super().sync(name)
        self.pages += len(self.dirty)
        self.flushes += 1
        self.dirty.clear()


def entries(clock: VirtualClock, *, devices: int = DEVICES) -> Iterator[Entry]:
    """Yield one readout of each meter in turn, with the time of the clock."""
    vocabulary = load_vocabulary()
    fields, encoder = meter_fields(vocabulary), LineEncoder(SITE, vocabulary)
    points = tuple(field.quantity.name for field in fields)
    meters = [Meter(seed) for seed in range(devices)]
    while True:
        for number, meter in enumerate(meters):
            readout = Readout(f"meter_{number}", clock.monotonic(), points, meter.values(fields), Status.OK)
            yield Entry(encoder.readout(readout), round(clock.monotonic() * 1000), clock.utc_ms())


def setup() -> SpoolSetup:
    """Return the setup of a gateway."""
    return SpoolSetup(run="ab" * 8, catalogue="cd" * 4, boot_id="bench", event_body=lambda _: b"kvarter_event")


async def measure_append(memory: Files, flash: Files) -> dict[str, float]:
    """Return the time of an append, the best of many portions, and the size of an entry."""
    clock = VirtualClock()
    spool, _ = await open_spool(flash, memory, setup=setup(), clock=clock)
    portion = list(islice(entries(clock), _PORTION))
    best_us = float("inf")
    for _ in range(_APPENDS // _PORTION):
        started_s = time.perf_counter()
        for entry in portion:
            spool.append(entry)
        best_us = min(best_us, (time.perf_counter() - started_s) / _PORTION * 1e6)
        await confirm(spool)
    await spool.close()
    return {"append_us": best_us, "entry_bytes": sum(len(entry.body) for entry in portion) / _PORTION}


async def confirm(spool: DurableSpool) -> None:
    """Give every receipt at once."""
    while batch := await spool.next_batch(order="newest", max_lines=4000, max_bytes=1_000_000):
        spool.sent(batch)
        spool.release(batch.run, batch.first, batch.last)


async def measure_wear(memory: Files, flash: CountedFiles, *, seconds: int, receipts: bool) -> dict[str, float]:
    """Return what goes to flash while receipts come, or do not."""
    clock = VirtualClock()
    spool, _ = await open_spool(flash, memory, setup=setup(), clock=clock)
    source = entries(clock)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spool.run(), name="spool")
        for second in range(_WARM_UP_S + seconds):
            if second == _WARM_UP_S:
                flash.pages = flash.flushes = 0
            for entry in islice(source, DEVICES):
                spool.append(entry)
            if receipts:
                await confirm(spool)
            for _ in range(_STEPS):
                await clock.advance(1 / _STEPS)
        pages, flushes = flash.pages, flash.flushes
        running.cancel()
    if spool.health.lost or spool.health.failures:
        raise RuntimeError(spool.health)
    await spool.close()
    return {
        "flash_bytes_per_reading": pages * PAGE_BYTES / (seconds * DEVICES * POINTS),
        "flash_mb_per_day": pages * PAGE_BYTES / seconds * DAY_S / 1e6,
        "flushes_per_minute": flushes / seconds * 60,
    }


async def measure_all(seconds: int) -> Measured:
    """Return the figures of an append, and of flash with and without receipts."""
    figures: Measured = {}
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory, tempfile.TemporaryDirectory() as flash:
        figures["spool_append"] = {"kvarter": await measure_append(DiskFiles(Path(memory)), DiskFiles(Path(flash)))}
    for name, receipts in (("spool_with_receipts", True), ("spool_without_receipts", False)):
        with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory, tempfile.TemporaryDirectory() as flash:
            files = CountedFiles(Path(flash))
            wear = await measure_wear(DiskFiles(Path(memory)), files, seconds=seconds, receipts=receipts)
            figures[name] = {"kvarter": wear}
    return figures


def measure(seconds: int = 600) -> Measured:
    """Return the figures of an append, and of flash with and without receipts."""
    return asyncio.run(measure_all(seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the spool costs.")
    parser.add_argument("--seconds", type=int, default=600, help="simulated")
    sys.stdout.write(json.dumps(measure(parser.parse_args().seconds), indent=2) + "\n")
