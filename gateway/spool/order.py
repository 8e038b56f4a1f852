"""What the flash ring is asked to write, and what it answers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.errors import SpoolError
from gateway.spool.ledger import Draft
from gateway.spool.record import Record
from gateway.spool.segment import SegmentHeader, Span


class Doubtful(SpoolError):
    """A sync failed: nothing that was written to these segments since the last one may be believed.

    Args:
        segments: Their names.
    """

    def __init__(self, message: str, segments: Sequence[str]) -> None:
        super().__init__(message)
        self.segments = tuple(segments)


@dataclass(frozen=True, slots=True)
class WriteOrder:
    """What one round writes, in this order."""

    notes: tuple[Record, ...] = ()
    copies: tuple[Record, ...] = ()
    """Blocks from other segments, as they are."""
    drafts: tuple[Draft, ...] = ()
    closing: tuple[Record, ...] = ()
    header: SegmentHeader | None = None
    """For a new segment; without one none is begun."""
    state: tuple[Record, ...] = ()
    """What stands at the start of a new segment."""
    spare: tuple[str, ...] = ()
    """Segments of which nothing is needed any more, oldest first."""
    blanks: tuple[tuple[str, int, int], ...] = ()
    """Damage that is declared: segment, offset, length."""
    again: tuple[tuple[str, int, int], ...] = ()
    """What may not have been synced is written once more: segment, offset, length."""
    reserve_bytes: int = 0
    """What stays free in the last segment there is, for what must be kept of the oldest."""
    sync: bool = True


@dataclass(slots=True)
class Landed:
    """What became of a round."""

    spans: list[tuple[str, Span]] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    """Segments begun, with their generation."""
    written: int = 0
    """Records of the order; fewer than it holds where no segment was left for the rest."""
    size_bytes: int = 0
    synced: bool = False
    refusal: SpoolError | None = None
    """Why no other segment could be made."""

    def is_all_of(self, order: WriteOrder) -> bool:
        """Return whether nothing of the order is left."""
        return self.written == sum(map(len, (order.notes, order.copies, order.drafts, order.closing)))
