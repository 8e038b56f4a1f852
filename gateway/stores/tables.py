"""The tables of the devices: made and widened as points appear."""

from collections.abc import Mapping

from gateway.stores.database import Database
from gateway.stores.schema import MAX_COLUMNS, quoted, split_table

REAL = "REAL"
INTEGER = "INTEGER"


class Tables:
    """Knows which tables and columns there are, without asking the file each time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns: dict[str, dict[str, str]] = {}

    def columns(self, table: str) -> Mapping[str, str]:
        """Return the type of each column but `time`; none where there is no such table.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        known = self._columns.get(table)
        if known is None:
            known = self._database.columns(table)
            known.pop("time", None)
            if known:
                self._columns[table] = known
        return known

    def readouts(self) -> list[str]:
        """Return the names of all tables of readouts.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        found = self._database.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [str(name) for (name,) in found if split_table(str(name))]

    def room(self, table: str) -> int:
        """Return how many more columns the table can have."""
        return MAX_COLUMNS - len(self.columns(table))

    def extend(self, table: str, wanted: Mapping[str, str]) -> None:
        """Make the table and those columns that it does not have, as part of the caller's transaction.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk does not allow it.
        """
        known = self.columns(table)
        fresh = {name: kind for name, kind in wanted.items() if name not in known}
        if not fresh:
            return
        if known:
            for name, kind in fresh.items():
                self._database.run(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} {kind}")
        else:
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in fresh.items())
            self._database.run(f"CREATE TABLE {quoted(table)} (time INTEGER PRIMARY KEY, {columns})")
        self._columns[table] = {**known, **fresh}
