"""Other requests for the same registers, where a late answer to the ordinary one may still come. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from drivers.modbus.learning import seams_of
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.plan import Block


def undoubted(blocks: Sequence[Block], is_doubtful: Callable[[ReadRequest], bool]) -> tuple[Block, ...]:
    """Return the blocks, each doubtful one divided in two that are not, as far as that is possible.

    Two requests for the parts of a block cost what a probe and the whole block would, and need no trust in order.
    """
    found: list[Block] = []
    for block in blocks:
        parts = _parts(block, is_doubtful) if is_doubtful(block.request) else None
        found += parts or (block,)
    return tuple(found)


def _parts(block: Block, is_doubtful: Callable[[ReadRequest], bool]) -> tuple[Block, Block] | None:
    for first, second in _divisions(block):
        doubtful = is_doubtful(first.request) or is_doubtful(second.request)
        if not doubtful and first.request.reply_bytes != second.request.reply_bytes:
            return first, second
    return None


def _divisions(block: Block) -> Iterator[tuple[Block, Block]]:
    """Yield the ways to read a block in two requests without splitting a value, the shortest second part first."""
    atoms = sorted(block.atoms, key=lambda each: each.start)
    for left, right in reversed(list(seams_of(atoms))):
        first = tuple(atom for atom in atoms if atom.end <= left + 1)
        second = tuple(atom for atom in atoms if atom.start >= right)
        start, end = first[0].start, max(atom.end for atom in second)
        yield (
            replace(block, address=start, count=left + 1 - start, atoms=first),
            replace(block, address=right, count=end - right, atoms=second),
        )
