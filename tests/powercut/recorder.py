"""A disk in one file that records every write and every flush, in the order in which they reached it.

python -m tests.powercut.recorder FILE SIZE_BYTES LOG [CONTENT]

The process speaks the FUSE protocol with the kernel and mounts itself over FILE, so that nothing but /dev/fuse is
needed. A loop device on the file hands its flushes down as fsync. The process ends when the file is unmounted.

Source: linux/fuse.h, protocol 7.31.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FLUSH = -1
"""Offset of a record that stands for a flush."""
_RECORD = struct.Struct("<QqI")
_IN, _OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("<QII6Q10I")
_OPEN_OUT, _READ_IN, _WRITE_IN = struct.Struct("<QII"), struct.Struct("<QQI"), struct.Struct("<QQII16x")
_WRITE_OUT, _STATFS_OUT = struct.Struct("<II"), struct.Struct("<5Q3II24x")
_GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE, _FSYNC = 3, 4, 14, 15, 16, 17, 18, 20
_FLUSH_FILE, _INIT, _DESTROY = 25, 26, 38
_SILENT = {2, 36, 42}
"""Forget, interrupt, forget many: nobody waits for an answer."""
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_MOST_BYTES = 1 << 20
_VALID_S = 3600


@dataclass(frozen=True, slots=True)
class Written:
    """One write, or a flush, as it reached the disk."""

    at_ns: int
    """On the machine's monotonic clock."""
    offset: int
    chunk: bytes


class RecordedDisk:
    """The content of the file, and the log of what was done to it.

    Args:
        content: As it is at first.
        log: Takes every write and flush.
    """

    def __init__(self, content: bytearray, log: BinaryIO) -> None:
        self._content = content
        self._log = log

    def answer(self, opcode: int, body: bytes) -> bytes | int:
        """Return the body of the reply, or an error number."""
        if opcode == _INIT:
            flags = _BIG_WRITES | _MAX_PAGES
            return _INIT_OUT.pack(7, 31, _MOST_BYTES, flags, 16, 12, _MOST_BYTES, 1, _MOST_BYTES // 4096, 0, 0)
        if opcode in (_GETATTR, _SETATTR):
            mode, size = stat.S_IFREG | 0o600, len(self._content)
            return _ATTRIBUTES.pack(_VALID_S, 0, 0, 1, size, size // 512, *[0] * 6, mode, 1, 0, 0, 0, 4096, 0)
        if opcode == _READ:
            _, offset, size = _READ_IN.unpack_from(body)
            return bytes(self._content[offset : offset + size])
        if opcode == _WRITE:
            return self._write(body)
        if opcode == _FSYNC:
            self._note(FLUSH, b"")
            return b""
        fixed = {_OPEN: _OPEN_OUT.pack(1, 0, 0), _STATFS: _STATFS_OUT.pack(*[0] * 5, 4096, 255, 4096, 0)}
        return fixed.get(opcode, b"" if opcode in (_RELEASE, _FLUSH_FILE, _DESTROY) else errno.ENOSYS)

    def _write(self, body: bytes) -> bytes:
        _, offset, size, _ = _WRITE_IN.unpack_from(body)
        chunk = body[_WRITE_IN.size : _WRITE_IN.size + size]
        self._content[offset : offset + size] = chunk
        self._note(offset, chunk)
        return _WRITE_OUT.pack(size, 0)

    def _note(self, offset: int, chunk: bytes) -> None:
        self._log.write(_RECORD.pack(time.monotonic_ns(), offset, len(chunk)) + chunk)


def read_recording(log: Path) -> Iterator[Written]:
    """Yield everything that was recorded, in order."""
    whole = log.read_bytes()
    position = 0
    while position + _RECORD.size <= len(whole):
        at_ns, offset, length = _RECORD.unpack_from(whole, position)
        position += _RECORD.size
        yield Written(at_ns, offset, whole[position : position + length])
        position += length


def serve(path: Path, disk: RecordedDisk) -> None:
    """Mount the disk over a file, say so, and serve it until it is unmounted.

    Raises:
        OSError: it cannot be mounted.
    """
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode={stat.S_IFREG:o},user_id=0,group_id=0"
    if libc.mount(b"recorded", os.fsencode(path), b"fuse", 0, options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{path}: {os.strerror(number)}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        try:
            request = os.read(device, _MOST_BYTES + 4096)
        except OSError as exc:
            if exc.errno == errno.ENODEV:
                return
            if exc.errno in (errno.EINTR, errno.ENOENT):
                continue
            raise
        _, opcode, unique, *_ = _IN.unpack_from(request)
        if opcode in _SILENT:
            continue
        found = disk.answer(opcode, request[_IN.size :])
        body, error = (b"", found) if isinstance(found, int) else (found, 0)
        os.write(device, _OUT.pack(_OUT.size + len(body), -error, unique) + body)


def main(path: str, size_bytes: str, log: str, content: str = "") -> None:
    """Serve a disk of that size, with a content where one is given."""
    held = bytearray(Path(content).read_bytes()) if content else bytearray(int(size_bytes))
    with Path(log).open("wb", buffering=0) as sink:
        serve(Path(path), RecordedDisk(held, sink))


if __name__ == "__main__":
    main(*sys.argv[1:])
