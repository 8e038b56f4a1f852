"""`kvarter trace`: every frame on a link, to a screen and to a capture file."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivers.link import Trace
from drivers.meters import STREAMS
from drivers.scan.annotate import Annotator
from gateway.app.clock import SystemClock
from gateway.app.local_port import find_service, own_link, traced
from gateway.core.errors import ConfigError
from gateway.core.site import LinkSettings
from gateway.wire.status import iso_time

_PAUSE_S = 0.2
"""After so long without a byte, what came belongs to no frame."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes that passed on the link."""

    time: str
    """ISO 8601, UTC."""
    direction: Literal["out", "in"]
    octets: bytes
    became: str = ""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """What a person sees of it."""

    time: str
    direction: Literal["out", "in"]
    protocol: str
    text: str
    hex: str

    def __str__(self) -> str:
        arrow = ">" if self.direction == "out" else "<"
        octets = f"  {self.hex}" if self.hex else ""
        return f"{self.time} {arrow} {self.protocol:<10} {self.text}{octets}"


@contextmanager
def capture_to(path: Path, link: LinkSettings) -> Iterator[Trace]:
    """Yield what writes a capture file; `gateway.sim.capture` says what stands in it.

    Raises:
        ConfigError: the file cannot be written.
    """
    clock = SystemClock(trusted=True)
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc
    head = {"kvarter_capture": 1, "port": link.port, "framing": link.modbus_framing}
    with file:
        file.write(json.dumps({**head, "baudrate": link.baudrate, "parity": link.parity}) + "\n")

        def note(direction: Literal["out", "in"], chunk: bytes, _: str) -> None:
            line = {"time": iso_time(clock.utc_ms()), "direction": direction, "hex": chunk.hex()}
            file.write(json.dumps(line) + "\n")
            file.flush()

        yield note


async def trace_link(
    link: LinkSettings,
    *,
    environment: Mapping[str, str],
    show: Callable[[TraceLine], None],
    capture: Trace | None = None,
    opened: Callable[[str], None] = lambda _: None,
) -> None:
    """Show every frame on a link until cancelled: of the service that owns it, or what is heard on it.

    Args:
        link: The port.
        environment: Where services have their sockets.
        show: Called with each line.
        capture: Told of every byte.
        opened: Called with a sentence once the trace has begun.

    Raises:
        LinkDown: the port or the service is gone.
    """
    found = await find_service(link, environment)
    if found is None:
        opened(f"listening on {link.port}; nothing is sent")
        passing, settings = _heard(link), link
    else:
        settings = found[1].settings
        opened(f"what the service does on {settings.id} ({link.port})")
        passing = _of_service(found[0], settings.id)
    annotator = Annotator(settings, {protocol: make(None) for protocol, make in STREAMS.items()})
    async for passed in passing:
        if capture is not None and passed.octets:
            capture(passed.direction, passed.octets, passed.became)
        notes = annotator.feed(passed.direction, passed.octets, passed.became) if passed.octets else annotator.pause()
        for note in notes:
            show(TraceLine(passed.time, note.direction, note.protocol, note.text, note.octets.hex(" ")))


async def _of_service(path: Path, link: str) -> AsyncIterator[Passed]:
    async for answer in traced(path, link):
        yield Passed(answer.time, answer.direction, bytes.fromhex(answer.traced or ""), answer.became)


async def _heard(link: LinkSettings) -> AsyncIterator[Passed]:
    """Yield what arrives, and nothing after each pause."""
    clock, loop = SystemClock(trusted=True), asyncio.get_running_loop()
    async with own_link(link, clock=clock) as port:
        while True:
            chunk = await port.hear(deadline_s=loop.time() + _PAUSE_S)
            yield Passed(iso_time(clock.utc_ms()), "in", chunk)
