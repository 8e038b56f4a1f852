"""What the spool costs: µs per append, and bytes and flushes per reading with receipts and without.

    python -m bench.spool_append [--seconds 600]

A simulated clock drives the rounds; the RAM tier is real, flash is a folder of real files. A reading is one value of
one point: 10 devices with 20 points each, one device a second.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from gateway.core.protocols import Entry, Files
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.wire.line import LineEncoder

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the RAM-backed folder that every Linux has
DEVICES = 10
POINTS = 20
PAGE_BYTES = 4096


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


def entries(clock: VirtualClock) -> Iterator[Entry]:
    """Yield readouts of meters that live: counters that grow, gauges that jitter."""
    vocabulary = load_vocabulary()
    random = Random(1)  # noqa: S311 - a simulation
    encoder = LineEncoder("soenderborg-12", vocabulary)
    points = tuple(name for name in vocabulary if name.startswith("elec_"))[:POINTS]
    values = {(device, point): random.uniform(10, 9000) for device in range(DEVICES) for point in points}
    while True:
        for device in range(DEVICES):
            row: list[float | int] = []
            for point in points:
                quantity = vocabulary[point]
                values[device, point] *= 1 + (random.uniform(0, 1e-6) if quantity.kind == "counter" else 0)
                jitter = 1 if quantity.kind == "counter" else random.uniform(0.99, 1.01)
                row.append(1 if quantity.is_integer else round(values[device, point] * jitter, 2))
            readout = Readout(f"meter_{device}", clock.monotonic(), points, tuple(row), Status.OK)
            yield Entry(encoder.readout(readout), round(clock.monotonic() * 1000), clock.utc_ms())


def setup() -> SpoolSetup:
    """Return the setup of a gateway."""
    return SpoolSetup(run="ab" * 8, catalogue="cd" * 4, boot_id="bench", event_body=lambda _: b"kvarter_event")


async def measure_append(memory: Files, flash: Files, *, count: int) -> None:
    """Print µs per append."""
    clock = VirtualClock()
    spool, _ = await open_spool(flash, memory, setup=setup(), clock=clock)
    source = entries(clock)
    batch = [next(source) for _ in range(1000)]
    size_bytes = sum(len(entry.body) for entry in batch) / len(batch)
    best_us = float("inf")
    for _ in range(count // len(batch)):
        started_s = time.perf_counter()
        for entry in batch:
            spool.append(entry)
        best_us = min(best_us, (time.perf_counter() - started_s) / len(batch) * 1e6)
        await confirm(spool)
    print(f"append: {best_us:.1f} µs per entry of {size_bytes:.0f} bytes (best of {count // len(batch)} thousands)")
    await spool.close()


async def confirm(spool: DurableSpool) -> None:
    """Give every receipt at once."""
    while batch := await spool.next_batch(order="newest", max_lines=4000, max_bytes=1_000_000):
        spool.sent(batch)
        spool.release(batch.run, batch.first, batch.last)


async def measure_wear(memory: Files, flash: CountedFiles, *, seconds: int, receipts: bool) -> None:
    """Print what goes to flash for each reading."""
    clock = VirtualClock()
    spool, _ = await open_spool(flash, memory, setup=setup(), clock=clock)
    flash.pages = flash.flushes = 0
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spool.run(), name="spool")
        for entry in (entry for _, entry in zip(range(seconds), entries(clock), strict=False)):
            spool.append(entry)
            if receipts:
                await confirm(spool)
            for _ in range(5):
                await clock.advance(0.2)
        running.cancel()
    readings = seconds * POINTS
    kind = "with receipts" if receipts else "without receipts"
    held = spool.backlog()
    print(
        f"{kind}: {flash.pages * PAGE_BYTES / readings:.2f} bytes in whole pages and "
        f"{flash.flushes / readings:.5f} flushes per reading; {spool.health.flash_bytes / readings:.2f} bytes written; "
        f"{held.waiting} entries wait"
    )
    await spool.close()


async def main(seconds: int) -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory, tempfile.TemporaryDirectory() as flash:
        await measure_append(DiskFiles(Path(memory)), DiskFiles(Path(flash)), count=20_000)
    for receipts in (True, False):
        with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory, tempfile.TemporaryDirectory() as flash:
            files = CountedFiles(Path(flash))
            await measure_wear(DiskFiles(Path(memory)), files, seconds=seconds, receipts=receipts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the spool costs.")
    parser.add_argument("--seconds", type=int, default=600, help="simulated, for bytes and flushes per reading")
    asyncio.run(main(parser.parse_args().seconds))
