"""One gateway's spool with its clock, its memory and its flash, which can be killed, cut off and started again."""

import asyncio
import re
from contextlib import suppress
from random import Random
from typing import Literal

from gateway.core.protocols import Batch, Entry
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event
from gateway.spool.opening import open_spool
from gateway.spool.record import HEADER_BYTES, MARKER, Kind
from gateway.spool.setup import SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.wire.line import LineEncoder
from tests.fakes import FakeClock, settle
from tests.fakes_files import HeldWorker, MemoryFiles

SEGMENT_BYTES = 65_536
SHELF_BYTES = 32_768
ENCODER = LineEncoder("s", load_vocabulary())


class Stage:
    """A spool with small segments; `events` are what the last opening declared."""

    def __init__(
        self, *, has_tier: bool = True, segments: int = 8, shelves: int = 8, counters: frozenset[str] = frozenset()
    ) -> None:
        self.clock = FakeClock()
        self.flash = MemoryFiles()
        self.memory = MemoryFiles() if has_tier else None
        self.catalogue = "c0ffee00"
        self.events: list[Event] = []
        self.worker = HeldWorker()
        self.starts = 0
        self._boot = 0
        self._segments = segments
        self._shelves = shelves
        self._counters = counters
        self._running: asyncio.Task[None] | None = None

    @property
    def spool(self) -> DurableSpool:
        """The spool of this start."""
        return self._spool

    @property
    def run(self) -> str:
        """Its run."""
        return f"{self.starts:016x}"

    async def open(self, *, runs: bool = True) -> DurableSpool:
        """Start the gateway; what must be declared is appended."""
        self.starts += 1
        setup = SpoolSetup(
            run=self.run,
            catalogue=self.catalogue,
            boot_id=f"boot {self._boot}",
            event_body=ENCODER.event,
            segment_bytes=SEGMENT_BYTES,
            shelf_bytes=SHELF_BYTES,
            memory_bytes=self._shelves * SHELF_BYTES,
            capacity_bytes=self._segments * SEGMENT_BYTES,
            counters=self._counters,
        )
        self._spool, self.events = await open_spool(
            self.flash, self.memory, setup=setup, clock=self.clock, worker=self.worker
        )
        for event in self.events:
            self.append(ENCODER.event(event))
        if runs:
            self._running = asyncio.get_running_loop().create_task(self._spool.run(), name="spool")
            await settle()
        return self._spool

    async def stop(self) -> None:
        """Let the gateway end in good order."""
        await self.kill()
        await self._spool.close()

    async def kill(self) -> None:
        """Let the process die."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def cut_power(self, random: Random | None = None) -> None:
        """Let the machine die: memory is gone, and of flash what was not synced."""
        await self.kill()
        self.flash.power_cut(random or Random(1))  # noqa: S311 - a simulation
        if self.memory is not None:
            self.memory.vanish()
        self._boot += 1
        before = self.clock
        self.clock = FakeClock(utc_ms=before.utc_ms() + 20_000, monotonic_s=5.0)
        self.clock.is_synchronised = before.is_synchronised

    def append(self, body: bytes, *, timed: bool = True) -> None:
        """Append a line as of now."""
        now_ms = round(self.clock.monotonic() * 1000)
        self._spool.append(Entry(body, now_ms, self.clock.utc_ms() if timed else None))

    async def append_every(self, seconds: float, count: int, *, timed: bool = True, start: int = 0) -> None:
        """Append numbered lines while time passes."""
        for number in range(start, start + count):
            self.append(line(number), timed=timed)
            await self.clock.advance(seconds)

    async def batch(
        self, order: Literal["newest", "oldest"] = "oldest", *, max_lines: int = 1000, max_bytes: int = 1_000_000
    ) -> Batch | None:
        """Return the next batch."""
        return await self._spool.next_batch(order=order, max_lines=max_lines, max_bytes=max_bytes)

    async def drain(self, order: Literal["newest", "oldest"] = "oldest") -> list[bytes]:
        """Send and release everything; return the lines in the order in which they came."""
        lines: list[bytes] = []
        while batch := await self.batch(order):
            self._spool.sent(batch)
            assert self._spool.release(batch.run, batch.first, batch.last) == len(batch.lines)
            lines += batch.lines
        return lines


def line(number: int) -> bytes:
    """Return a line that no other number has."""
    return b"kvarter,site=s,device=d elec_power_active=%d,status=0i" % number


def long_line(number: int) -> bytes:
    """Return a line that hardly packs, so that segments fill quickly."""
    random = Random(number)  # noqa: S311 - noise
    noise = b"".join(b"n%d=%d," % (index, random.randrange(10**18)) for index in range(150))
    return b"kvarter,site=s,device=d elec_power_active=%d,%bstatus=0i" % (number, noise)


def numbers(lines: list[bytes] | tuple[bytes, ...]) -> list[int]:
    """Return the numbers of lines, without those of events."""
    return [int(text.split(b"elec_power_active=")[1].split(b",")[0]) for text in lines if b"elec_power_active" in text]


def middle_of_a_block(content: bytes | bytearray) -> int:
    """Return an offset inside the payload of a block, about in the middle of a segment's blocks."""
    starts = [match.start() for match in re.finditer(re.escape(MARKER + bytes([Kind.BLOCK])), bytes(content))]
    return starts[len(starts) // 2] + HEADER_BYTES + 8


def gaps(lines: list[bytes]) -> list[bytes]:
    """Return the gap lines, each without its comment."""
    return [text.rpartition(b"\n")[2] for text in lines if b"kind=gap" in text]
