"""A pseudo-terminal: this end for the simulator, a path for whoever opens it as a serial port."""

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from gateway.core.errors import ConfigError

_CHUNK: Final = 4096
_PSEUDO_TERMINALS: Final = "/dev/pts/"
_UNREAD_LIMIT: Final = 1 << 20
"""Bytes that nobody reads are lost beyond this, as on a wire."""


class Receiver(Protocol):
    """What asyncio asks of a protocol for a stream of bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that bytes may be sent from now on."""

    def data_received(self, data: bytes) -> None:
        """Take bytes that arrived."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more will arrive."""


class TerminalTransport(asyncio.Transport):
    """Moves bytes between a file descriptor and a protocol; the descriptor stays its owner's.

    Args:
        descriptor: A terminal, non-blocking.
        protocol: Told of what arrives.
    """

    def __init__(self, descriptor: int, protocol: Receiver) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._closed = False
        self._loop.add_reader(descriptor, self._read)
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the bytes as soon as the terminal takes them."""
        if self._closed or len(self._unsent) > _UNREAD_LIMIT:
            return
        self._unsent += data
        self._write()

    def close(self) -> None:
        """Stop at once; what was not sent is lost."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self._closed

    def _read(self) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(self._descriptor, _CHUNK)
            if chunk:
                self._protocol.data_received(chunk)

    def _write(self) -> None:
        with suppress(BlockingIOError):
            del self._unsent[: os.write(self._descriptor, self._unsent)]
        if self._unsent:
            self._loop.add_writer(self._descriptor, self._write)
        else:
            self._loop.remove_writer(self._descriptor)


@contextmanager
def terminal(path: Path) -> Iterator[int]:
    """Yield the simulator's end of a new pseudo-terminal whose other end is a symbolic link at `path`.

    Raises:
        ConfigError: something that is not an old link of ours stands there, or the link cannot be made.
    """
    ours, theirs = os.openpty()
    try:
        # The other end stays open here too: the last one to close it would hang up the line.
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        with _linked(path, os.ttyname(theirs)):
            yield ours
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Yield the other end of a pseudo-terminal, opened raw and non-blocking."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _linked(path: Path, target: str) -> Iterator[None]:
    if path.exists() and not (path.is_symlink() and str(path.readlink()).startswith(_PSEUDO_TERMINALS)):
        raise ConfigError(f"{path}: exists and is no link to a pseudo-terminal; choose another path for the port")
    try:
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    except OSError as exc:
        raise ConfigError(f"{path}: the port cannot be made there: {exc.strerror}") from exc
    try:
        yield
    finally:
        # Another simulator may have taken the path over.
        with suppress(OSError):
            if str(path.readlink()) == target:
                path.unlink()
