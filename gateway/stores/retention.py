"""Removes readouts that are older than the site wants to keep them; their intervals stay."""

from gateway.energy.counters import INTERVAL_MS, LONGEST_STEP_MS
from gateway.stores.database import Database, as_int
from gateway.stores.marks import Marks
from gateway.stores.schema import quoted
from gateway.stores.tables import Tables

ROWS = 1000
"""Removed in one step at most."""


class Retention:
    """Removes readouts, whole intervals at a time.

    Age is counted from the newest readout of the store, so that time without readouts removes nothing. After an error
    it is void.
    """

    def __init__(self, database: Database, *, tables: Tables, marks: Marks, retention_s: float) -> None:
        self._database = database
        self._tables = tables
        self._marks = marks
        self._retention_ms = round(retention_s * 1000)
        self._looked_at_ms = 0

    def step(self) -> bool:
        """Remove some readouts of one device; return whether there were any.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk does not allow it.
        """
        now_ms = self._marks.newest_ms() // INTERVAL_MS * INTERVAL_MS
        if now_ms <= self._looked_at_ms:
            return False
        for table in self._tables.readouts():
            end_ms = self._end_ms(table, now_ms - self._retention_ms)
            ((oldest,),) = self._database.rows(f"SELECT min(time) FROM {quoted(table)}")
            if oldest is not None and as_int(oldest) < end_ms:
                with self._database.transaction():
                    self._remove(table, end_ms)
                return True
        self._looked_at_ms = now_ms
        return False

    def _end_ms(self, table: str, end_ms: int) -> int:
        """Return up to when readouts can go: those that an unsettled interval still needs stay."""
        pending_ms = self._marks.oldest_pending_ms(table)
        if pending_ms is not None:
            end_ms = min(end_ms, pending_ms - 2 * LONGEST_STEP_MS)
        return end_ms // INTERVAL_MS * INTERVAL_MS

    def _remove(self, table: str, end_ms: int) -> None:
        name = quoted(table)
        ((last,),) = self._database.rows(
            f"SELECT max(time) FROM (SELECT time FROM {name} WHERE time < ? ORDER BY time LIMIT ?)", (end_ms, ROWS)
        )
        self._database.run(f"DELETE FROM {name} WHERE time <= ?", (last,))
        self._marks.retain_from(table, as_int(last) // INTERVAL_MS * INTERVAL_MS + INTERVAL_MS)
