"""What the embedded store must remember about itself: how far time has come, and what is still to be settled."""

from collections.abc import Iterable, Mapping

from gateway.energy.counters import INTERVAL_MS
from gateway.stores.database import Database, as_int
from gateway.stores.schema import quoted

GRACE_MS = 86_400_000
"""Readouts of a settled interval are kept at least so long, in case more of them arrive."""
SILENCE_MS = 172_800_000
"""A device that is so far behind all others is not coming; longer than a collector lets a clock be ahead."""
DISORDER_MS = 3_600_000
"""A batch further back than this takes a device's own time back, so that one wrong time does not count for ever."""
_TRUSTED = "trusted_ms"
_NEWEST = "newest_ms"
_RETAINED = "retained_from:"


class Marks:
    """Marks in the file; all changes are part of the caller's transaction, and after a failed one this is void."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._values: dict[str, int] = {}
        self._dirty: set[tuple[str, int]] = set()
        self._newest: dict[str, int] = {}

    def note_batch(self, newest: Mapping[str, int], *, trusted_ms: int, doubtful_ms: int) -> None:
        """Remember how far time came in a batch.

        Args:
            newest: Newest time of each table in it.
            trusted_ms: Newest time that a time service vouches for, 0 for none.
            doubtful_ms: Newest of the other times, 0 for none.
        """
        for name, time_ms in ((_TRUSTED, trusted_ms), (_NEWEST, doubtful_ms)):
            if time_ms > self._get(name):
                self._set(name, time_ms)
        for table, time_ms in newest.items():
            known_ms = self._own_ms(table)
            self._newest[table] = max(time_ms, known_ms) if known_ms - time_ms < DISORDER_MS else time_ms

    def horizon_ms(self, table: str) -> int:
        """Return the time up to which nothing new is expected from a device: its own, or long before that of others."""
        return max(self._own_ms(table), self.newest_ms() - SILENCE_MS)

    def _own_ms(self, table: str) -> int:
        own_ms = self._newest.get(table)
        if own_ms is None:
            ((found,),) = self._database.rows(f"SELECT max(time) FROM {quoted(table)}")
            own_ms = self._newest[table] = as_int(found or 0)
        return own_ms

    def newest_ms(self) -> int:
        """Return how far time has come in this store; 0 when nothing was written."""
        return self._get(_TRUSTED) or self._get(_NEWEST)

    def retained_from_ms(self, table: str) -> int:
        """Return the time before which readouts of a device were removed."""
        return self._get(_RETAINED + table)

    def retain_from(self, table: str, time_ms: int) -> None:
        """Remember that readouts before that time were removed."""
        self._set(_RETAINED + table, time_ms)

    def touch(self, table: str, time_ms: int) -> None:
        """Remember that the interval around a time must be settled again."""
        start_ms = time_ms - time_ms % INTERVAL_MS
        if (table, start_ms) in self._dirty:
            return
        self._database.run(
            "INSERT INTO pending (device, start) VALUES (?, ?) ON CONFLICT DO UPDATE SET settled = NULL",
            (table, start_ms),
        )
        self._dirty.add((table, start_ms))

    def dirty(self, *, limit: int) -> list[tuple[str, int]]:
        """Return tables and starts of intervals to settle, the oldest first."""
        found = self._database.rows(
            "SELECT device, start FROM pending WHERE settled IS NULL ORDER BY start, device LIMIT ?", (limit,)
        )
        return [(str(table), as_int(start)) for table, start in found]

    def dirty_between(self, table: str, first_ms: int, last_ms: int) -> list[int]:
        """Return the starts of a device's intervals to settle, ascending; both ends are included."""
        found = self._database.rows(
            "SELECT start FROM pending WHERE device = ? AND settled IS NULL AND start BETWEEN ? AND ? ORDER BY start",
            (table, first_ms, last_ms),
        )
        return [as_int(start) for (start,) in found]

    def settle(self, table: str, starts: Iterable[int]) -> None:
        """Remember that the intervals are settled, and forget those settled long ago."""
        for start_ms in starts:
            self._database.run(
                "UPDATE pending SET settled = ? WHERE device = ? AND start = ?", (self.newest_ms(), table, start_ms)
            )
            self._dirty.discard((table, start_ms))
        self._database.run("DELETE FROM pending WHERE settled < ?", (self.newest_ms() - GRACE_MS,))

    def oldest_pending_ms(self, table: str) -> int | None:
        """Return the start of the oldest interval of a device that is to be settled or was settled lately."""
        ((start,),) = self._database.rows("SELECT min(start) FROM pending WHERE device = ?", (table,))
        return None if start is None else as_int(start)

    def _get(self, name: str) -> int:
        value = self._values.get(name)
        if value is None:
            found = self._database.rows("SELECT value FROM marks WHERE name = ?", (name,))
            value = self._values[name] = as_int(found[0][0]) if found else 0
        return value

    def _set(self, name: str, value: int) -> None:
        self._database.run(
            "INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (name, value),
        )
        self._values[name] = value
