"""Small requests that a device surely answers, with answers of different length. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from drivers.modbus.conversation import Shape, shape_of
from drivers.modbus.holes import Cut, separated
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.plan import Atom, Limits, atoms_of
from drivers.modbus.spec import PointSpec

_MOST = 6
_MOST_ATOMS = 4


def probes_for(specs: Iterable[PointSpec], *, limits: Limits, cuts: Collection[Cut] = ()) -> tuple[ReadRequest, ...]:
    """Return requests for single values of the points, then for values side by side, no two with the same answer."""
    atoms = [atom for spec in specs if not spec.optional for atom in atoms_of(spec, limits)]
    atoms.sort(key=lambda atom: (atom.end - atom.start, atom.table, atom.start))
    found: dict[Shape, ReadRequest] = {}
    for request in (*map(_request, atoms), *_side_by_side(atoms, limits, cuts)):
        found.setdefault(shape_of(request), request)
    return tuple(found.values())[:_MOST]


def _request(atom: Atom) -> ReadRequest:
    return ReadRequest(atom.table, atom.start, atom.end - atom.start)


def _side_by_side(atoms: Sequence[Atom], limits: Limits, cuts: Collection[Cut]) -> Iterator[ReadRequest]:
    ordered = sorted(atoms, key=lambda atom: (atom.table, atom.start))
    for first, atom in enumerate(ordered):
        end = atom.end
        for other in ordered[first + 1 : first + _MOST_ATOMS]:
            if other.table is not atom.table or other.start != end or atom.single or other.single:
                break
            end = other.end
            if end - atom.start > limits.most(atom.table) or separated(cuts, atom.table, atom.start, end - 1):
                break
            yield ReadRequest(atom.table, atom.start, end - atom.start)
