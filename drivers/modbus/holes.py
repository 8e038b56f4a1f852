"""Where a device refused to be read across, as learnt from its refusals. Pure: whoever owns it saves it."""

from collections.abc import Iterable, Iterator, Mapping

from drivers.profile import LAST_ADDRESS, Table

Cut = tuple[Table, int, int]
"""Table, last address before and first address behind: no request may hold both."""


class LearntHoles:
    """The cuts of one device.

    Args:
        cuts: What is known already.
    """

    def __init__(self, cuts: Iterable[Cut] = ()) -> None:
        self._cuts = frozenset(cuts)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> "LearntHoles":
        """Return what `to_mapping` gave; entries that make no sense are left out, since they can be learnt again."""
        found = ((table, pair) for table in Table for pair in _pairs(mapping.get(table.value)))
        return cls((table, pair[0], pair[1]) for table, pair in found)

    def to_mapping(self) -> dict[str, list[list[int]]]:
        """Return plain lists, for a file."""
        mapping: dict[str, list[list[int]]] = {}
        for table, left, right in sorted(self._cuts):
            mapping.setdefault(table.value, []).append([left, right])
        return mapping

    @property
    def cuts(self) -> frozenset[Cut]:
        """Every cut."""
        return self._cuts

    def add(self, cuts: Iterable[Cut]) -> None:
        """Remember the cuts."""
        self._cuts |= frozenset(cuts)

    def describe(self) -> tuple[str, ...]:
        """Return one line per cut, for people."""
        return tuple(
            f"{table}: refuses a request across {left + 1} to {right - 1}"
            if right > left + 1
            else f"{table}: refuses a request that holds both {left} and {right}"
            for table, left, right in sorted(self._cuts)
        )


def separated(cuts: Iterable[Cut], table: Table, first: int, last: int) -> bool:
    """Return whether a request from `first` to `last` would hold both sides of a cut."""
    return any(cut[0] is table and first <= cut[1] and cut[2] <= last for cut in cuts)


def _pairs(entry: object) -> Iterator[tuple[int, int]]:
    for pair in entry if isinstance(entry, list) else ():
        match pair:
            case [int(left), int(right)] if 0 <= left < right <= LAST_ADDRESS:
                yield left, right
            case _:
                pass
