"""Stores that tell the page what they took."""

from collections.abc import Sequence
from typing import Protocol

from gateway.core.protocols import Query, Refusal, Row
from gateway.stores.open import OpenStore
from gateway.wire.catalogue import Catalogue


class Facts(Protocol):
    """What is told of a store."""

    def take(self, text: bytes) -> None:
        """Take a line that is stored."""

    def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean in lines from that time on."""


class WatchedStore:
    """A store that tells which lines it took.

    Args:
        store: Does the work.
        facts: Are told.
    """

    def __init__(self, store: OpenStore, facts: Facts) -> None:
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
