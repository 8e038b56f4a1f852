"""A recorded disk with a real ext4 on it, writers on that, and starts on what a power cut left. Needs root."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.loop import attached, make_ext4, mounted, repair, what_is_missing
from gateway.app.clock import SystemClock
from gateway.spool.disk import DiskFiles
from gateway.spool.opening import open_spool
from gateway.spool.spool import DurableSpool
from tests.powercut.recorder import Written, read_recording
from tests.powercut.story import Found, Gap, Story, gap_of
from tests.powercut.writer import body, pace
from tests.spool.stage import numbers

DISK_BYTES = 48 << 20
GROUP_BLOCKS = 4096
"""A disk so small has copies of the superblock only if its groups are smaller than usual."""
SHAPE = ("-J", "size=4", "-g", str(GROUP_BLOCKS))
_START_S = 20.0
_STOP_S = 30.0
_SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened to a disk, from the file system's making or from an earlier cut on."""

    content: bytes
    """Before."""
    written: Sequence[Written]
    story: Story
    first_ns: int
    """The writer had its spool open."""
    last_ns: int
    """The last writer had ended; what follows is the unmounting, which is no business of the spool."""
    pace: str


@dataclass(frozen=True, slots=True)
class Life:
    """One writer on the disk."""

    seconds: float
    is_killed: bool = False
    loses_memory: bool = False
    """What it left in RAM is gone when the next one starts."""


def why_not() -> str:
    """Return why power cannot be cut here, '' when it can."""
    missing = what_is_missing()
    if not missing and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "there is no /dev/fuse"
    return missing


def record(folder: Path, lives: Sequence[Life], *, name: str, seed: int, base: bytes = b"") -> Recording:
    """Let writers live on a recorded disk, one after the other, and return what happened.

    Args:
        folder: RAM-backed, empty.
        lives: Of the writers.
        name: Of their pace.
        seed: When receipts come.
        base: What is on the disk before; left out, an empty file system.
    """
    content = base or _fresh(folder)
    log, notes, memory = folder / "log", folder / "notes", folder / "memory"
    first_ns = 0
    lost_ns: list[int] = []
    with (
        _recorded(folder, content, log) as image,
        attached(image) as device,
        mounted(device, folder / "disk", "noatime") as disk,
    ):
        for number, life in enumerate(lives):
            flash = disk.folder / _SPOOL
            _live(
                life,
                (notes, flash, memory),
                (f"{seed:08x}{number:08x}", str(number * 10**6), name, str(seed + number)),
            )
            first_ns = first_ns or _opened_ns(notes)
            if life.loses_memory:
                shutil.rmtree(memory)
                lost_ns.append(time.monotonic_ns())
        last_ns = time.monotonic_ns()
    story = Story(memory_lost_ns=lost_ns)
    with notes.open(encoding="ascii") as lines:
        story.read(lines)
    return Recording(content, list(read_recording(log)), story, first_ns, last_ns, name)


def recover(folder: Path, content: bytes | bytearray, *, name: str) -> Found:
    """Start on what a power cut left, twice, and return what the first start gave back.

    A file system that cannot be mounted is repaired first, as a boot does: ext4 reads its superblock before its
    journal, and where the power tore that block, which no program can help, its check takes a copy.

    Raises:
        OSError: the file system cannot be mounted, repaired or not.
        RuntimeError: the spool does not work, or the second start gives back something else.
    """
    image = folder / "cut.img"
    image.write_bytes(content)
    with attached(image) as device, ExitStack() as stack:
        is_repaired = False
        try:
            disk = stack.enter_context(mounted(device, folder / "cut", "noatime"))
        except OSError:
            repair(device, copy_at=GROUP_BLOCKS)
            is_repaired = True
            disk = stack.enter_context(mounted(device, folder / "cut", "noatime"))
        files = DiskFiles(disk.folder / _SPOOL)
        try:
            first = asyncio.run(_start(files, name, run="f" * 16))
            second = asyncio.run(_start(files, name, run="e" * 16))
        finally:
            files.close()
    if second.times_ms != first.times_ms:
        raise RuntimeError(f"the second start gives back {len(second.times_ms)}, the first {len(first.times_ms)}")
    return replace(first, is_repaired=is_repaired)


async def _start(files: DiskFiles, name: str, *, run: str) -> Found:
    clock = SystemClock(trusted=True)
    spool, events = await open_spool(files, None, setup=pace(name, run, f"boot {run}").setup, clock=clock)
    for event in events:
        spool.declare(event)
    found = await _drain(spool)
    await spool.close()
    if spool.health.failures or spool.health.lost:
        raise RuntimeError(f"the spool does not work: {spool.health}")
    return found


async def _drain(spool: DurableSpool) -> Found:
    """Return all that waits, and the gaps among it."""
    found: dict[int, int] = {}
    gaps: list[Gap] = []
    while batch := await spool.next_batch(order="oldest", max_lines=5000, max_bytes=5_000_000):
        spool.sent(batch)
        for text in batch.lines:
            gaps += gap_of(text)
            for number in numbers([text]):
                told, _, time_ns = text.rpartition(b" ")
                if told != body(number) or number in found:
                    raise RuntimeError(f"altered or twice: {text!r}")
                found[number] = int(time_ns) // 1_000_000
    return Found(found, gaps)


def _fresh(folder: Path) -> bytes:
    image = folder / "fresh.img"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    make_ext4(image, *SHAPE)
    return image.read_bytes()


@contextmanager
def _recorded(folder: Path, content: bytes, log: Path) -> Iterator[Path]:
    """Serve a recorded disk for the block, and yield its path."""
    image, before = folder / "disk.img", folder / "before.img"
    image.touch()
    before.write_bytes(content)
    command = [sys.executable, "-m", "tests.powercut.recorder", image, str(DISK_BYTES), log, before]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as recorder:
        try:
            if recorder.stdout is None or recorder.stdout.readline() != "ready\n":
                raise OSError("the recorder cannot mount its disk")
            yield image
        finally:
            with suppress(subprocess.SubprocessError):
                subprocess.run(["umount", str(image)], check=False, timeout=_STOP_S)  # noqa: S607 - a system's own
            recorder.terminate()


def _live(life: Life, folders: Sequence[Path], rest: Sequence[str]) -> None:
    command = [sys.executable, "-m", "tests.powercut.writer", *map(str, folders), *rest]
    lines_before = _openings(folders[0])
    with subprocess.Popen(command) as writer:
        end_s = time.monotonic() + _START_S
        while _openings(folders[0]) == lines_before:
            if time.monotonic() > end_s or writer.poll() is not None:
                writer.kill()
                raise OSError("the writer does not start")
            time.sleep(0.02)
        time.sleep(life.seconds)
        if life.is_killed:
            writer.kill()
            return
        writer.send_signal(signal.SIGTERM)
        writer.wait(_STOP_S)


def _openings(notes: Path) -> int:
    return notes.read_text(encoding="ascii").count('"opened"') if notes.exists() else 0


def _opened_ns(notes: Path) -> int:
    return next(
        int(text[1:].split(",")[0]) for text in notes.read_text(encoding="ascii").splitlines() if '"opened"' in text
    )
