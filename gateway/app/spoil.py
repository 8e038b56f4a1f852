"""A store that spoils one line on purpose, so that the audit can be seen to fail."""

import re
from collections.abc import Sequence
from typing import Literal

from gateway.core.protocols import Refusal, Store
from gateway.wire.line import READING

Breaking = Literal["drop", "duplicate", "alter"]

SPOILED_LINE = 20
"""Which readout since the start is spoiled."""


class SpoilingStore:
    """Passes all lines on to a store, but one: that is dropped, written twice or altered."""

    def __init__(self, store: Store, breaking: Breaking) -> None:
        self._store = store
        self._breaking = breaking
        self._seen = 0

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines, spoiled.

        Raises:
            SinkUnavailable: as the store says.
        """
        return await self._store.write([spoiled for line in lines for spoiled in self._spoil(line)])

    def _spoil(self, line: bytes) -> list[bytes]:
        if not line.startswith(f"{READING},".encode()) or b"status=0i" not in line:
            return [line]
        self._seen += 1
        if self._seen != SPOILED_LINE:
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
