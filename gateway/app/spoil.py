"""A store that spoils one line on purpose, so that the audit can be seen to fail."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from gateway.core.protocols import Refusal, Store
from gateway.wire.line import READING

Breaking = Literal["drop", "duplicate", "alter"]

SPOILED_READOUT = 4
"""The first device to have so many readouts loses one, when what it learns at its start is behind it."""


class SpoilingStore:
    """Passes all lines on to a store, but one: that is dropped, written twice or altered."""

    def __init__(self, store: Store, breaking: Breaking) -> None:
        self._store = store
        self._breaking = breaking
        self._seen: Counter[bytes] = Counter()
        self._done = False

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines, spoiled.

        Raises:
            SinkUnavailable: as the store says.
        """
        return await self._store.write([spoiled for line in lines for spoiled in self._spoil(line)])

    def _spoil(self, line: bytes) -> list[bytes]:
        if self._done or not line.startswith(f"{READING},".encode()) or b"status=0i" not in line:
            return [line]
        series = line.partition(b" ")[0]
        self._seen[series] += 1
        self._done = self._seen[series] == SPOILED_READOUT
        if not self._done:
            return [line]
        if self._breaking == "drop":
            return []
        if self._breaking == "duplicate":
            return [line, _later(line)]
        return [re.sub(rb"=(-?)([0-9.]+)([,e])", rb"=\g<1>1\g<2>\g<3>", line, count=1)]


def _later(line: bytes) -> bytes:
    """Return the same values 5 ms later."""
    body, _, time_ns = line.rpartition(b" ")
    return b"%b %d" % (body, int(time_ns) + 5_000_000)
