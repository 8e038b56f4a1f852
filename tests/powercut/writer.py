"""A process that appends to a real spool on a recorded disk, and notes when what was appended and what was durable.

python -m tests.powercut.writer NOTES FLASH MEMORY RUN FIRST PACE SEED

Each note is one line of JSON with the instant on the machine's monotonic clock: the recorder's clock. A readout is
durable when the sync of the file that a record of it was written to has returned. The process ends at SIGTERM. At the
pace `unsynced` it lies: nothing is synced, so that whoever judges must find readouts gone that were said to be durable.
"""

import asyncio
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TextIO

from gateway.app.clock import SystemClock
from gateway.core.protocols import Entry
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.record import unpack_entries
from gateway.spool.segment import scan
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from tests.powercut.story import gap_of
from tests.spool.stage import ENCODER, line, long_line, numbers

_NAP_S = 0.01
_LATE_NS = 40_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a writer works, and its spool."""

    setup: SpoolSetup
    every_s: float
    """Between two appends."""
    phase_s: float
    """So long receipts come, or do not, at most."""
    window_s: float
    """A power cut may take what is younger than this, and a flush in progress."""


def pace(name: str, run: str, boot_id: str) -> Pace:
    """Return the pace of a gateway, or one whose rounds are ten times as frequent and segments 16 times as small."""
    who = {"run": run, "catalogue": "c0ffee00", "boot_id": boot_id, "event_body": ENCODER.event}
    if name == "real":
        return Pace(SpoolSetup(**who, capacity_bytes=16 << 20), every_s=0.05, phase_s=12.0, window_s=5.0)  # type: ignore[arg-type]
    quick = SpoolSetup(
        **who,  # type: ignore[arg-type]
        segment_bytes=65_536,
        shelf_bytes=32_768,
        capacity_bytes=256 * 65_536,
        flush_after_s=0.4,
        round_every_s=0.46,
        mark_every_s=3.0,
    )
    return Pace(quick, every_s=0.004, phase_s=2.0, window_s=0.46 + 0.4)


class NotedFiles(DiskFiles):
    """Real files; says which readouts a sync made durable, and when a write to flash began that no sync has ended."""

    def __init__(self, folder: Path, notes: "Notes", *, lies: bool) -> None:
        super().__init__(folder)
        self._lies = lies
        self._notes = notes
        self._written: dict[str, list[int]] = {}

    def allocate(self, name: str, *, size_bytes: int) -> None:
        self._notes.say("begin")
        super().allocate(name, size_bytes=size_bytes)

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        self._notes.say("begin")
        super().write(name, offset=offset, chunk=chunk)
        self._written.setdefault(name, []).extend(_numbers_in(chunk))

    def sync(self, name: str) -> None:
        written = self._written.pop(name, [])
        if not self._lies:
            super().sync(name)
        self._notes.say("durable", written)


class Notes:
    """Writes notes, each on its way to the kernel before anything else happens."""

    def __init__(self, sink: TextIO) -> None:
        self._sink = sink

    def say(self, what: str, about: object = None) -> None:
        """Note something with the present instant."""
        self._sink.write(json.dumps([time.monotonic_ns(), what, about]) + "\n")
        self._sink.flush()


def watch_the_machine(notes: Notes) -> None:
    """Note for ever when the machine let this process wait: no program can keep a time while it may not run."""
    while True:
        before_ns = time.monotonic_ns()
        time.sleep(_NAP_S)
        if time.monotonic_ns() - before_ns > _LATE_NS:
            notes.say("starved", before_ns)


def _numbers_in(chunk: bytes) -> list[int]:
    """Return the numbers of the lines in what is written to a segment."""
    found: list[int] = []
    for record in scan(chunk).records:
        if record.holds_entries:
            found += numbers([entry.body for entry in unpack_entries(record) or ()])
    return found


def body(number: int) -> bytes:
    """Return the line of a number; some of them are long."""
    return long_line(number) if number % 13 == 0 else line(number)


async def write(spool: DurableSpool, notes: Notes, random: Random, *, first: int, wanted: Pace) -> None:
    """Append for ever, now with receipts, now without."""
    clock = SystemClock(trusted=True)
    number, is_online, phase_ends_s = first, False, clock.monotonic()
    while True:
        if clock.monotonic() >= phase_ends_s:
            is_online, phase_ends_s = not is_online, clock.monotonic() + random.uniform(0.1, 1.0) * wanted.phase_s
        time_ms = clock.utc_ms()
        notes.say("append", [number, time_ms])
        spool.append(Entry(body(number), round(clock.monotonic() * 1000), time_ms))
        notes.say("appended", number)
        number += 1
        await asyncio.sleep(wanted.every_s)
        if is_online and (batch := await spool.next_batch(order="newest", max_lines=50, max_bytes=100_000)):
            spool.sent(batch)
            notes.say("released", numbers(batch.lines))
            for gap in (gap for text in batch.lines for gap in gap_of(text)):
                notes.say("stored gap", gap)
            spool.release(batch.run, batch.first, batch.last)


async def main(notes: Notes, flash: str, memory: str, *rest: str) -> None:
    """Open the spool and write until SIGTERM."""
    run, first, name, seed = rest
    wanted = pace(name, run, "writer")
    files = NotedFiles(Path(flash), notes, lies=name == "unsynced")
    spool, events = await open_spool(
        files, DiskFiles(Path(memory)), setup=wanted.setup, clock=SystemClock(trusted=True)
    )
    for event in events:
        spool.declare(event)
    await spool.begin()
    notes.say("opened")
    threading.Thread(target=watch_the_machine, args=(notes,), daemon=True).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        random = Random(int(seed))  # noqa: S311 - when receipts come
        working = [
            tasks.create_task(spool.run(), name="spool"),
            tasks.create_task(write(spool, notes, random, first=int(first), wanted=wanted), name="write"),
        ]
        await stop.wait()
        for task in working:
            task.cancel()
    await spool.close()
    files.close()


if __name__ == "__main__":
    with Path(sys.argv[1]).open("a", encoding="ascii") as file:
        asyncio.run(main(Notes(file), *sys.argv[2:]))
