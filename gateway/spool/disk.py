"""The one place where the spool touches a real file system."""

import errno
import fcntl
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.core.errors import SpoolError

ASIDE = "aside"
"""Folder for files that are not ours or can no longer be read; nothing in it is ever touched again."""
_OPEN_FILES = 16


class DiskFiles:
    """Files of fixed size in one folder, which no other process may use meanwhile.

    A folder that cannot be made or opened now is tried again by every call.

    Raises:
        SpoolError: another process uses the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, int] = OrderedDict()
        self._handle = -1
        with suppress(OSError):
            self._lock()

    def close(self) -> None:
        """Close every file and let other processes in; closing twice is allowed."""
        for name in list(self._open):
            self._forget(name)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def names(self) -> Sequence[str]:
        """Return the names of the files there; folders do not count.

        Raises:
            SpoolError: the directory cannot be read.
        """
        with _refusal(f"{self._folder} cannot be listed"), os.scandir(self._directory) as entries:
            return [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]

    def allocate(self, name: str, *, size_bytes: int) -> None:
        """Make the file exist with that size, zero-filled, its blocks reserved, it and its name durable.

        Raises:
            SpoolError: the disk is full, read-only or broken.
        """
        self._forget(name)
        path = self._folder / name
        try:
            with _refusal(f"{path} cannot be made"):
                self._allocate(name, size_bytes)
        except SpoolError:
            # What was reserved of it would only make a full disk fuller.
            with suppress(OSError):
                path.unlink()
            raise

    def _allocate(self, name: str, size_bytes: int) -> None:
        path = self._folder / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            self.set_aside(name)
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._directory)
        try:
            os.ftruncate(handle, 0)
            os.posix_fallocate(handle, 0, size_bytes)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.fsync(self._directory)

    def read(self, name: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Return the file or a part of it, less where the file ends before.

        Raises:
            SpoolError: it cannot be read.
        """
        try:
            handle = self._opened(name)
            end = os.fstat(handle).st_size if size_bytes is None else offset + size_bytes
            parts: list[bytes] = []
            while offset < end and (part := os.pread(handle, end - offset, offset)):
                parts.append(part)
                offset += len(part)
        except OSError as exc:
            raise self._failed(name, exc) from exc
        return b"".join(parts)

    def write(self, name: str, *, offset: int, chunk: bytes) -> None:
        """Write in place; it survives this process at once and a power cut after `sync`.

        Raises:
            SpoolError: the disk is full, read-only or broken.
        """
        try:
            _write(self._open.get(name) or self._opened(name), chunk, offset)
        except OSError as exc:
            raise self._failed(name, exc) from exc

    def sync(self, name: str) -> None:
        """Return when all writes to the file survive a power cut.

        Raises:
            SpoolError: they may not.
        """
        try:
            os.fdatasync(self._opened(name))
        except OSError as exc:
            raise self._failed(name, exc) from exc

    def set_aside(self, name: str) -> None:
        """Move a file that is not ours, or no longer readable, out of the way; never fails."""
        self._forget(name)
        aside = self._folder / ASIDE
        with suppress(OSError):
            aside.mkdir(mode=0o700, exist_ok=True)
            taken = {path.name for path in aside.iterdir()}
            number = next(count for count in range(len(taken) + 1) if f"{name}.{count}" not in taken)
            (self._folder / name).rename(aside / f"{name}.{number}")
            os.fsync(self._directory)

    @property
    def _directory(self) -> int:
        if self._handle < 0:
            self._lock()
        return self._handle

    def _lock(self) -> None:
        """Open the folder for this process alone."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(handle)
            raise SpoolError(f"{self._folder} is in use by another process: stop that one first") from exc
        self._handle = handle

    def _failed(self, name: str, exc: OSError) -> SpoolError:
        """Return our error; a file that failed is opened anew at its next use."""
        self._forget(name)
        return SpoolError(f"{self._folder / name}: {exc.strerror}")

    def _opened(self, name: str) -> int:
        handle = self._open.get(name)
        if handle is not None:
            self._open.move_to_end(name)
            return handle
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            handle = os.open(name, os.O_RDWR | flags, dir_fd=self._directory)
        except OSError:
            # A read-only file system must not keep us from what it holds.
            handle = os.open(name, os.O_RDONLY | flags, dir_fd=self._directory)
        self._open[name] = handle
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        while len(self._open) > _OPEN_FILES:
            os.close(self._open.popitem(last=False)[1])
        return handle

    def _forget(self, name: str) -> None:
        handle = self._open.pop(name, None)
        if handle is not None:
            os.close(handle)


def _write(handle: int, chunk: bytes, offset: int) -> None:
    written = os.pwrite(handle, chunk, offset)
    while written < len(chunk):
        written += os.pwrite(handle, chunk[written:], offset + written)


@contextmanager
def _refusal(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SpoolError(f"{what}: {exc.strerror}") from exc
