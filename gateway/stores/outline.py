"""Reads what a drawing needs from the embedded store: mean, least and greatest per bucket, soon enough for a screen.

Buckets of whole quarter-hours are made of the intervals, so that a year costs no more than a week of readouts. An
interval that is not settled yet, or saw too little for a mean, is read from its readouts: nothing that is stored is
left out of least and greatest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from gateway.core.protocols import Outline, Query, Row
from gateway.core.quantity import Aggregate, Kind, Quantity, Vocabulary
from gateway.energy.counters import INTERVAL_MS
from gateway.stores.database import Cell, Database, as_int, as_number
from gateway.stores.history import HistoryReader
from gateway.stores.marks import Marks
from gateway.stores.schema import interval_table, is_field, is_id, quoted, readout_table
from gateway.stores.tables import Tables

Value = float | int | None
Triple = tuple[Value, Value, Value]
"""Mean, least, greatest; or the last value and nothing else."""
_Column = dict[int, Triple]


@dataclass(slots=True)
class _Sum:
    """A bucket in the making."""

    weighted: float = 0.0
    weight: float = 0.0
    least: float = inf
    greatest: float = -inf

    def add(self, mean: float, weight: float, extremes: tuple[float, float]) -> None:
        self.weighted += mean * weight
        self.weight += weight
        self.least = min(self.least, extremes[0])
        self.greatest = max(self.greatest, extremes[1])

    def triple(self) -> Triple:
        # Rounding must not take a mean out of what it is the mean of.
        mean = min(max(self.weighted / self.weight, self.least), self.greatest)
        return mean, self.least, self.greatest


class OutlineReader:
    """Answers for drawings. After an error it is void."""

    def __init__(
        self, database: Database, *, tables: Tables, marks: Marks, reader: HistoryReader, vocabulary: Vocabulary
    ) -> None:
        self._database = database
        self._tables = tables
        self._marks = marks
        self._reader = reader
        self._vocabulary = vocabulary

    def outline(self, query: Query) -> Outline:
        """Return the buckets of a query.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        length_ms = query.resolution_ms or INTERVAL_MS
        if not (is_id(query.site) and is_id(query.device)):
            return Outline(length_ms, [])
        table = readout_table(query.site, query.device)
        if query.start_ms < self._marks.retained_from_ms(table) or length_ms > INTERVAL_MS:
            length_ms = -(-length_ms // INTERVAL_MS) * INTERVAL_MS
        asked = replace(query, resolution_ms=length_ms, aggregate=None)
        points = [point for point in dict.fromkeys(query.points) if is_field(point)]
        means = [point for point in points if self._has_mean(point)]
        whole = length_ms % INTERVAL_MS == 0
        columns = self._from_intervals(table, means, asked) if whole else self._from_readouts(table, means, asked)
        for point in points:
            if point not in means:
                columns[point] = self._lasts(table, point, asked)
        return Outline(length_ms, _rows(query.points, columns))

    def quarters(self, query: Query) -> list[Row]:
        """Return what counters counted in each quarter-hour that is settled.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: it cannot be read.
        """
        if not (is_id(query.site) and is_id(query.device)):
            return []
        kept = interval_table(readout_table(query.site, query.device))
        known = self._tables.columns(kept)
        points = [
            point
            for point in dict.fromkeys(query.points)
            if point in known and point in self._vocabulary and self._vocabulary[point].kind is Kind.COUNTER
        ]
        if not points:
            return []
        rows = self._database.rows(
            f"SELECT time, {', '.join(map(quoted, points))} FROM {quoted(kept)} "
            "WHERE time >= ? AND time < ? ORDER BY time",
            (query.start_ms, query.end_ms),
        )
        place = {point: points.index(point) + 1 for point in points}
        found = []
        for row in rows:
            values = tuple(_number(row[place[point]]) if point in place else None for point in query.points)
            if any(value is not None for value in values):
                found.append(Row(as_int(row[0]), values))
        return found

    def _has_mean(self, point: str) -> bool:
        quantity = self._vocabulary.get(point)
        return quantity is not None and quantity.kind is Kind.GAUGE and Aggregate.VECTOR_MEAN not in quantity.aggregates

    def _from_readouts(self, table: str, points: Sequence[str], query: Query) -> dict[str, _Column]:
        known = self._tables.columns(table)
        here = [point for point in points if point in known]
        if not here:
            return {}
        length_ms = query.resolution_ms or 1
        sums = ", ".join("avg({0}), min({0}), max({0})".format(quoted(point)) for point in here)
        rows = self._database.rows(
            f"SELECT time / ? * ?, {sums} FROM {quoted(table)} WHERE time >= ? AND time < ? GROUP BY 1",
            (length_ms, length_ms, query.start_ms, query.end_ms),
        )
        columns: dict[str, _Column] = {point: {} for point in here}
        for row in rows:
            for number, point in enumerate(here):
                mean, least, greatest = map(_number, row[3 * number + 1 : 3 * number + 4])
                if mean is not None and least is not None and greatest is not None:
                    columns[point][as_int(row[0])] = (min(max(mean, least), greatest), least, greatest)
        return columns

    def _from_intervals(self, table: str, points: Sequence[str], query: Query) -> dict[str, _Column]:
        length_ms = query.resolution_ms or INTERVAL_MS
        known = self._tables.columns(interval_table(table))
        inner, edges = _split(query)
        columns: dict[str, _Column] = {}
        for point in points:
            sums: dict[int, _Sum] = {}
            loose = [(query.start_ms, query.end_ms)]
            if point in known:
                self._add_intervals(sums, table, point, between=inner, length_ms=length_ms)
                loose = edges + self._unsettled(table, point, inner)
            for stretch in loose:
                self._add_readouts(sums, table, point, between=stretch, length_ms=length_ms)
            columns[point] = {start_ms: each.triple() for start_ms, each in sums.items()}
        return columns

    def _lasts(self, table: str, point: str, query: Query) -> _Column:
        """Return the last value of each bucket, from intervals where they keep it."""
        length_ms = query.resolution_ms or 1
        quantity = self._vocabulary.get(point)
        column = f"{point}_last" if quantity is not None and quantity.kind is Kind.COUNTER else point
        if length_ms % INTERVAL_MS or column not in self._tables.columns(interval_table(table)):
            rows = self._reader.read(replace(query, points=(point,)))
            return {row.time_ms: (row.values[0], None, None) for row in rows}
        inner, edges = _split(query)
        newest: dict[int, tuple[int, Value]] = {}
        settled = "AND time NOT IN (SELECT start FROM pending WHERE device = ? AND settled IS NULL)"
        kept = interval_table(table)
        _keep_newest(newest, self._last(kept, column, inner, length_ms=length_ms, only=(settled, table)))
        if point in self._tables.columns(table):
            for stretch in edges + self._unsettled(table, point, inner):
                _keep_newest(newest, self._last(table, point, stretch, length_ms=length_ms, only=("", None)))
        return {
            start_ms: (value if value is None or column != point or not _is_whole(quantity) else int(value), None, None)
            for start_ms, (_, value) in newest.items()
        }

    def _last(
        self, table: str, column: str, between: tuple[int, int], *, length_ms: int, only: tuple[str, str | None]
    ) -> Sequence[tuple[Cell, ...]]:
        # With max() in the row, SQLite takes the other columns from the row that holds the maximum.
        condition, device = only
        return self._database.rows(
            f"SELECT time / ? * ?, {quoted(column)}, max(time) FROM {quoted(table)} "
            f"WHERE time >= ? AND time < ? AND {quoted(column)} IS NOT NULL {condition} GROUP BY 1",
            (length_ms, length_ms, *between, *(() if device is None else (device,))),
        )

    def _add_intervals(
        self, sums: dict[int, _Sum], table: str, point: str, *, between: tuple[int, int], length_ms: int
    ) -> None:
        """Add what is settled."""
        value, weight = quoted(point), quoted(f"{point}_coverage")
        extremes = f"min({quoted(point + '_min')}), max({quoted(point + '_max')})"
        rows = self._database.rows(
            f"SELECT time / ? * ?, sum({value} * {weight}) / sum({weight}), sum({weight}), {extremes} "
            f"FROM {quoted(interval_table(table))} WHERE time >= ? AND time < ? AND {value} IS NOT NULL "
            "AND time NOT IN (SELECT start FROM pending WHERE device = ? AND settled IS NULL) GROUP BY 1",
            (length_ms, length_ms, *between, table),
        )
        _add(sums, rows)

    def _unsettled(self, table: str, point: str, between: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the stretches that are not settled, or saw too little of a point for a mean; neighbours joined."""
        value, coverage = quoted(point), quoted(f"{point}_coverage")
        rows = self._database.rows(
            "SELECT start FROM pending WHERE device = ? AND settled IS NULL AND start >= ? AND start < ? "
            f"UNION SELECT time FROM {quoted(interval_table(table))} "
            f"WHERE time >= ? AND time < ? AND {value} IS NULL AND {coverage} > 0 ORDER BY 1",
            (table, *between, *between),
        )
        stretches: list[tuple[int, int]] = []
        for (cell,) in rows:
            start_ms = as_int(cell)
            if stretches and stretches[-1][1] == start_ms:
                start_ms = stretches.pop()[0]
            stretches.append((start_ms, as_int(cell) + INTERVAL_MS))
        return stretches

    def _add_readouts(
        self, sums: dict[int, _Sum], table: str, point: str, *, between: tuple[int, int], length_ms: int
    ) -> None:
        """Add readouts; a quarter-hour of them weighs at most 1, as a settled one does."""
        if between[0] >= between[1] or point not in self._tables.columns(table):
            return
        name = quoted(point)
        inner = (
            f"SELECT time / {INTERVAL_MS} * {INTERVAL_MS} AS quarter, avg({name}) AS mean, min({name}) AS least, "
            f"max({name}) AS greatest FROM {quoted(table)} WHERE time >= ? AND time < ? AND {name} IS NOT NULL "
            "GROUP BY 1"
        )
        rows = self._database.rows(
            f"SELECT quarter / ? * ?, avg(mean), count(*), min(least), max(greatest) FROM ({inner}) GROUP BY 1",
            (length_ms, length_ms, *between),
        )
        _add(sums, rows)


def _add(sums: dict[int, _Sum], rows: Sequence[tuple[Cell, ...]]) -> None:
    for start, *cells in rows:
        mean, weight, least, greatest = map(_number, cells)
        if mean is not None and weight and least is not None and greatest is not None:
            sums.setdefault(as_int(start), _Sum()).add(float(mean), float(weight), (least, greatest))


def _split(query: Query) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Return the whole quarter-hours of a range, and what stands over at its ends."""
    first_ms = -(-query.start_ms // INTERVAL_MS) * INTERVAL_MS
    last_ms = query.end_ms // INTERVAL_MS * INTERVAL_MS
    if first_ms >= last_ms:
        return (first_ms, first_ms), [(query.start_ms, query.end_ms)]
    return (first_ms, last_ms), [(query.start_ms, first_ms), (last_ms, query.end_ms)]


def _keep_newest(newest: dict[int, tuple[int, Value]], rows: Sequence[tuple[Cell, ...]]) -> None:
    for start, value, time in rows:
        start_ms, time_ms = as_int(start), as_int(time)
        if start_ms not in newest or newest[start_ms][0] <= time_ms:
            newest[start_ms] = (time_ms, _number(value))


def _is_whole(quantity: Quantity | None) -> bool:
    return quantity is not None and quantity.is_integer


def _number(cell: Cell) -> Value:
    return None if cell is None else as_number(cell)


def _rows(points: Sequence[str], columns: Mapping[str, _Column]) -> list[Row]:
    nothing: Triple = (None, None, None)
    times = sorted({time_ms for column in columns.values() for time_ms in column})
    held = [columns.get(point, {}) for point in points]
    return [
        Row(time_ms, tuple(value for column in held for value in column.get(time_ms, nothing))) for time_ms in times
    ]
