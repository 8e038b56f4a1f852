"""The collector: from the broker into the stores, and receipts back to the gateways."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gateway.collector.catalogues import Catalogues
from gateway.collector.dead_letters import DeadLetters
from gateway.collector.dispatch import Dispatch
from gateway.collector.gaps import Gaps
from gateway.collector.inspection import Inspection
from gateway.collector.intake import Intake
from gateway.collector.journal import Journal
from gateway.collector.ledger import Ledger
from gateway.collector.reception import Reception
from gateway.collector.refusals import Refusals
from gateway.collector.settings import CollectorCounters, CollectorSettings
from gateway.collector.statuses import Statuses, Told
from gateway.collector.writer import Parcel, StoreWriter
from gateway.core.clock import Clock
from gateway.core.delays import Delays
from gateway.core.protocols import BrokerClient, Store
from gateway.core.quantity import Vocabulary
from gateway.wire.receipt import Receipt

_CANCEL_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a collector stands on."""

    clock: Clock
    random: Random
    vocabulary: Vocabulary
    data: Path
    """Folder of catalogues and dead letters."""


class Collector:
    """Takes batches of many sites and gives a receipt for each that every store has.

    It keeps nothing that a restart would miss: what has no receipt comes again.

    Args:
        stores: By the name that log and dead letters use; those that are interpreters are told the catalogues.
        told: Gets what each gateway says of itself; None where nobody wants to know.
    """

    def __init__(
        self,
        broker: BrokerClient,
        stores: Mapping[str, Store],
        *,
        surroundings: Surroundings,
        settings: CollectorSettings | None = None,
        told: Told | None = None,
    ) -> None:
        self._settings = settings or CollectorSettings()
        self._random = surroundings.random
        self._clock = clock = surroundings.clock
        self._journal = journal = Journal(clock)
        self._intake = Intake(self._settings.capacity_bytes)
        self._ledger = Ledger(remembered_s=self._settings.remembered_s)
        self._reception = Reception(
            broker, self._intake, settings=self._settings, clock=clock, delays=self._delays(), journal=journal
        )
        if told is not None:
            self._reception.statuses = Statuses(told, journal)
        self._catalogues = Catalogues(surroundings.data / "catalogues", surroundings.vocabulary)
        self._inspection = Inspection(
            self._catalogues,
            self._ledger,
            clock=clock,
            journal=journal,
            repeat=self._answer,
            wish=self._reception.wish,
        )
        self._writers = [self._writer(name, store) for name, store in stores.items()]
        letters = DeadLetters(surroundings.data / "dead-letters")
        self._dispatch = Dispatch(
            self._writers,
            Refusals(Gaps(surroundings.vocabulary, clock), letters, clock=clock, journal=journal),
            settings=self._settings,
            clock=clock,
            outcome=self._outcome,
        )

    @property
    def counters(self) -> CollectorCounters:
        """Since the start."""
        return self._journal.counters

    @property
    def connected(self) -> bool:
        """Whether a connection to the broker stands."""
        return self._reception.connected

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until stopped; then end the write in hand and send its receipts, within the stopping time."""
        async with asyncio.TaskGroup() as tasks:
            inspect = tasks.create_task(self._inspect(), name="collect[inspect]")
            others = [
                tasks.create_task(self._reception.run(), name="collect[broker]"),
                tasks.create_task(self._dispatch.run(), name="collect[dispatch]"),
                *(tasks.create_task(writer.run(), name=f"collect[store {writer.name}]") for writer in self._writers),
            ]
            await stop.wait()
            self._reception.close()
            inspect.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.stop_s):
                    await self._dispatch.drained()
                    await self._reception.answered()
            await _cancelled(others)

    async def _inspect(self) -> None:
        while True:
            inspected = await self._inspection.judge(await self._intake.get())
            if inspected is not None:
                await self._dispatch.load(inspected)

    def _outcome(self, parcel: Parcel, is_stored: bool) -> None:  # noqa: FBT001
        site, run, span, now_s = parcel.site, parcel.run, (parcel.first, parcel.last), self._clock.monotonic()
        if not is_stored:
            self.counters.abandoned += 1
            self._ledger.abandon(site, run, span, now_s=now_s)
            self._catalogues.forget_statements(site)
            return
        for first, last in self._ledger.store(site, run, span, now_s=now_s):
            self._answer(site, run, first, last)

    def _answer(self, site: str, run: str, first: int, last: int) -> None:
        self._reception.answer(site, Receipt(run, first, last, self._settings.accepts))

    def _writer(self, name: str, store: Store) -> StoreWriter:
        return StoreWriter(
            name,
            store,
            waiting_bytes=self._settings.waiting_bytes,
            clock=self._clock,
            delays=self._delays(),
            journal=self._journal,
        )

    def _delays(self) -> Delays:
        return Delays(self._random, longest_s=self._settings.longest_delay_s)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a task group that fails at the same moment swallows the cancellation."""
    pending = set(tasks)
    while pending:
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
