"""Which part of a batch is new and which is backlog: pure.

The mark is the highest sequence number of this run that was new already. What stands above it is live; everything else,
and every earlier run, is backlog.
"""

from dataclasses import replace

from gateway.core.protocols import Batch


def newer_part(batch: Batch, run: str, mark: int) -> Batch | None:
    """Return the lines of this run above the mark, None when there are none."""
    if batch.run != run or batch.last <= mark:
        return None
    if batch.first > mark:
        return batch
    return replace(batch, first=mark + 1, lines=batch.lines[mark + 1 - batch.first :])


def older_part(batch: Batch, run: str, mark: int) -> Batch | None:
    """Return the lines of earlier runs, or up to the mark, None when there are none."""
    if batch.run != run or batch.last <= mark:
        return batch
    if batch.first > mark:
        return None
    return replace(batch, last=mark, lines=batch.lines[: mark + 1 - batch.first])
