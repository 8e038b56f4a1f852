"""A process that appends to a spool on real files until somebody kills it.

    python -m tests.spool.appender FLASH MEMORY RUN START

It prints the number of each line after the spool has taken it. FLASH and MEMORY are folders.
"""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

from gateway.core.protocols import Entry
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from tests.spool.stage import ENCODER, line, numbers


class RealClock:
    """The clock of this machine."""

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def synchronised(self) -> bool:
        return True

    def awaited(self) -> bool:
        return False

    async def sleep_until(self, monotonic_s: float) -> None:
        await asyncio.sleep(max(0.0, monotonic_s - time.monotonic()))


def setup(run: str) -> SpoolSetup:
    """Return a setup with small segments and quick rounds, so that a kill hits every step of them."""
    return SpoolSetup(
        run=run,
        catalogue="c0ffee00",
        boot_id="boot",
        event_body=ENCODER.event,
        segment_bytes=65_536,
        shelf_bytes=32_768,
        capacity_bytes=64 * 65_536,
        flush_after_s=0.002,
        round_every_s=0.003,
    )


async def append_until_killed(spool: DurableSpool, start: int) -> None:
    """Append lines; every third batch gets its receipt."""
    clock, number = RealClock(), start
    while True:
        for _ in range(5):
            spool.append(Entry(line(number), round(clock.monotonic() * 1000), clock.utc_ms()))
            sys.stdout.write(f"{number}\n")
            number += 1
        sys.stdout.flush()
        batch = await spool.next_batch(order="newest", max_lines=2, max_bytes=10_000)
        if batch is not None and number % 3 == 0:
            spool.sent(batch)
            sys.stdout.write(f"released {' '.join(map(str, numbers(batch.lines)))}\n")
            sys.stdout.flush()
            spool.release(batch.run, batch.first, batch.last)
        await asyncio.sleep(0.001)


async def main(flash: str, memory: str, run: str, start: str) -> None:
    """Open the spool and append."""
    spool, events = await open_spool(
        DiskFiles(Path(flash)), DiskFiles(Path(memory)), setup=setup(run), clock=RealClock()
    )
    sys.stdout.write(f"declared {len(events)}\n")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(spool.run(), name="spool")
        tasks.create_task(append_until_killed(spool, int(start)), name="append")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
