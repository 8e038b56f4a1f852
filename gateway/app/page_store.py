"""Stores that tell the page what they took."""

import re
from collections.abc import Sequence

from gateway.app.completeness import StoredCompleteness
from gateway.app.page_collector import CollectorFacts
from gateway.core.protocols import Query, Refusal, Row
from gateway.stores.open import OpenStore
from gateway.wire.catalogue import Catalogue

_SERIES = re.compile(rb"kvarter,site=([a-z0-9_-]{1,64}),device=([a-z0-9_-]{1,64}) ")


class WatchedStore:
    """A store of a collector.

    Args:
        store: Does the work.
        facts: Are told.
    """

    def __init__(self, store: OpenStore, facts: CollectorFacts) -> None:
        self._store = store
        self._facts = facts

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines.

        Raises:
            SinkUnavailable: nothing is certain.
        """
        refusals = await self._store.write(lines)
        refused = {refusal.index for refusal in refusals}
        for index, line in enumerate(lines):
            if index not in refused:
                self._facts.take(line)
        return refusals

    async def read(self, query: Query) -> Sequence[Row]:
        """Read back.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        return await self._store.read(query)

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean.

        Raises:
            SinkUnavailable: the store does not take it now.
        """
        await self._store.describe(catalogue, since_ms=since_ms)
        self._facts.describe(catalogue, since_ms=since_ms)


class CountedStore:
    """A store of a gateway.

    Args:
        store: Does the work.
        completeness: Is told which rows it took.
    """

    def __init__(self, store: OpenStore, completeness: StoredCompleteness) -> None:
        self._store = store
        self._completeness = completeness

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines.

        Raises:
            SinkUnavailable: nothing is certain.
        """
        refusals = await self._store.write(lines)
        for line in lines:
            series = _SERIES.match(line)
            if series is not None:
                site, device = series[1].decode(), series[2].decode()
                self._completeness.stored(site, device, int(line[line.rindex(b" ") : -6]))
        return refusals

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean.

        Raises:
            SinkUnavailable: the store does not take it now.
        """
        await self._store.describe(catalogue, since_ms=since_ms)
        self._completeness.describe(catalogue, since_ms=since_ms)
