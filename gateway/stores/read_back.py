"""A fresh look into an embedded store, apart from whoever writes it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.core.readout import Event
from gateway.stores.database import Cell, Database, as_int, open_to_read
from gateway.stores.schema import DATABASE_NAME, EVERY_SITE, interval_table, quoted, readout_table, split_table

Columns = Mapping[str, float | int | None]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored."""

    site: str
    """`*` where it concerns all sites of the store."""
    time_ms: int
    event: Event


class ReadBack:
    """What a store holds, read row by row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sites(self) -> list[str]:
        """Return the sites that have readouts."""
        return sorted({site for site, _ in self._readouts()})

    def devices(self, site: str) -> list[str]:
        """Return the devices of a site that have readouts."""
        return [device for owner, device in self._readouts() if owner == site]

    def count(self, site: str, device: str) -> int:
        """Return the number of readouts of a device."""
        ((count,),) = self._database.rows(f"SELECT count(*) FROM {quoted(readout_table(site, device))}")
        return as_int(count)

    def rows(self, site: str, device: str) -> Iterator[tuple[int, Columns]]:
        """Yield time and all columns of each readout, in ascending time."""
        return self._each(readout_table(site, device))

    def intervals(self, site: str, device: str) -> Iterator[tuple[int, Columns]]:
        """Yield start and all columns of each quarter-hour, in ascending time; none where none was made yet."""
        table = interval_table(readout_table(site, device))
        return self._each(table) if self._database.columns(table) else iter(())

    def events(self, site: str) -> Iterator[StoredEvent]:
        """Yield the events that concern a site, in ascending time."""
        found = self._database.each(
            'SELECT site, time, kind, cause, device, "from", "to", count, text, author FROM events '
            "WHERE site IN (?, ?) ORDER BY time, kind, cause, device",
            (site, EVERY_SITE),
        )
        yield from map(_event_of, found)

    def newest_events(self, site: str, device: str | None, *, limit: int) -> list[StoredEvent]:
        """Return the newest events that concern a site, or one device of it; newest first."""
        chosen = "" if device is None else "AND device IN (?, '') "
        found = self._database.rows(
            'SELECT site, time, kind, cause, device, "from", "to", count, text, author FROM events '
            f"WHERE site IN (?, ?) {chosen}ORDER BY time DESC LIMIT ?",
            (site, EVERY_SITE, *(() if device is None else (device,)), limit),
        )
        return list(map(_event_of, found))

    def _readouts(self) -> list[tuple[str, str]]:
        found = self._database.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [place for (name,) in found if (place := split_table(str(name)))]

    def _each(self, table: str) -> Iterator[tuple[int, Columns]]:
        names = [name for name in self._database.columns(table) if name != "time"]
        columns = ", ".join(map(quoted, ["time", *names]))
        for row in self._database.each(f"SELECT {columns} FROM {quoted(table)} ORDER BY time"):
            cells = (None if isinstance(cell, str) else cell for cell in row[1:])
            yield as_int(row[0]), dict(zip(names, cells, strict=True))


def _event_of(row: Sequence[Cell]) -> StoredEvent:
    owner, time_ms, kind, cause, device, *rest = row
    start_ms, end_ms, count = map(as_int, rest[:3])
    text, author = map(str, rest[3:])
    event = Event(str(kind), str(cause), start_ms, end_ms, count, str(device) or None, text, author)
    return StoredEvent(str(owner), as_int(time_ms), event)


@contextmanager
def read_back(folder: Path) -> Iterator[ReadBack]:
    """Yield what the store in a folder holds.

    Raises:
        FileNotFoundError: there is no store.
        DamagedDatabase: what is there is not a store of this release.
        SinkUnavailable: it cannot be read.
    """
    path = folder / DATABASE_NAME
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no store")
    database = open_to_read(path)
    try:
        yield ReadBack(database)
    finally:
        database.close()
