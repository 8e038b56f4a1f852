"""Into every store, then safe: batches gathered into shipments, and the gaps that refused lines leave."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from gateway.collector.inspection import Inspected
from gateway.collector.refusals import Refusals
from gateway.collector.settings import CollectorSettings
from gateway.collector.writer import OURS, Parcel, Shipment, StoreWriter
from gateway.core.clock import Clock


class Dispatch:
    """Has every store write every batch.

    A store without room is passed over: the others have the lines at once, and the batch comes again for want of a
    receipt. Only where no store has room does the collector wait.

    Args:
        outcome: Is told of each batch once, and whether every store has it.
    """

    def __init__(
        self,
        writers: Sequence[StoreWriter],
        refusals: Refusals,
        *,
        settings: CollectorSettings,
        clock: Clock,
        outcome: Callable[[Parcel, bool], None],
    ) -> None:
        self._writers = writers
        self._refusals = refusals
        self._settings = settings
        self._clock = clock
        self._outcome = outcome
        self._gathered = Shipment(self._written)
        self._written_by_all: deque[Shipment] = deque()
        self._under_way = 0
        self._turn = asyncio.Lock()
        self._filled = asyncio.Event()
        self._changed = asyncio.Event()

    async def load(self, inspected: Inspected) -> None:
        """Take a batch; returns when there is room for the next."""
        parcel, shipment = inspected.parcel, self._gathered
        shipment.parcels.append(parcel)
        if inspected.statement is not None:
            shipment.statements.append(inspected.statement)
        for index, line in inspected.lines:
            shipment.add(line, parcel, index)
        for refused in parcel.refused:
            shipment.add(self._refusals.mark(parcel, refused), parcel, OURS)
        self._filled.set()
        if shipment.size_bytes >= self._settings.write_bytes:
            await self._ship_gathered()

    async def run(self) -> None:
        """Send on what is gathered, and end what is written, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ship_in_time(), name="collect[ship]")
            tasks.create_task(self._end(), name="collect[end]")

    async def drained(self) -> None:
        """Send on what is gathered, and return when nothing is under way."""
        await self._ship_gathered()
        while self._under_way:
            await self._change()

    async def _ship_in_time(self) -> None:
        while True:
            await self._filled.wait()
            await self._clock.sleep_until(self._clock.monotonic() + self._settings.collect_s)
            self._filled.clear()
            await self._ship_gathered()

    async def _ship_gathered(self) -> None:
        async with self._turn:
            shipment, self._gathered = self._gathered, Shipment(self._written)
            if shipment.parcels:
                await self._ship(shipment)

    async def _ship(self, shipment: Shipment) -> None:
        while not any(writer.has_room for writer in self._writers):
            await self._change()
        takers = [writer for writer in self._writers if writer.has_room]
        shipment.waiting = len(takers)
        shipment.is_lost = len(takers) < len(self._writers)
        self._under_way += 1
        for writer in takers:
            writer.put(shipment)

    def _written(self, shipment: Shipment) -> None:
        if shipment.waiting == 0:
            self._written_by_all.append(shipment)
        self._changed.set()

    async def _end(self) -> None:
        while True:
            while not self._written_by_all:
                await self._change()
            await self._end_one(self._written_by_all.popleft())
            self._under_way -= 1
            self._changed.set()

    async def _end_one(self, shipment: Shipment) -> None:
        """Bury what was refused; the batches are safe when their gaps are written, too."""
        marks = [] if shipment.is_lost else self._refusals.mark_store_refusals(shipment)
        if not shipment.is_lost and not shipment.is_supplement:
            await self._refusals.bury(shipment)
        if marks:
            supplement = Shipment(self._written, parcels=shipment.parcels, is_supplement=True)
            for line, parcel in marks:
                supplement.add(line, parcel, OURS)
            await self._ship(supplement)
            return
        for parcel in shipment.parcels:
            self._outcome(parcel, not shipment.is_lost)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
