"""An ext4 file system of its own on a loop device, and what the block device was asked to do. Needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import program

SECTOR_BYTES = 512
_COMMAND_S = 60.0
_REPAIRED = 1
"""Exit code of e2fsck."""
_MKFS = ("-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")


@dataclass(frozen=True, slots=True)
class BlockCounters:
    """What a block device did since it is there."""

    written_bytes: int
    flushes: int

    def since(self, before: "BlockCounters") -> "BlockCounters":
        """Return what was done since then."""
        return BlockCounters(self.written_bytes - before.written_bytes, self.flushes - before.flushes)


@dataclass(frozen=True, slots=True)
class MountedDisk:
    """A mounted file system."""

    folder: Path
    device: str
    """Path of the loop device."""

    def counters(self) -> BlockCounters:
        """Return what the device did, from the kernel's block statistics."""
        fields = Path(f"/sys/block/{Path(self.device).name}/stat").read_text(encoding="ascii").split()
        return BlockCounters(int(fields[6]) * SECTOR_BYTES, int(fields[15]))

    def commit(self) -> None:
        """Have all that is written, and the journal of this file system alone, on the device."""
        _run("sync", "--file-system", str(self.folder))


def what_is_missing() -> str:
    """Return why there can be no loop device here, '' when there can be."""
    if os.geteuid() != 0:
        return "only root may mount"
    if not Path("/dev/loop-control").exists():
        return "the kernel has no loop devices"
    for name in ("mkfs.ext4", "e2fsck", "losetup", "mount", "umount"):
        try:
            program(name)
        except FileNotFoundError as exc:
            return str(exc)
    return ""


def make_ext4(path: Path, *options: str) -> None:
    """Make a file system of 4 KiB blocks in a file or on a device, as it is on a disk of usual size."""
    _run("mkfs.ext4", *_MKFS, *options, str(path))


def repair(device: str, *, copy_at: int) -> None:
    """Let the file system's own check repair it with a copy of the superblock, as a boot does before it mounts.

    Args:
        device: Not mounted.
        copy_at: Block of the copy; a disk of usual size has it where the check looks by itself.

    Raises:
        OSError: it cannot.
    """
    _run("e2fsck", "-f", "-y", "-B", "4096", "-b", str(copy_at), device, allowed=_REPAIRED)


@contextmanager
def attached(image: Path) -> Iterator[str]:
    """Offer a file as a loop device for the block, and yield the path of the device."""
    device = _run("losetup", "--find", "--show", str(image)).strip()
    try:
        yield device
    finally:
        _run("losetup", "--detach", device)


@contextmanager
def mounted(device: str, folder: Path, options: str) -> Iterator[MountedDisk]:
    """Mount a device for the block."""
    folder.mkdir(exist_ok=True)
    _run("mount", "-t", "ext4", "-o", options, device, str(folder))
    try:
        yield MountedDisk(folder, device)
    finally:
        _run("umount", str(folder))


@contextmanager
def ext4_on_loop(folder: Path, *, size_bytes: int, options: str) -> Iterator[MountedDisk]:
    """Make a file system in a sparse file and mount it for the block."""
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(size_bytes)
    make_ext4(image)
    with attached(image) as device, mounted(device, folder / "disk", options) as disk:
        yield disk


def _run(name: str, *arguments: str, allowed: int = 0) -> str:
    done = subprocess.run([program(name), *arguments], check=False, capture_output=True, text=True, timeout=_COMMAND_S)
    if done.returncode not in (0, allowed):
        raise OSError(f"{name} {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
