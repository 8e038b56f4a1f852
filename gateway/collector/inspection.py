"""From a message to checked lines: decoded, known again, with its catalogue found, line by line."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.collector.catalogues import Catalogues
from gateway.collector.checks import Inventory, Refused, check_lines
from gateway.collector.intake import Arrival
from gateway.collector.journal import Journal
from gateway.collector.ledger import Ledger, Standing
from gateway.collector.reception import CATALOGUE, PACKED
from gateway.collector.twins import Twins
from gateway.collector.writer import Parcel, Statement
from gateway.core.clock import Clock
from gateway.core.errors import SpoolError, WireError
from gateway.core.protocols import Batch
from gateway.wire.batch import decode_batch, decompress

_LINES_AT_ONCE = 32
"""Between two looks at everything else that waits; a small machine also polls devices."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A batch that is new, with what may be stored of it."""

    parcel: Parcel
    lines: Sequence[tuple[int, bytes]]
    """Accepted, each with its index in the batch."""
    statement: Statement | None = None
    """What stores are to be told before they get the lines."""


class Inspection:
    """Judges one message after the other.

    Args:
        repeat: Is told site, run, first and last of a batch that was stored lately and needs its receipt again.
        wish: Is told of a site whose catalogue is lacking.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        ledger: Ledger,
        *,
        clock: Clock,
        journal: Journal,
        repeat: Callable[[str, str, int, int], None],
        wish: Callable[[str], None],
    ) -> None:
        self._catalogues = catalogues
        self._ledger = ledger
        self._clock = clock
        self._journal = journal
        self._counters = journal.counters
        self._repeat = repeat
        self._wish = wish
        self._twins = Twins()

    async def judge(self, arrival: Arrival) -> Inspected | None:
        """Return a new batch with its lines checked, None where there is nothing to store."""
        try:
            if arrival.leaf == CATALOGUE:
                await self._keep(arrival)
                return None
            return await self._judge_batch(arrival)
        except WireError as exc:
            self._counters.malformed += 1
            self._journal.warn(f"wire {arrival.site}", f"{arrival.site}: a message on {arrival.leaf} is dropped: {exc}")
        except SpoolError as exc:
            self._counters.disk_failures += 1
            self._journal.warn("disk", str(exc))
        return None

    async def _keep(self, arrival: Arrival) -> None:
        if arrival.payload and await self._catalogues.keep(arrival.site, arrival.payload):
            self._counters.catalogues += 1

    async def _judge_batch(self, arrival: Arrival) -> Inspected | None:
        text = decompress(arrival.payload) if arrival.leaf == PACKED else arrival.payload
        site, batch = decode_batch(text)
        if site != arrival.site:
            raise WireError(f"a batch of site {site}")
        inventory = await self._catalogues.find(site, batch.catalogue)
        if inventory is None:
            self._counters.lacking += 1
            self._wish(site)
            self._journal.warn(
                f"catalogue {site}", f"{site}: catalogue {batch.catalogue} never came; its readouts wait in the gateway"
            )
            return None
        self._journal.recovered(f"catalogue {site}", f"{site}: the catalogue is here")
        span = (batch.first, batch.last)
        standing = self._ledger.arrive(site, batch.run, span, now_s=self._clock.monotonic())
        if standing is Standing.NEW:
            return await self._check(site, batch, inventory)
        self._counters.duplicates += 1
        if standing is Standing.STORED:
            self._repeat(site, batch.run, *span)
        return None

    async def _check(self, site: str, batch: Batch, inventory: Inventory) -> Inspected:
        now_ms = self._clock.utc_ms() if self._clock.synchronised() else None
        refused: list[Refused] = []
        for start in range(0, len(batch.lines), _LINES_AT_ONCE):
            part = batch.lines[start : start + _LINES_AT_ONCE]
            refused += check_lines(part, inventory, now_ms=now_ms, first_index=start)[1]
            await asyncio.sleep(0)
        if refused:
            self._counters.refused += len(refused)
            self._journal.warn(f"lines {site}", f"{site}: a line is refused: {refused[0].reason}")
        away = {each.index for each in refused}
        lines = [(index, line) for index, line in enumerate(batch.lines) if index not in away]
        self._counters.batches += 1
        self._counters.lines += len(lines)
        parcel = Parcel(site, batch.run, batch.first, batch.last, tuple(refused))
        if not lines:
            return Inspected(parcel, lines)
        times = [int(line[line.rindex(b" ") : -6]) for _, line in lines]
        self._look_for_twins(site, batch.run, times)
        catalogue = await self._catalogues.statement(site, batch.catalogue, min(times))
        return Inspected(parcel, lines, None if catalogue is None else Statement(catalogue, min(times)))

    def _look_for_twins(self, site: str, run: str, times: Sequence[int]) -> None:
        other = self._twins.note(site, run, first_ms=min(times), last_ms=max(times))
        if other is not None:
            self._counters.twins += 1
            self._journal.warn(
                f"twins {site}",
                f"{site}: two gateways seem to send under this id (runs {run} and {other} cover the same time): "
                "give the copy a site id of its own; after the clock was set back this passes by itself",
            )
