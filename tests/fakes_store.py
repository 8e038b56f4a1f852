"""A store that answers as a script says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Refusal
from gateway.wire.catalogue import Catalogue


def _takes(_: bytes) -> str | None:
    return None


@dataclass
class FakeStore:
    """Implements Store in memory; every attribute may be changed at any time."""

    clock: Clock | None = None
    takes_s: float = 0.0
    """Of the clock, per write."""
    failures: int = 0
    """So many writes fail from now on."""
    loses_answers: int = 0
    """So many writes are stored and fail all the same, as when a reply is cut off."""
    refuses: Callable[[bytes], str | None] = _takes
    """Why a line is never taken."""
    writes: list[list[bytes]] = field(default_factory=list)
    """What was stored, write by write."""
    attempts: int = 0
    gate: asyncio.Event | None = None
    """Writes wait for it."""
    told: list[tuple[str, int]] = field(default_factory=list)
    """Site and time of each catalogue."""

    @property
    def lines(self) -> list[bytes]:
        """Every line in the order of its last write, each once."""
        return list(dict.fromkeys(line for write in self.writes for line in write))

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        self.told.append((catalogue.site, since_ms))

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        self.attempts += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.clock is not None and self.takes_s:
            await self.clock.sleep_until(self.clock.monotonic() + self.takes_s)
        if self.failures:
            self.failures -= 1
            raise SinkUnavailable("answers 503: try later")
        reasons = [self.refuses(line) for line in lines]
        self.writes.append([line for line, reason in zip(lines, reasons, strict=True) if reason is None])
        if self.loses_answers:
            self.loses_answers -= 1
            raise SinkUnavailable("cut the reply")
        return [Refusal(index, reason) for index, reason in enumerate(reasons) if reason is not None]
