"""What the spool does to a flash disk at 20 readings a second, from the block statistics of an ext4 on a loop device.

    python -m bench.flash_wear [--minutes 15] [--hours 6]

In real time, because the journal of the file system has a clock of its own: ten devices with 20 points each are read
every 10 s, so that every second brings one readout of 20 values; with receipts and without, on a disk mounted as we
advise and on one mounted as usual, all at once, each on a file system of its own. How much of the ring thirty days take
is computed from simulated hours without receipts. Needs root.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from bench.figures import Measured
from bench.loop import BlockCounters, MountedDisk, ext4_on_loop
from bench.meter import Meter, meter_fields
from bench.site import SITE
from bench.spool import SHARED_MEMORY, VirtualClock, confirm, setup
from gateway.app.clock import SystemClock
from gateway.core.clock import Clock
from gateway.core.protocols import Entry
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Readout, Status
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.spool import DurableSpool
from gateway.wire.line import LineEncoder

DEVICES = 10
VALUES = 20
"""In one readout; there is one readout a second."""
COMMIT_S = 900
ADVISED, USUAL = f"noatime,commit={COMMIT_S}", "noatime"
"""How the file system is mounted."""
SUBJECTS: Mapping[str, tuple[bool, bool]] = {
    "wear_with_receipts": (True, True),
    "wear_without_receipts": (False, True),
    "wear_usual_mount_with_receipts": (True, False),
    "wear_usual_mount_without_receipts": (False, False),
}
"""Name → whether receipts come, and whether the disk is mounted as advised."""
MONTH_DAYS = 30
HOUR_S = 3600
_DISK_BYTES = 1 << 30
_WARM_UP_S = 60
_RECEIPT_AFTER_S = 0.7
"""A relay collects for half a second, and the way to the store and back takes some time."""
_STEPS = 5
"""Of the simulated clock, in each second."""


def entries(clock: Clock) -> Iterator[Entry]:
    """Yield one readout of each device in turn, with the time of the clock."""
    vocabulary = load_vocabulary()
    fields, encoder = meter_fields(vocabulary), LineEncoder(SITE, vocabulary)
    points = tuple(field.quantity.name for field in fields)[::2]
    meters = [Meter(seed) for seed in range(DEVICES)]
    while True:
        for number, meter in enumerate(meters):
            readout = Readout(f"meter_{number}", clock.monotonic(), points, meter.values(fields)[::2], Status.OK)
            yield Entry(encoder.readout(readout), round(clock.monotonic() * 1000), clock.utc_ms())


async def wear(
    disk: MountedDisk, memory: Path, *, seconds: int, receipts: bool, commit_s: float | None
) -> dict[str, float]:
    """Return what one reading costs the disk, in real time.

    Args:
        disk: Mounted, empty.
        memory: A RAM-backed folder.
        seconds: Of the measurement.
        receipts: Whether they come.
        commit_s: The journal's interval, where it is longer than the measurement: then one commit is forced at the end
            and counted by its share.
    """
    clock = SystemClock(trusted=True)
    files = DiskFiles(disk.folder / "spool")
    spool, _ = await open_spool(files, DiskFiles(memory), setup=setup(), clock=clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(spool.run(), name="spool")
            await _read(spool, clock, seconds=_WARM_UP_S, receipts=receipts)
            before = disk.counters()
            await _read(spool, clock, seconds=seconds, receipts=receipts)
            done = disk.counters()
            running.cancel()
            if commit_s:
                await asyncio.to_thread(disk.commit)
            last = disk.counters().since(done)
        if spool.health.lost or spool.health.failures:
            raise RuntimeError(spool.health)
        await spool.close()
    finally:
        files.close()
    share = seconds / commit_s if commit_s else 0.0
    return _per_reading(done.since(before), last, share=share, readings=seconds * VALUES)


async def _read(spool: DurableSpool, clock: Clock, *, seconds: int, receipts: bool) -> None:
    begun_s, source = clock.monotonic(), entries(clock)
    for second in range(seconds):
        await clock.sleep_until(begun_s + second)
        spool.append(next(source))
        if receipts:
            await clock.sleep_until(begun_s + second + _RECEIPT_AFTER_S)
            await confirm(spool)
    await clock.sleep_until(begun_s + seconds)


def _per_reading(done: BlockCounters, last: BlockCounters, *, share: float, readings: int) -> dict[str, float]:
    bytes_each = (done.written_bytes + share * last.written_bytes) / readings
    flushes_each = (done.flushes + share * last.flushes) / readings
    return {
        "bytes_per_reading": bytes_each,
        "flushes_per_1000_readings": flushes_each * 1000,
        "mb_per_day": bytes_each * VALUES * 86_400 / 1e6,
        "commit_bytes": last.written_bytes,
        "commit_flushes": last.flushes,
        "seconds": readings / VALUES,
    }


async def measure_wear(seconds: int) -> Measured:
    """Return the figures of all subjects, measured at the same time."""
    with ExitStack() as stack:
        work = {}
        for name, (receipts, is_advised) in SUBJECTS.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))
            options = ADVISED if is_advised else USUAL
            disk = stack.enter_context(ext4_on_loop(folder, size_bytes=_DISK_BYTES, options=options))
            commit_s = COMMIT_S if is_advised else None
            work[name] = wear(disk, memory, seconds=seconds, receipts=receipts, commit_s=commit_s)
        figures = await asyncio.gather(*work.values())
    return {name: {"kvarter": found} for name, found in zip(work, figures, strict=True)}


async def measure_month(hours: int) -> dict[str, float]:
    """Return how much of the ring thirty days without receipts take, from so many simulated hours."""
    clock = VirtualClock()
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as memory, tempfile.TemporaryDirectory() as flash:
        spool, _ = await open_spool(DiskFiles(Path(flash)), DiskFiles(Path(memory)), setup=setup(), clock=clock)
        source = entries(clock)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(spool.run(), name="spool")
            for entry in islice(source, hours * HOUR_S):
                spool.append(entry)
                for _ in range(_STEPS):
                    await clock.advance(1 / _STEPS)
            size_bytes, waiting = spool.backlog().size_bytes, spool.backlog().waiting
            running.cancel()
        await spool.close()
    if waiting < hours * HOUR_S:
        raise RuntimeError(f"{waiting} readouts wait, {hours * HOUR_S} were appended")
    return {"gb_in_30_days": size_bytes / hours * 24 * MONTH_DAYS / 1e9, "simulated_hours": hours}


def measure(minutes: int = 15, hours: int = 6) -> Measured:
    """Return the figures of the wear, and of a month offline."""
    figures = asyncio.run(measure_wear(minutes * 60))
    return {**figures, "wear_month": {"kvarter": asyncio.run(measure_month(hours))}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the spool does to a flash disk.")
    parser.add_argument("--minutes", type=int, default=15, help="of real time, after one of warm-up")
    parser.add_argument("--hours", type=int, default=6, help="simulated, for the size of a month")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(measure(options.minutes, options.hours), indent=2) + "\n")
