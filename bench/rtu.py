"""One RTU line at 9600 baud: how close to what the wire allows, and is the silence between frames kept?

A device on a pseudo-terminal models the wire: its answer comes after the time that the request and the answer need at
the baud rate. Reported: requests per second against the theoretical maximum, and how many requests began less than
3.5 characters after the last byte of the answer before.
"""

import os
import select
import struct
import threading
import time
import tty
from dataclasses import dataclass, field
from typing import Self

REGISTERS = 60
CHARACTER_BITS = 10
SILENCE_CHARACTERS = 3.5
REQUEST_BYTES = 8
ANSWER_BYTES = 5 + 2 * REGISTERS


@dataclass
class Line:
    """A device on a pseudo-terminal that takes the time a wire would take."""

    baudrate: int
    idle_s: list[float] = field(default_factory=list)
    """Silence before each request, from the instant the last byte of the answer would be on the wire."""
    requests: int = 0

    def __post_init__(self) -> None:
        """Open the pair."""
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.port = os.ttyname(self.theirs)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="line")

    @property
    def character_s(self) -> float:
        """Time of one character on the wire."""
        return CHARACTER_BITS / self.baudrate

    @property
    def most_per_s(self) -> float:
        """Requests per second that the wire allows: request, silence, answer, silence."""
        return 1 / ((REQUEST_BYTES + ANSWER_BYTES + 2 * SILENCE_CHARACTERS) * self.character_s)

    def __enter__(self) -> Self:
        """Serve in a thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._stop.set()
        self._thread.join()
        os.close(self.ours)
        os.close(self.theirs)

    def _serve(self) -> None:
        pending, answered_s = b"", 0.0
        while not self._stop.is_set():
            if not select.select([self.ours], [], [], 0.05)[0]:
                continue
            if not pending and answered_s:
                self.idle_s.append(time.perf_counter() - answered_s)
            started_s = time.perf_counter()
            pending += os.read(self.ours, 256)
            if len(pending) < REQUEST_BYTES:
                continue
            unit, function, _, count = struct.unpack_from(">BBHH", pending)
            body = struct.pack(">BBB", unit, function, 2 * count) + bytes(2 * count)
            answer, pending = body + struct.pack("<H", crc(body)), b""
            wire = (REQUEST_BYTES + SILENCE_CHARACTERS + len(answer)) * self.character_s
            end_s = started_s + wire
            while (left_s := end_s - time.perf_counter()) > 0:
                time.sleep(left_s if left_s > 0.002 else 0)
            os.write(self.ours, answer)
            answered_s = time.perf_counter()
            self.requests += 1


def crc(body: bytes) -> int:
    """Return the CRC of an RTU frame. Source: Modbus over serial line V1.02, section 6.2.2."""
    value = 0xFFFF
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value
