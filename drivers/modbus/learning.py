"""What a device's refusals teach: where its requests must be cut, and which points it does not have. Pure."""

from collections.abc import Iterable, Iterator

from drivers.modbus.holes import Cut, LearntHoles
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.plan import Atom, Block

_SILENCES = 3
"""A block that never answered and stays silent so often, while others answer, hides a hole that answers nothing."""
_RESTING_READS = 30

Counts = dict[ReadRequest, int]


class Lessons:
    """What is known of one device since it was last connected, on top of what is known for ever.

    Args:
        holes: What is known for ever; what is learnt for certain is added.
        confirm: How many refusals of a request in a row count; more than one where a refusal may come twice.
    """

    def __init__(self, holes: LearntHoles, *, confirm: int) -> None:
        self._holes = holes
        self._confirm = confirm
        self._tried: set[Cut] = set()
        self._guessed: set[Cut] = set()
        self._refusals: Counts = {}
        self._silences: Counts = {}
        self._resting: Counts = {}
        self._whole: set[ReadRequest] = set()
        self._answered: set[str] = set()
        self._absent: set[str] = set()

    @property
    def cuts(self) -> frozenset[Cut]:
        """Where no request may reach across."""
        return self._holes.cuts | self._tried | self._guessed

    @property
    def absent(self) -> frozenset[str]:
        """Optional points that the device refuses."""
        return frozenset(self._absent)

    @property
    def is_learning(self) -> bool:
        """Whether an answer may say something new."""
        return bool(self._tried or self._refusals or self._silences)

    def reset(self) -> None:
        """Forget what may be different after the device was away."""
        self._tried.clear()
        self._guessed.clear()
        self._whole.clear()
        self._answered.clear()
        self._absent.clear()
        for counts in (self._refusals, self._silences, self._resting):
            counts.clear()

    def rests(self, block: Block) -> bool:
        """Return whether a value that never comes is left out this time."""
        left = self._resting.get(block.request, 0)
        if left:
            self._resting[block.request] = left - 1
        return left > 0

    def answered(self, blocks: Iterable[Block]) -> None:
        """Note the blocks that gave values in one poll; a cut between two of them is certain."""
        last, first = set(), set()
        for block in blocks:
            last.add((block.table, block.end - 1))
            first.add((block.table, block.address))
            self._refusals.pop(block.request, None)
            self._silences.pop(block.request, None)
            self._whole.add(block.request)
            self._answered.update(block.points)
        certain = {cut for cut in self._tried if (cut[0], cut[1]) in last and (cut[0], cut[2]) in first}
        if certain:
            self._tried -= certain
            self._holes.add(certain)

    def refused(self, block: Block) -> bool:
        """Return whether the refusal of its addresses is a reason to ask again, for something else perhaps."""
        count = self._refusals[block.request] = self._refusals.get(block.request, 0) + 1
        if count < self._confirm:
            return True
        return count == self._confirm and self._divide(block, self._tried)

    def silent(self, block: Block) -> bool:
        """Return whether no answer, while other blocks gave theirs, changes what is to be asked next time."""
        if block.request in self._whole:
            return False
        count = self._silences[block.request] = self._silences.get(block.request, 0) + 1
        if count < _SILENCES:
            return False
        # Silence proves little: what it seems to say is forgotten with the connection.
        if self._divide(block, self._guessed):
            return True
        self._resting[block.request] = _RESTING_READS
        return False

    def _divide(self, block: Block, cuts: set[Cut]) -> bool:
        """Return whether there is less to ask for: a part of the block, or nothing where the point may be absent."""
        cut = cut_of(block)
        if cut is not None:
            self._refusals.pop(block.request, None)
            self._silences.pop(block.request, None)
            cuts.add(cut)
            return True
        # An optional point that answered before is there: its refusal is a fault.
        lost = {point for point in block.points if block.optional and point not in self._answered}
        if not lost:
            return False
        self._absent |= lost
        ends = {(block.table, block.address), (block.table, block.end - 1)}
        for known in (self._tried, self._guessed):
            known -= {cut for cut in known if not ends.isdisjoint({(cut[0], cut[1]), (cut[0], cut[2])})}
        return True


def cut_of(block: Block) -> Cut | None:
    """Return where to divide a block, None where it is a single value.

    What it reads beyond its values goes first. Then the widest gap, and of equal gaps the one nearest to the middle.
    """
    start, end = min(atom.start for atom in block.atoms), max(atom.end for atom in block.atoms)
    if block.end > end:
        return block.table, end - 1, end
    if block.address < start:
        return block.table, start - 1, start
    seams = list(seams_of(block.atoms))
    if not seams:
        return None
    left, right = max(seams, key=lambda seam: (seam[1] - seam[0], -abs(seam[0] + seam[1] - start - end)))
    return block.table, left, right


def seams_of(atoms: Iterable[Atom]) -> Iterator[tuple[int, int]]:
    """Yield the last address before and the first behind each place where no value would be split."""
    reach = -1
    for atom in sorted(atoms, key=lambda each: each.start):
        if 0 <= reach <= atom.start:
            yield reach - 1, atom.start
        reach = max(reach, atom.end)
