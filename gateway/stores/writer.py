"""Lines into tables: one transaction per call."""

import json
from collections.abc import Sequence

from gateway.core.errors import WireError
from gateway.core.protocols import Refusal
from gateway.core.readout import Event
from gateway.stores.database import Database
from gateway.stores.marks import Marks
from gateway.stores.schema import readout_table, upsert
from gateway.stores.tables import INTEGER, REAL, Tables
from gateway.wire.line import EVENT, Line, parse_line

_Shape = tuple[str, tuple[str, ...], tuple[type, ...]]
_TYPES = {float: REAL, int: INTEGER}


class _Newest:
    """Newest times of one batch."""

    def __init__(self) -> None:
        self.of_table: dict[str, int] = {}
        self.trusted_ms = 0
        self.doubtful_ms = 0

    def note(self, table: str, time_ms: int, *, trusted: bool) -> None:
        self.of_table[table] = max(self.of_table.get(table, 0), time_ms)
        if trusted:
            self.trusted_ms = max(self.trusted_ms, time_ms)
        else:
            self.doubtful_ms = max(self.doubtful_ms, time_ms)


class Writer:
    """Writes lines. After an error it is void: what it remembers may have been rolled back."""

    def __init__(self, database: Database, *, tables: Tables, marks: Marks) -> None:
        self._database = database
        self._tables = tables
        self._marks = marks
        self._statements: dict[_Shape, str] = {}

    def write(self, lines: Sequence[bytes]) -> list[Refusal]:
        """Store the lines durably and return those that no table can hold.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: nothing was stored.
        """
        refusals = []
        newest = _Newest()
        with self._database.transaction():
            for index, text in enumerate(lines):
                reason = self._store(text, newest)
                if reason is not None:
                    refusals.append(Refusal(index, reason))
            self._marks.note_batch(newest.of_table, trusted_ms=newest.trusted_ms, doubtful_ms=newest.doubtful_ms)
        return refusals

    def _store(self, text: bytes, newest: _Newest) -> str | None:
        """Store one line, or return why no table can hold it."""
        try:
            line = parse_line(text)
        except WireError as exc:
            return str(exc)
        if line.measurement == EVENT:
            self._store_event(line)
            return None
        table = readout_table(line.tags["site"], line.tags["device"])
        fields = line.fields
        shape = (table, tuple(fields), tuple(map(type, fields.values())))
        statement = self._statements.get(shape)
        if statement is None:
            reason = self._fit(table, line)
            if reason is not None:
                return reason
            statement = self._statements[shape] = upsert(table, tuple(fields))
        self._database.run(statement, (line.time_ms, *fields.values()))
        self._marks.touch(table, line.time_ms)
        newest.note(table, line.time_ms, trusted="clock" not in fields)
        return None

    def _fit(self, table: str, line: Line) -> str | None:
        """Make room for the line's fields, or return why there is none."""
        if "time" in line.fields:
            return "a field named time cannot be stored: time is the key of the row"
        known = self._tables.columns(table)
        wanted = {name: _TYPES[type(value)] for name, value in line.fields.items()}
        for name, kind in wanted.items():
            if known.get(name, kind) != kind:
                return f"{name} is {kind} here and was {known[name]} before: a point keeps its type for ever"
        if len(wanted.keys() - known.keys()) > self._tables.room(table):
            return f"{table} has {len(known)} points already and cannot take more"
        self._tables.extend(table, wanted)
        return None

    def _store_event(self, line: Line) -> None:
        tags, note = line.tags, json.loads(line.comment) if line.comment else {}
        start_ms, end_ms, count = (int(line.fields[name]) for name in ("from", "to", "count"))
        text, author = note.get("text", ""), note.get("author", "")
        event = Event(tags["kind"], tags["cause"], start_ms, end_ms, count, tags.get("device"), text, author)
        store_event(self._database, event, site=tags["site"], time_ms=line.time_ms)


def store_event(database: Database, event: Event, *, site: str, time_ms: int) -> None:
    """Store an event as part of the caller's transaction; its key is site, time, kind, cause and device.

    Raises:
        DamagedDatabase: the file is damaged.
        SinkUnavailable: the disk does not allow it.
    """
    key = (site, time_ms, event.kind, event.cause, event.device or "")
    facts = (event.start_ms, event.end_ms, event.count, event.text, event.author)
    database.run("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *facts))
