"""Points → block reads: the cheapest set of requests that splits no value and touches no hole. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from drivers.modbus.holes import Cut, separated
from drivers.modbus.pdu import BIT_TABLES, MAX_BITS, ReadRequest
from drivers.modbus.spec import PointSpec, Slot
from drivers.modbus.timing import BusTiming
from drivers.profile import Table

_LOSS = 0.1
"""What it costs to read a point that may not be there together with others, as a share of one request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a device wants to be asked."""

    max_registers: int = 125
    single_values: bool = False
    holes: tuple[tuple[int, int], ...] = ()
    """First and last address that no request may touch."""
    retry_codes: frozenset[int] = frozenset()
    """Exception codes that say 'later' and nothing about the addresses."""
    ones_are_nothing: bool = False
    """An answer of several registers in which every bit is set means that the device has nothing to say."""

    def most(self, table: Table) -> int:
        """Return how many registers or bits of a table one request may hold."""
        return min(MAX_BITS, 16 * self.max_registers) if table in BIT_TABLES else self.max_registers

    def touches_hole(self, first: int, last: int) -> bool:
        """Return whether a request from `first` to `last` would touch a hole."""
        return any(first <= hole_last and hole_first <= last for hole_first, hole_last in self.holes)


@dataclass(frozen=True, slots=True)
class Atom:
    """Registers that are read in one request or not at all."""

    table: Table
    start: int
    end: int
    """Address behind the last register."""
    points: tuple[str, ...]
    optional: bool
    single: bool


@dataclass(frozen=True)
class Block:
    """One request of a plan."""

    table: Table
    address: int
    count: int
    duration_s: float
    """Time on the bus, request and answer."""
    atoms: tuple[Atom, ...]

    @property
    def end(self) -> int:
        """The address behind the last register."""
        return self.address + self.count

    @cached_property
    def request(self) -> ReadRequest:
        """What is sent."""
        return ReadRequest(self.table, self.address, self.count)

    @cached_property
    def points(self) -> tuple[str, ...]:
        """Points that have a part in it."""
        return tuple(dict.fromkeys(point for atom in self.atoms for point in atom.points))

    @property
    def optional(self) -> bool:
        """Whether only points that may be absent are read by it."""
        return all(atom.optional for atom in self.atoms)


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The requests of one poll, by table and address."""

    blocks: tuple[Block, ...]

    @property
    def duration_s(self) -> float:
        """Time on the bus."""
        return sum(block.duration_s for block in self.blocks)

    @property
    def requests(self) -> tuple[str, ...]:
        """The requests in words: table, first address and count."""
        return tuple(f"{block.table} {block.address}+{block.count}" for block in self.blocks)

    def as_json(self) -> list[dict[str, str | int]]:
        """Return the requests as `check --json` prints them."""
        return [{"table": block.table, "address": block.address, "count": block.count} for block in self.blocks]


def plan_reads(specs: Iterable[PointSpec], *, limits: Limits, bus: BusTiming, cuts: Collection[Cut] = ()) -> ReadPlan:
    """Return the cheapest plan that gives every point.

    Args:
        specs: The points.
        limits: How the device wants to be asked.
        bus: What a request costs.
        cuts: Where the device is known to refuse to be read across.
    """
    planner = _Planner(limits, bus, cuts)
    atoms = _merged(atom for spec in specs for atom in atoms_of(spec, limits))
    blocks: list[Block] = []
    for table in Table:
        here = [atom for atom in atoms if atom.table is table]
        runs = planner.runs(here)
        blocks += [planner.block(run) for run in runs] if bus.numbered else planner.distinct(runs)
    return ReadPlan(tuple(blocks))


def atoms_of(spec: PointSpec, limits: Limits) -> Iterator[Atom]:
    """Yield what of a point must be read together: all of it, wherever one request can hold it."""
    single = spec.single or limits.single_values
    for table in dict.fromkeys(slot.table for slot in spec.touched):
        slots = [slot for slot in spec.touched if slot.table is table]
        start, end = min(slot.address for slot in slots), max(slot.end for slot in slots)
        if _fits(spec, slots, limits, span=(start, end)):
            yield Atom(table, start, end, (spec.name,), spec.optional, single)
        else:
            for slot in slots:
                yield Atom(table, slot.address, slot.end, (spec.name,), spec.optional, single)


def _fits(spec: PointSpec, slots: Sequence[Slot], limits: Limits, *, span: tuple[int, int]) -> bool:
    start, end = span
    if spec.single or limits.single_values:
        # Such a device knows a value and its exponent side by side, but no parts of a sum.
        return len(spec.slots) == 1 and end - start == sum(slot.words for slot in slots)
    return end - start <= limits.most(slots[0].table) and not limits.touches_hole(start, end - 1)


def _merged(atoms: Iterable[Atom]) -> list[Atom]:
    """Return the atoms by address, those of the same registers as one."""
    found: dict[tuple[str, int, int], Atom] = {}
    for atom in atoms:
        key = (atom.table.value, atom.start, atom.end)
        known = found.get(key)
        found[key] = (
            atom
            if known is None
            else replace(
                known,
                points=tuple(dict.fromkeys(known.points + atom.points)),
                optional=known.optional and atom.optional,
                single=known.single or atom.single,
            )
        )
    return [found[key] for key in sorted(found)]


class _Planner:
    """What may be in one request, and what it costs."""

    def __init__(self, limits: Limits, bus: BusTiming, cuts: Collection[Cut]) -> None:
        self._limits = limits
        self._bus = bus
        self._cuts = cuts

    def block(self, run: Sequence[Atom], *, span: tuple[int, int] | None = None) -> Block:
        """Return the request for the atoms; `span` where it reads more than them."""
        start, end = span or _span(run)
        request = ReadRequest(run[0].table, start, end - start)
        return Block(run[0].table, start, end - start, self._bus.duration_s(request), tuple(run))

    def runs(self, atoms: Sequence[Atom]) -> list[list[Atom]]:
        """Return the atoms of one table, given by address, in the groups that cost least."""
        best: list[tuple[float, int]] = [(0.0, 0)]
        for last in range(len(atoms)):
            choices = []
            for first in range(last, -1, -1):
                run = atoms[first : last + 1]
                if first < last and not self._allowed(run):
                    # What lies between may be refused together while less of it is not: only size ends the search.
                    if run[-1].end - run[0].start > self._limits.most(run[0].table):
                        break
                    continue
                # Of equal costs, full blocks come first and the short one last.
                choices.append((round(best[first][0] + self._cost(run), 9), -first))
            cost, first = min(choices)
            best.append((cost, -first))
        groups: list[list[Atom]] = []
        end = len(atoms)
        while end:
            first = best[end][1]
            groups.append(list(atoms[first:end]))
            end = first
        return groups[::-1]

    def distinct(self, runs: list[list[Atom]]) -> list[Block]:
        """Return the blocks, each with a byte count of its own where that is possible without unknown registers."""
        atoms = [atom for run in runs for atom in run]
        known = {address for run in runs for address in range(*_span(run))}
        taken: set[int] = set()
        blocks: list[Block] = []
        while runs:
            run, runs = runs[0], runs[1:]
            block = self.block(run)
            if block.request.reply_bytes in taken:
                varied = self._widened(run, atoms, known, taken) or self._narrowed(run, taken)
                block = varied or block
                rest = [atom for atom in run if atom not in block.atoms]
                if rest:
                    runs = self.runs([*rest, *(atom for other in runs for atom in other)])
            taken.add(block.request.reply_bytes)
            blocks.append(block)
        return blocks

    def _widened(
        self, run: Sequence[Atom], atoms: Sequence[Atom], known: Collection[int], taken: Collection[int]
    ) -> Block | None:
        """Return the block with some of its neighbours, which are then read twice."""
        start, end = _span(run)
        if any(atom.single for atom in run):
            return None
        after = sorted({atom.end for atom in atoms if atom.end > end})
        before = sorted({atom.start for atom in atoms if atom.start < start}, reverse=True)
        for span in (*((start, more) for more in after), *((less, end) for less in before)):
            if self._free(run[0].table, span) and all(address in known for address in range(*span)):
                wider = self.block(run, span=span)
                if wider.request.reply_bytes not in taken:
                    return wider
        return None

    def _narrowed(self, run: Sequence[Atom], taken: Collection[int]) -> Block | None:
        """Return the block without its last atoms."""
        for keep in range(len(run) - 1, 0, -1):
            narrower = self.block(run[:keep])
            if narrower.request.reply_bytes not in taken:
                return narrower
        return None

    def _allowed(self, run: Sequence[Atom]) -> bool:
        start, end = _span(run)
        return not any(atom.single for atom in run) and self._free(run[0].table, (start, end))

    def _free(self, table: Table, span: tuple[int, int]) -> bool:
        start, end = span
        if end - start > self._limits.most(table) or self._limits.touches_hole(start, end - 1):
            return False
        return not separated(self._cuts, table, start, end - 1)

    def _cost(self, run: Sequence[Atom]) -> float:
        cost = self.block(run).duration_s
        if any(atom.optional for atom in run) and not all(atom.optional for atom in run):
            cost += _LOSS * self._bus.overhead_s
        return cost


def _span(run: Sequence[Atom]) -> tuple[int, int]:
    return min(atom.start for atom in run), max(atom.end for atom in run)
