"""The disks of a simulated machine, and a process's way to them, which ends when it dies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from zlib import crc32

from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from tests.fakes_files import MemoryFiles
from tests.simulation.loop import Owner


@dataclass
class Process:
    """One life of a program; after its death nothing it does can be seen from outside."""

    name: str
    on_death: Callable[[], None] = lambda: None
    is_alive: bool = True
    operations_left: int | None = None
    owner: Owner = field(default_factory=Owner)

    def step(self) -> None:
        """Note one operation on a disk; die behind the one that was chosen."""
        if self.operations_left is None or not self.is_alive:
            return
        self.operations_left -= 1
        if self.operations_left <= 0:
            self.die()

    def written_of(self, chunk: bytes) -> bytes:
        """Return what a write leaves: all, or any part of it where the process dies in its midst."""
        return chunk if self.operations_left != 1 else chunk[: crc32(chunk) % (len(chunk) + 1)]

    def die(self) -> None:
        """Take back every way to the outside."""
        if self.is_alive:
            self.is_alive = False
            self.on_death()


@dataclass
class Mount:
    """Implements Files for one process."""

    disk: MemoryFiles
    process: Process

    def names(self) -> Sequence[str]:
        return self.disk.names()

    def allocate(self, name: str, *, size_bytes: int) -> None:
        if self.process.is_alive:
            self.disk.allocate(name, size_bytes=size_bytes)
            self.process.step()

    def read(self, name: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        if not self.process.is_alive:
            raise SpoolError("the process is dead")
        return self.disk.read(name, offset=offset, size_bytes=size_bytes)

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        if self.process.is_alive:
            self.disk.write(name, offset=offset, chunk=self.process.written_of(chunk))
            self.process.step()

    def sync(self, name: str) -> None:
        if self.process.is_alive:
            self.disk.sync(name)
            self.process.step()

    def set_aside(self, name: str) -> None:
        if self.process.is_alive:
            self.disk.set_aside(name)


class FailingFiles(MemoryFiles):
    """Refuses as told, and rots."""

    def break_down(self, operations: Sequence[str], error: str) -> None:
        """Refuse these operations until mended."""
        self.refusals.update(dict.fromkeys(operations, error))

    def mend(self) -> None:
        """Refuse nothing any more."""
        self.refusals.clear()

    def rot(self, random: Random) -> str | None:
        """Flip one bit of a file that is in use; return where."""
        written = [name for name in sorted(self.contents) if any(self.contents[name][:4096])]
        if not written:
            return None
        name = random.choice(written)
        content = self.contents[name]
        used = len(content.rstrip(b"\0"))
        place, bit = random.randrange(used), 1 << random.randrange(8)
        content[place] ^= bit
        if place < len(self._durable.get(name, b"")):
            self._durable[name][place] ^= bit
        return f"{name}:{place}"


def files_of(disk: MemoryFiles, process: Process) -> Files:
    """Return a process's way to a disk."""
    return Mount(disk, process)
