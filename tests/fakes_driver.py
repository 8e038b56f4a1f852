"""A driver that answers as a script says."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.readout import Readout, Status
from tests.fakes import FakeClock


@dataclass
class FakeDriver:
    """Implements Driver: each read takes `takes_s`, then raises the next outcome or gives 1.0 for every point."""

    name: str
    clock: FakeClock
    takes_s: float = 0.0
    outcomes: list[Exception | None] = field(default_factory=list)
    always: Exception | None = None
    reads: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:  # noqa: ARG002 - the seam's
        self.reads.append((self.clock.monotonic(), tuple(points)))
        if self.takes_s:
            await self.clock.sleep_until(self.clock.monotonic() + self.takes_s)
        outcome = self.outcomes.pop(0) if self.outcomes else self.always
        if outcome is not None:
            raise outcome
        return Readout(self.name, self.clock.monotonic(), tuple(points), (1.0,) * len(points), Status.OK)
