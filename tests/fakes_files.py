"""Files in memory that lose what was not synced, refuse on demand, and a worker that works at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from random import Random
from typing import ParamSpec, TypeVar

from gateway.core.errors import SpoolError

SECTOR_BYTES = 512

P = ParamSpec("P")
R = TypeVar("R")


class MemoryFiles:
    """A folder; `contents` is what this machine sees, and only a part of it survives a power cut."""

    def __init__(self) -> None:
        self.contents: dict[str, bytearray] = {}
        self.aside: dict[str, bytes] = {}
        self.refusals: dict[str, str] = {}
        """Operation (names, allocate, read, write, sync) → error, while it is there."""
        self.room_bytes: int | None = None
        """What can still be allocated; None for as much as one likes."""
        self.syncs = 0
        self.written_bytes = 0
        self.read_bytes = 0
        self._durable: dict[str, bytearray] = {}
        self._pending: dict[str, list[tuple[int, bytes]]] = {}

    def names(self) -> Sequence[str]:
        self._ask("names")
        return list(self.contents)

    def allocate(self, name: str, *, size_bytes: int) -> None:
        self._ask("allocate")
        if self.room_bytes is not None:
            if size_bytes > self.room_bytes:
                raise SpoolError(f"{name}: No space left on device")
            self.room_bytes -= size_bytes
        self.contents[name] = bytearray(size_bytes)
        self._durable[name] = bytearray(size_bytes)
        self._pending[name] = []

    def read(self, name: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        self._ask("read")
        if name not in self.contents:
            raise SpoolError(f"{name}: No such file or directory")
        end = None if size_bytes is None else offset + size_bytes
        content = bytes(self.contents[name][offset:end])
        self.read_bytes += len(content)
        return content

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        self._ask("write")
        content = self.contents[name]
        assert offset + len(chunk) <= len(content), "a segment never grows"
        content[offset : offset + len(chunk)] = chunk
        self._pending.setdefault(name, []).append((offset, chunk))
        self.written_bytes += len(chunk)

    def sync(self, name: str) -> None:
        self.syncs += 1
        pending, self._pending[name] = self._pending.get(name, []), []
        # A failed sync leaves pages that look written and never will be.
        self._ask("sync")
        durable = self._durable.setdefault(name, bytearray(len(self.contents[name])))
        for offset, chunk in pending:
            durable[offset : offset + len(chunk)] = chunk

    def set_aside(self, name: str) -> None:
        self.aside[name] = bytes(self.contents.pop(name, b""))
        self._durable.pop(name, None)

    def put(self, name: str, content: bytes) -> None:
        """Let a file be there, durable, as somebody else left it."""
        self.contents[name] = bytearray(content)
        self._durable[name] = bytearray(content)
        self._pending[name] = []

    def power_cut(self, random: Random) -> None:
        """Keep of what was not synced any sectors of any writes, in any order."""
        for name, pending in self._pending.items():
            durable = self._durable.get(name, bytearray())
            for offset, chunk in random.sample(pending, len(pending)) if durable else ():
                for start in range(offset - offset % SECTOR_BYTES, offset + len(chunk), SECTOR_BYTES):
                    low, high = max(start, offset), min(start + SECTOR_BYTES, offset + len(chunk))
                    if random.random() < 0.5:
                        durable[low:high] = chunk[low - offset : high - offset]
        self.contents = {name: bytearray(content) for name, content in self._durable.items()}
        self._pending = {name: [] for name in self.contents}

    def vanish(self) -> None:
        """Lose everything, as memory does when power goes."""
        self.contents, self._durable, self._pending = {}, {}, {}

    def _ask(self, operation: str) -> None:
        if operation in self.refusals:
            raise SpoolError(f"disk: {self.refusals[operation]}")


class InlineWorker(Executor):
    """Does each job when it is submitted, so that a test sees the same order every time."""

    def submit(self, job: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(job(*args, **kwargs))
        except BaseException as exc:  # noqa: BLE001 - whatever it is belongs to who asked
            future.set_exception(exc)
        return future


class HeldWorker(InlineWorker):
    """Does nothing while it is held, as a thread that waits for a disk."""

    def __init__(self) -> None:
        self.is_held = False
        self._jobs: list[Callable[[], None]] = []

    def submit(self, job: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        if not self.is_held:
            return super().submit(job, *args, **kwargs)
        future: Future[R] = Future()

        def work() -> None:
            done = super(HeldWorker, self).submit(job, *args, **kwargs)
            if (exc := done.exception()) is not None:
                future.set_exception(exc)
            else:
                future.set_result(done.result())

        self._jobs.append(work)
        return future

    def let_go(self) -> None:
        """Do everything that waits."""
        self.is_held = False
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job()
