"""Bad manners of sound devices: silent where others refuse, busy, particular about where a request begins and ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.profile import Table
from gateway.core.errors import NoAnswer, Refused
from gateway.sim.device import ILLEGAL_ADDRESS
from gateway.sim.place import PlacedPoint

Span = tuple[Table, int, int]
"""Table, first address, count."""


class Answering(Protocol):
    """What a server asks of a device."""

    @property
    def name(self) -> str:
        """In messages and in the log."""

    @property
    def unit_id(self) -> int:
        """Address on the link."""

    def read(self, table: Table, address: int, count: int) -> Sequence[int]:
        """Return the registers, or bits as 0 and 1.

        Raises:
            Refused: the device answers with an exception code.
            NoAnswer: the device stays silent.
        """


@dataclass(frozen=True, slots=True)
class Manners:
    """What is wrong with a device."""

    silent_outside: bool = False
    """Addresses that it does not have get no answer, instead of exception 2."""
    whole_values: Sequence[Span] = ()
    """A request that begins or ends within one of these is exception 2."""
    busy: int = 0
    """So many requests are refused first."""
    busy_code: int = 6
    """Exception code while busy: 5, 6 or 11."""


class Awkward:
    """A device with the manners of a worse one.

    Args:
        device: What it is otherwise.
        manners: What is wrong with it.
    """

    def __init__(self, device: Answering, manners: Manners) -> None:
        self.name = device.name
        self.unit_id = device.unit_id
        self._device = device
        self._manners = manners
        self._busy = manners.busy

    def read(self, table: Table, address: int, count: int) -> Sequence[int]:
        """Return the registers, or bits as 0 and 1.

        Raises:
            Refused: the device answers with an exception code.
            NoAnswer: the device stays silent.
        """
        if self._busy > 0:
            self._busy -= 1
            raise Refused(f"{self.name}: busy", code=self._manners.busy_code)
        for of_table, first, size in self._manners.whole_values:
            if of_table is table and any(first < edge < first + size for edge in (address, address + count)):
                raise Refused(f"{self.name}: {table} {first} is torn", code=ILLEGAL_ADDRESS)
        try:
            return self._device.read(table, address, count)
        except Refused as refusal:
            if self._manners.silent_outside and refusal.code == ILLEGAL_ADDRESS:
                raise NoAnswer(str(refusal)) from refusal
            raise


def spans_of(points: Iterable[PlacedPoint]) -> Sequence[Span]:
    """Return where the values of the points lie, for `Manners.whole_values`."""
    return tuple((slot.table, slot.address, slot.words) for placed in points for slot in placed.touched)
