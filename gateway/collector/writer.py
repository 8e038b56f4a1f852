"""One store and what waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from gateway.collector.checks import Refused
from gateway.collector.journal import OUR_WORDS, Journal
from gateway.core.clock import Clock
from gateway.core.delays import Delays
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Refusal, Store
from gateway.wire.catalogue import Catalogue

OURS = -1
"""Index of a line that the collector made itself."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One checked batch on its way into the stores."""

    site: str
    run: str
    first: int
    last: int
    refused: tuple[Refused, ...] = ()
    """By the checks."""


@dataclass(frozen=True, slots=True)
class Statement:
    """That a catalogue holds for lines from some time on."""

    catalogue: Catalogue
    since_ms: int


@runtime_checkable
class Interpreter(Protocol):
    """A store that computes something of the lines, and so must know what they mean."""

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean in lines from that time on.

        Raises:
            SinkUnavailable: not now; tell it again.
        """


@dataclass(slots=True)
class Shipment:
    """What is written in one go; its parcels are receipted when every store has it."""

    done: Callable[["Shipment"], None]
    """Is told each time that one store has it."""
    parcels: list[Parcel] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    origins: list[tuple[Parcel, int]] = field(default_factory=list)
    """For each line its parcel and its index there, or OURS."""
    size_bytes: int = 0
    waiting: int = 0
    """Stores that have not answered yet."""
    is_lost: bool = False
    """A store had no room: no receipt."""
    is_supplement: bool = False
    """Holds the gaps that another shipment left."""
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    """Lines that a store will never take, by the name of the store."""

    def add(self, line: bytes, parcel: Parcel, index: int) -> None:
        """Add one line of a parcel."""
        self.lines.append(line)
        self.origins.append((parcel, index))
        self.size_bytes += len(line) + 1


class StoreWriter:
    """Writes shipments to one store, in order; a store that fails is asked again until it answers.

    Args:
        waiting_bytes: From this size on there is no room for more.
    """

    def __init__(
        self, name: str, store: Store, *, waiting_bytes: int, clock: Clock, delays: Delays, journal: Journal
    ) -> None:
        self.name = name
        self._store = store
        self._waiting_bytes = waiting_bytes
        self._clock = clock
        self._delays = delays
        self._journal = journal
        self._queue: deque[Shipment] = deque()
        self._queued_bytes = 0
        self._filled = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether one more shipment would be taken."""
        return self._queued_bytes < self._waiting_bytes

    def put(self, shipment: Shipment) -> None:
        """Queue a shipment; ask `has_room` before."""
        self._queue.append(shipment)
        self._queued_bytes += shipment.size_bytes
        self._filled.set()

    async def run(self) -> None:
        """Write for ever."""
        while True:
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            shipment = self._queue[0]
            refusals = await self._write(shipment)
            self._queue.popleft()
            self._queued_bytes -= shipment.size_bytes
            shipment.refusals += [(self.name, refusal) for refusal in refusals]
            shipment.waiting -= 1
            shipment.done(shipment)

    async def _write(self, shipment: Shipment) -> Sequence[Refusal]:
        while True:
            try:
                await self._describe(shipment.statements)
                refusals = await self._store.write(shipment.lines)
            except SinkUnavailable as exc:
                self._journal.counters.store_failures += 1
                text = f"store {self.name}: {exc}; readouts wait here and in their gateways"
                self._journal.warn(f"store {self.name}", text, texts=OUR_WORDS)
                await self._clock.sleep_until(self._clock.monotonic() + self._delays.next_s())
                continue
            self._delays.reset()
            self._journal.recovered(f"store {self.name}", f"store {self.name} takes readouts again")
            return refusals

    async def _describe(self, statements: Sequence[Statement]) -> None:
        if isinstance(self._store, Interpreter):
            for statement in statements:
                await self._store.describe(statement.catalogue, since_ms=statement.since_ms)
