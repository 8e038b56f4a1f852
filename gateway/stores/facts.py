"""What the catalogue says about points that an interval cannot be made without: how often, and up to where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.stores.database import Database, as_int
from gateway.stores.schema import readout_table
from gateway.wire.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class PointFacts:
    """One point from some time on."""

    interval_ms: int | None = None
    """How often it is read, None where nobody says so."""
    wrap: float | None = None
    """Where its counter would reach this value it is 0 again, None where nobody says so."""


UNKNOWN = PointFacts()
History = Sequence[tuple[int, PointFacts]]
"""Facts in ascending order of the time from which they hold."""


def in_force(history: History, at_ms: int) -> PointFacts:
    """Return what holds at some time; before the first statement, what that says."""
    earlier = [facts for since_ms, facts in history if since_ms <= at_ms]
    if earlier:
        return earlier[-1]
    return history[0][1] if history else UNKNOWN


class Facts:
    """The facts of all points, each in force from some time on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_device(self, table: str) -> Mapping[str, History]:
        """Return what was ever stated about each point of a device.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        found = self._database.rows(
            "SELECT point, since, interval_ms, wrap FROM facts WHERE device = ? ORDER BY since", (table,)
        )
        histories: dict[str, list[tuple[int, PointFacts]]] = {}
        for point, since_ms, interval_ms, wrap in found:
            facts = PointFacts(
                interval_ms if isinstance(interval_ms, int) else None, wrap if isinstance(wrap, float) else None
            )
            histories.setdefault(str(point), []).append((as_int(since_ms), facts))
        return histories

    def keep(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Remember what a catalogue says about lines from that time on.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk does not allow it.
        """
        with self._database.transaction():
            for device, entry in catalogue.devices.items():
                table = readout_table(catalogue.site, device)
                known = self.of_device(table)
                for point, stated in entry.points.items():
                    facts = PointFacts(stated.interval_ms or entry.interval_ms, stated.wrap)
                    if in_force(known.get(point, ()), since_ms) != facts:
                        self._put(table, point, since_ms, facts=facts)

    def _put(self, table: str, point: str, since_ms: int, *, facts: PointFacts) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)",
            (table, point, since_ms, facts.interval_ms, facts.wrap),
        )
