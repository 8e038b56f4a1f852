"""A simulated store: slow, failing, cutting its replies, refusing single lines for good. It never lies."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Refusal

Key = tuple[str, int]
"""Measurement with tags, and time in milliseconds."""


@dataclass(slots=True)
class Row:
    """What is stored under one key."""

    fields: dict[str, str]
    """As they stand in the line."""
    writes: int = 1


@dataclass
class SimStore:
    """Implements Store; its faults may be changed at any time."""

    changed: Callable[[Key, str, str], None]
    """Is told when a row is overwritten by other fields: the key, what stood there, what stands there now."""
    takes_s: float = 0.01
    fails: bool = False
    cuts: bool = False
    """Stores, and loses its reply."""
    poison: str | None = None
    """Refuses the lines of this device for good."""
    rows: dict[Key, Row] = field(default_factory=dict)
    refused: set[Key] = field(default_factory=set)

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise SinkUnavailable("simulated store: 503")
        refusals: list[Refusal] = []
        for index, line in enumerate(lines):
            key, fields = split_line(line)
            if self.poison is not None and key[0].startswith("kvarter,") and f"device={self.poison}" in key[0]:
                self.refused.add(key)
                refusals.append(Refusal(index, "simulated store: poison"))
            else:
                self._keep(key, fields)
        if self.cuts:
            raise SinkUnavailable("simulated store: the reply was cut off")
        return refusals

    def _keep(self, key: Key, fields: dict[str, str]) -> None:
        row = self.rows.get(key)
        if row is None:
            self.rows[key] = Row(fields)
            return
        if row.fields != fields:
            self.changed(key, str(row.fields), str(fields))
            row.fields |= fields
        row.writes += 1


def split_line(line: bytes) -> tuple[Key, dict[str, str]]:
    """Return key and fields of a line, by other code than the product's."""
    text = line.decode("ascii").rpartition("\n")[2]
    head, fields, time = text.split(" ")
    assert time.endswith("000000")
    return (head, int(time[:-6])), dict(pair.split("=", 1) for pair in fields.split(","))
