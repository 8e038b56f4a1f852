"""Reads readouts and buckets of the embedded store, in SQL.

Buckets that begin before the oldest readout kept come from the intervals, where their length is a multiple of 15
minutes: mean, min and max of gauges, the last reading of counters, the last value of everything else. The other
aggregates of such buckets cannot be had any more and are absent.
"""

from collections.abc import Iterable, Mapping, Sequence

from gateway.core.protocols import Query, Row
from gateway.core.quantity import Kind, Vocabulary
from gateway.energy.counters import INTERVAL_MS
from gateway.stores.aggregates import Function, function_of, typed
from gateway.stores.database import Cell, Database, as_int, as_number
from gateway.stores.interval_row import interval_columns
from gateway.stores.marks import Marks
from gateway.stores.schema import interval_table, is_field, is_id, quoted, readout_table
from gateway.stores.tables import Tables

Value = float | int | None
_Buckets = dict[int, dict[str, Value]]
_SQL: Mapping[Function, str] = {
    "mean": "avg({0})",
    "min": "min({0})",
    "max": "max({0})",
    "count": "count({0})",
    "direction": "mean_direction({0})",
}


class HistoryReader:
    """Answers queries. After an error it is void."""

    def __init__(self, database: Database, *, tables: Tables, marks: Marks, vocabulary: Vocabulary) -> None:
        self._database = database
        self._tables = tables
        self._marks = marks
        self._vocabulary = vocabulary

    def read(self, query: Query) -> list[Row]:
        """Return the rows of a query.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        if not (is_id(query.site) and is_id(query.device)):
            return []
        table = readout_table(query.site, query.device)
        known = self._tables.columns(table)
        if not known:
            return []
        points = tuple(dict.fromkeys(point for point in query.points if is_field(point)))
        if query.resolution_ms is None:
            found = self._readouts(table, [point for point in points if point in known], query)
        else:
            found = self._buckets(table, points, query, length_ms=query.resolution_ms)
        return [
            Row(time_ms, tuple(found[time_ms].get(point) for point in query.points))
            for time_ms in sorted(found)
            if any(value is not None for value in found[time_ms].values())
        ]

    def _readouts(self, table: str, points: Sequence[str], query: Query) -> _Buckets:
        if not points:
            return {}
        names = [quoted(point) for point in points]
        rows = self._database.rows(
            f"SELECT time, {', '.join(names)} FROM {quoted(table)} WHERE time >= ? AND time < ? "
            f"AND NOT ({' AND '.join(f'{name} IS NULL' for name in names)})",
            (query.start_ms, query.end_ms),
        )
        return self._typed(rows, [(point, None) for point in points])

    def _buckets(self, table: str, points: Sequence[str], query: Query, *, length_ms: int) -> _Buckets:
        functions = [(point, function_of(point, query.aggregate, self._vocabulary)) for point in points]
        known = self._tables.columns(table)
        kept_ms = self._marks.retained_from_ms(table)
        split_ms = min(max(-(-kept_ms // length_ms) * length_ms, query.start_ms), query.end_ms)
        found: _Buckets = {}
        if split_ms > query.start_ms and length_ms % INTERVAL_MS == 0:
            old = [pair for pair in functions if pair[0] in self._vocabulary]
            _merge(found, self._from_intervals(table, old, (query.start_ms, split_ms), length_ms))
        recent = [pair for pair in functions if pair[0] in known]
        _merge(found, self._from_readouts(table, recent, (split_ms, query.end_ms), length_ms))
        return found

    def _from_readouts(
        self, table: str, functions: Sequence[tuple[str, Function]], between: tuple[int, int], length_ms: int
    ) -> _Buckets:
        found: _Buckets = {}
        summed = [pair for pair in functions if pair[1] != "last"]
        if summed:
            columns = ", ".join(_SQL[function].format(quoted(point)) for point, function in summed)
            _merge(found, self._typed(self._grouped(table, columns, between, length_ms), summed))
        for point, function in functions:
            if function == "last":
                rows = self._last(table, point, between, length_ms)
                _merge(found, self._typed(rows, [(point, function)]))
        return found

    def _from_intervals(
        self, table: str, functions: Sequence[tuple[str, Function]], between: tuple[int, int], length_ms: int
    ) -> _Buckets:
        kept = interval_table(table)
        known = self._tables.columns(kept)
        found: _Buckets = {}
        for point, function in functions:
            column = self._interval_column(point, function)
            if column is None or column not in known:
                continue
            if function == "last":
                rows = self._last(kept, column, between, length_ms)
            elif function == "mean":
                weight = quoted(f"{point}_coverage")
                share = f"sum({quoted(column)} * {weight}) / sum({weight}) FILTER (WHERE {quoted(column)} IS NOT NULL)"
                rows = self._grouped(kept, share, between, length_ms)
            else:
                rows = self._grouped(kept, _SQL[function].format(quoted(column)), between, length_ms)
            _merge(found, self._typed(rows, [(point, function)]))
        return found

    def _interval_column(self, point: str, function: Function) -> str | None:
        """Return the column of the intervals that a bucket is made of, None where there is none."""
        quantity = self._vocabulary[point]
        columns = interval_columns(quantity)
        if function in ("min", "max"):
            column = f"{point}_{function}"
            return column if column in columns else None
        if function == "last":
            if quantity.kind in (Kind.COUNTER, Kind.GAUGE):
                return f"{point}_last" if f"{point}_last" in columns else None
            return point
        return point if function in ("mean", "direction") and quantity.kind is Kind.GAUGE else None

    def _grouped(
        self, table: str, columns: str, between: tuple[int, int], length_ms: int
    ) -> Sequence[tuple[Cell, ...]]:
        return self._database.rows(
            f"SELECT time / ? * ?, {columns} FROM {quoted(table)} WHERE time >= ? AND time < ? GROUP BY 1",
            (length_ms, length_ms, *between),
        )

    def _last(self, table: str, column: str, between: tuple[int, int], length_ms: int) -> Sequence[tuple[Cell, ...]]:
        # With max() in the row, SQLite takes the other columns from the row that holds the maximum.
        return self._database.rows(
            f"SELECT time / ? * ?, {quoted(column)}, max(time) FROM {quoted(table)} "
            f"WHERE time >= ? AND time < ? AND {quoted(column)} IS NOT NULL GROUP BY 1",
            (length_ms, length_ms, *between),
        )

    def _typed(self, rows: Iterable[tuple[Cell, ...]], columns: Sequence[tuple[str, Function | None]]) -> _Buckets:
        """Return rows of (time, one cell per column, …) by time."""
        return {
            as_int(row[0]): {
                point: typed(None if cell is None else as_number(cell), point, function, self._vocabulary)
                for (point, function), cell in zip(columns, row[1:], strict=False)
            }
            for row in rows
        }


def _merge(found: _Buckets, more: _Buckets) -> None:
    for time_ms, values in more.items():
        found.setdefault(time_ms, {}).update(values)
