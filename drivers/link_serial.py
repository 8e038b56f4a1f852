"""Serial ports as streams: the only door to pyserial."""

import asyncio
import errno
import os
import termios
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import serial

from drivers.link_inbox import HIGH_WATER_BYTES, Inbox
from gateway.core.errors import LinkDown
from gateway.core.protocols import Stream
from gateway.core.site import LinkSettings

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_CHUNK_BYTES = 4096
_PSEUDO_TERMINALS = "/dev/pts/"
_BY_ID = Path("/dev/serial/by-id")


async def open_serial(settings: LinkSettings) -> Stream:
    """Return the link's serial port, open for this program alone.

    Raises:
        LinkDown: the port is not there, not allowed, in use, or refuses its settings.
    """
    path = settings.serial or ""
    # A pseudo-terminal has neither parity nor 7 bits, and refuses to be asked for them twice.
    has_wire = not _is_pseudo_terminal(path)
    try:
        port = serial.Serial(
            path,
            baudrate=settings.baudrate or 9600,
            bytesize=settings.data_bits if has_wire else serial.EIGHTBITS,
            parity=_PARITY[settings.parity or "none"] if has_wire else serial.PARITY_NONE,
            stopbits=settings.stop_bits or 1,
            timeout=0,
            write_timeout=0,
            inter_byte_timeout=0,  # with it a read without bytes is "not now", and only a port that is gone gives none
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as exc:
        raise LinkDown(f"{settings.id}: cannot open {path}: {_advice(exc)}") from exc
    with suppress(OSError, ValueError, NotImplementedError, termios.error):
        # Without it an FTDI adapter keeps each answer for 16 ms. Not every port has such a mode.
        port.set_low_latency_mode(True)
    return _SerialStream(settings.id, port)


def _is_pseudo_terminal(path: str) -> bool:
    return str(Path(path).resolve()).startswith(_PSEUDO_TERMINALS)


def _advice(exc: Exception) -> str:
    code = exc.errno if isinstance(exc, OSError) else None
    if code == errno.ENOENT:
        present = sorted(str(path) for path in _BY_ID.glob("*")) if _BY_ID.is_dir() else []
        there = f"; there are {', '.join(present)}" if present else ""
        return f"no such port; plug the adapter in, and name it by its path under {_BY_ID}{there}"
    if code in (errno.EACCES, errno.EPERM):
        return "permission denied; add the user of the service to the group dialout"
    if code in (errno.EBUSY, errno.EAGAIN):
        return "another program uses it; stop that one first"
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return f"{reason.lower()}; is it a serial port, and does it have these settings?"


class _SerialStream:
    """Implements Stream over an open port whose descriptor the loop watches."""

    def __init__(self, link: str, port: serial.Serial) -> None:
        self._link = link
        self._port = port
        self._descriptor: int = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._loop)
        self._loop.add_reader(self._descriptor, self._on_readable)

    def write(self, data: bytes) -> None:
        if self._inbox.failure is not None:
            raise LinkDown(self._inbox.failure)
        try:
            # A request is shorter than any driver's buffer: it is taken whole, or the port is stuck.
            taken = os.write(self._descriptor, data)
        except OSError as exc:
            self._fail(exc.strerror or str(exc))
            raise LinkDown(self._inbox.failure) from exc
        if taken != len(data):
            self._fail("the port takes no more bytes")
            raise LinkDown(self._inbox.failure)

    def receive(self, *, deadline_s: float) -> Coroutine[Any, Any, bytes]:
        if deadline_s <= self._loop.time() and self._inbox.failure is None:
            self._on_readable()
        return self._inbox.get(deadline_s=deadline_s)

    def set_baudrate(self, baudrate: int) -> None:
        try:
            # The bytes of an acknowledgement must leave at the old speed.
            termios.tcdrain(self._descriptor)
            self._port.baudrate = baudrate
        except (OSError, ValueError, termios.error) as exc:
            self._fail(f"cannot work at {baudrate} baud: {exc}")
            raise LinkDown(self._inbox.failure) from exc

    def close(self) -> None:
        self._fail("the port is closed")

    def _on_readable(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as exc:
            self._fail(exc.strerror or str(exc))
            return
        if not chunk:
            self._fail("the port is gone")
        elif self._inbox.size_bytes <= HIGH_WATER_BYTES:
            self._inbox.put(chunk)

    def _fail(self, reason: str) -> None:
        if self._inbox.failure is not None:
            return
        self._loop.remove_reader(self._descriptor)
        self._inbox.fail(f"{self._link}: {self._port.port}: {reason.lower()}; is the adapter still plugged in?")
        with suppress(OSError, termios.error):
            # What was not sent would keep the close waiting.
            self._port.reset_output_buffer()
            self._port.close()
