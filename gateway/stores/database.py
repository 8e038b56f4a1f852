"""One SQLite file: the only module that knows sqlite3. Used from one thread."""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from gateway.core.errors import KvarterError, SinkUnavailable
from gateway.energy.intervals import mean_direction
from gateway.stores.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES

Cell = float | int | str | None
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ADVICE = {
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_BUSY: "another program holds it; end that program",
    sqlite3.SQLITE_LOCKED: "another program holds it; end that program",
    sqlite3.SQLITE_READONLY: "let this user write to the folder",
    sqlite3.SQLITE_CANTOPEN: "let this user write to the folder",
    sqlite3.SQLITE_PERM: "let this user write to the folder",
    sqlite3.SQLITE_IOERR: "check its disk",
}
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What a statement raises; damaged text cannot be decoded."""
_BUSY_S = 5.0
_STATEMENTS = 1000
"""Prepared statements kept: about one per device and group of points."""

log = logging.getLogger(__name__)


class DamagedDatabase(KvarterError):
    """The file is not a database, is damaged inside, or belongs to another program or a newer release."""


class _DirectionMean:
    """SQL aggregate: the mean of directions in degrees."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def step(self, value: float | None) -> None:
        if value is not None:
            self._values.append(value)

    def finalize(self) -> float | None:
        return mean_direction(self._values, [1.0] * len(self._values)) if self._values else None


class Database:
    """An open database file.

    Raises:
        DamagedDatabase: what stands there is not a database file.
        SinkUnavailable: the folder or disk does not allow it.
    """

    def __init__(self, path: Path, *, writing: bool) -> None:
        self._path = path
        if any(part.exists() and not part.is_file() for part in _parts(path)):
            raise DamagedDatabase(f"{path}: not a file")
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if writing else 'ro'}"
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=_BUSY_S, isolation_level=None, cached_statements=_STATEMENTS
            )
            self._connection.create_aggregate("mean_direction", 1, _DirectionMean)  # type: ignore[arg-type]
        except sqlite3.Error as exc:
            raise _ours(exc, path) from exc

    def prepare(self) -> None:
        """Make the tables of a new file, or check those of an old one.

        Raises:
            DamagedDatabase: the file is damaged, or belongs to another program or release.
            SinkUnavailable: the folder or disk does not allow it.
        """
        self.run("PRAGMA journal_mode = WAL")
        # A receipt frees the spool, so what was committed must survive a power cut.
        self.run("PRAGMA synchronous = FULL")
        with self.transaction():
            if not self.rows("SELECT name FROM sqlite_master LIMIT 1"):
                self.run(f"PRAGMA application_id = {APPLICATION_ID}")
                self.run(f"PRAGMA user_version = {SCHEMA_VERSION}")
                for statement in TABLES.values():
                    self.run(statement)
        self.check()

    def check(self) -> None:
        """Return if the file is a store of this release.

        Raises:
            DamagedDatabase: it is not, or is damaged.
            SinkUnavailable: the disk does not allow it.
        """
        marks = [self.rows(f"PRAGMA {name}")[0][0] for name in ("application_id", "user_version")]
        kept = {str(name): str(sql) for name, sql in self.rows("SELECT name, sql FROM sqlite_master")}
        if marks != [APPLICATION_ID, SCHEMA_VERSION] or any(kept.get(name) != sql for name, sql in TABLES.items()):
            raise DamagedDatabase(f"{self._path}: the file was made by another program or another release")

    def run(self, statement: str, values: Sequence[Cell] = ()) -> int:
        """Execute one statement and return how many rows it changed.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk or another program stands in the way.
        """
        try:
            return self._connection.execute(statement, values).rowcount
        except _ERRORS as exc:
            raise _ours(exc, self._path) from exc

    def rows(self, statement: str, values: Sequence[Cell] = ()) -> list[tuple[Cell, ...]]:
        """Return all rows of a query.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk or another program stands in the way.
        """
        try:
            return self._connection.execute(statement, values).fetchall()
        except _ERRORS as exc:
            raise _ours(exc, self._path) from exc

    def each(self, statement: str, values: Sequence[Cell] = ()) -> Iterator[tuple[Cell, ...]]:
        """Yield the rows of a query as they are read.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk or another program stands in the way.
        """
        try:
            yield from self._connection.execute(statement, values)
        except _ERRORS as exc:
            raise _ours(exc, self._path) from exc

    def columns(self, table: str) -> dict[str, str]:
        """Return name and type of the columns of a table; none where there is no such table."""
        found = self.rows("SELECT name, type FROM pragma_table_info(?)", (table,))
        return {str(name): str(kind) for name, kind in found}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block writes, durably, or nothing of it where it raises.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: nothing was written.
        """
        self.run("BEGIN IMMEDIATE")
        with self._rolled_back():
            yield
            self.run("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read everything in the block as it was at one instant, whatever is written meanwhile.

        Raises:
            SinkUnavailable: it cannot be read.
        """
        self.run("BEGIN")
        with self._rolled_back():
            yield

    @contextmanager
    def _rolled_back(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._roll_back()

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error as exc:
            # The cause is on its way already; a journal that cannot be rolled back now is when next opened.
            log.debug("%s: rollback failed: %s", self._path, exc)

    def interrupt(self) -> None:
        """End the statement in hand with SinkUnavailable; from any thread."""
        with suppress(sqlite3.Error):  # closed already
            self._connection.interrupt()

    def close(self) -> None:
        """Close; what was committed stays."""
        self._connection.close()


def as_int(cell: Cell) -> int:
    """Return a cell of an INTEGER column that is never null.

    Raises:
        DamagedDatabase: it holds something else.
    """
    if not isinstance(cell, int):
        raise DamagedDatabase(f"{cell!r} stands where an integer must be")
    return cell


def as_number(cell: Cell) -> float | int:
    """Return a cell of a column of numbers that is not null.

    Raises:
        DamagedDatabase: it holds text.
    """
    if not isinstance(cell, (int, float)):
        raise DamagedDatabase(f"{cell!r} stands where a number must be")
    return cell


def open_database(path: Path) -> Database:
    """Return the store's database for reading and writing, made where there is none.

    Raises:
        DamagedDatabase: what stands there is not a store of ours.
        SinkUnavailable: the folder or disk does not allow it.
    """
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            _sync_folder(path.parent.parent)
    except OSError as exc:
        raise SinkUnavailable(f"{path.parent}: the folder of the store cannot be made: {exc.strerror}") from exc
    return _checked(Database(path, writing=True), Database.prepare)


def open_to_read(path: Path) -> Database:
    """Return an existing database for reading only.

    Raises:
        DamagedDatabase: it is not a store of ours.
        SinkUnavailable: it cannot be read.
    """
    return _checked(Database(path, writing=False), Database.check)


def _checked(database: Database, check: Callable[[Database], None]) -> Database:
    try:
        check(database)
    except KvarterError:
        database.close()
        raise
    return database


def set_aside(path: Path) -> Path:
    """Move a database out of the way with its journal, for whoever wants to recover it, and return its new name.

    Raises:
        SinkUnavailable: the folder does not allow it.
    """
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    aside = next(name for name in names if not any(part.exists() for part in _parts(name)))
    try:
        for part, new in zip(_parts(path), _parts(aside), strict=True):
            if part.exists():
                part.rename(new)
        _sync_folder(path.parent)
    except OSError as exc:
        raise SinkUnavailable(f"{path}: damaged, and cannot be set aside: {exc.strerror}") from exc
    return aside


def last_written_ms(path: Path) -> int:
    """Return the UTC at which a database or its journal was last written, 0 where there is none."""
    return max((part.stat().st_mtime_ns // 1_000_000 for part in _parts(path) if part.exists()), default=0)


def _sync_folder(folder: Path) -> None:
    """Return when the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parts(path: Path) -> Sequence[Path]:
    """Return the files that SQLite keeps for one database."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def _ours(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> KvarterError:
    """Return our error for one of SQLite's; one without a code is a mistake in this program."""
    if isinstance(error, UnicodeDecodeError):
        return DamagedDatabase(f"{path}: text in it is damaged")
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        raise error
    if code & 0xFF in _DAMAGE:
        return DamagedDatabase(f"{path}: {error}")
    advice = _ADVICE.get(code & 0xFF, "")
    return SinkUnavailable(f"{path}: {error}" + (f": {advice}" if advice else ""))
