"""An RTU line at a baud rate: a meter on a pseudo-terminal that takes the time a wire would take.

The request is on the wire from the instant its bytes arrive here. The answer is handed over whole at the instant its
last byte would be there: after the request, the silence that ends it, and the answer itself.
"""

import os
import select
import struct
import threading
import time
import tty
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal, Self

from bench.meter import Meter
from drivers.modbus.checksum import crc16

Parity = Literal["none", "even"]

SILENCE_CHARACTERS = 3.5
REQUEST_BYTES = 8
_SPIN_S = 0.002


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    begun_s: float
    """When the request came."""
    ended_s: float
    """When the last byte of the answer was on the wire."""
    size_bytes: int
    """Of request and answer."""


class Line:
    """The line and its meter, served by a thread.

    Args:
        baudrate: Of the wire.
        parity: Even parity makes a character one bit longer.
    """

    def __init__(self, baudrate: int, parity: Parity) -> None:
        self.character_s = (10 if parity == "none" else 11) / baudrate
        self.exchanges: list[Exchange] = []
        self._meter = Meter()
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="line")

    @property
    def silence_s(self) -> float:
        """Silence that must lie between two frames."""
        return SILENCE_CHARACTERS * self.character_s

    def __enter__(self) -> Self:
        """Serve in a thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._stop.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def figures(self) -> dict[str, float]:
        """Return what a client made of the line, from its second request on."""
        exchanges = self.exchanges[1:]
        idle_s = [later.begun_s - earlier.ended_s for earlier, later in pairwise(exchanges)]
        used_s = sum(each.size_bytes * self.character_s + 2 * self.silence_s for each in exchanges[:-1])
        passed_s = exchanges[-1].begun_s - exchanges[0].begun_s
        return {
            "share_percent": used_s / passed_s * 100,
            "requests_per_s": len(idle_s) / passed_s,
            "in_silence": sum(idle < self.silence_s for idle in idle_s),
            "idle_median_ms": median(idle_s) * 1000,
            "idle_least_ms": min(idle_s) * 1000,
        }

    def _serve(self) -> None:
        pending, begun_s = b"", 0.0
        while not self._stop.is_set():
            if not select.select([self._ours], [], [], 0.05)[0]:
                continue
            begun_s = begun_s if pending else time.perf_counter()
            pending += os.read(self._ours, 256)
            if len(pending) < REQUEST_BYTES:
                continue
            answer, pending = self._answer(pending[:REQUEST_BYTES]), b""
            size_bytes = REQUEST_BYTES + len(answer)
            _sleep_until(begun_s + size_bytes * self.character_s + self.silence_s)
            ended_s = time.perf_counter()
            os.write(self._ours, answer)
            self.exchanges.append(Exchange(begun_s, ended_s, size_bytes))

    def _answer(self, request: bytes) -> bytes:
        unit, function, address, count = struct.unpack_from(">BBHH", request)
        words = self._meter.registers()[2 * address : 2 * (address + count)]
        body = bytes((unit, function, len(words))) + words
        return body + crc16(body).to_bytes(2, "little")


def _sleep_until(instant_s: float) -> None:
    """Return at the instant, by spinning at the end: a sleep is late by as much as the kernel likes."""
    while (left_s := instant_s - time.perf_counter()) > 0:
        time.sleep(max(0.0, left_s - _SPIN_S))
