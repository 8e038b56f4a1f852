"""Makes the intervals of the embedded store from its readouts, a bounded piece at a time.

A readout marks its interval for settling, however late it comes. An interval is settled once time has passed its end.
A line between two readings reaches over at most two intervals, so the two on each side are made again with it; the sum
of a longer gap stands in the interval that ends it, which is made again too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.quantity import Kind, Quantity, Vocabulary
from gateway.core.readout import Event
from gateway.energy.counters import INTERVAL_MS, LONGEST_STEP_MS, Break, Track, follow
from gateway.energy.intervals import Interval, Series, summarise, usual_period
from gateway.stores.database import Cell, Database, as_int, as_number
from gateway.stores.facts import Facts, History, in_force
from gateway.stores.interval_row import interval_cells, interval_columns
from gateway.stores.marks import Marks
from gateway.stores.schema import interval_table, quoted, split_table, upsert
from gateway.stores.tables import Tables
from gateway.stores.writer import store_event

RUN = 16
"""Intervals that one step settles at most, beside their neighbours."""
LOOK = 1000
"""Marks that one step looks at to find an interval that is over."""
AUTHOR = "kvarter"
"""Marks the events that are made here, and are made again with their interval."""


@dataclass(frozen=True, slots=True)
class _Point:
    """One point over the window of a step."""

    quantity: Quantity
    series: Series
    facts: History
    usual_ms: int
    track: Track | None

    def interval(self, start_ms: int) -> Interval:
        period_ms = in_force(self.facts, start_ms).interval_ms or self.usual_ms
        return summarise(self.quantity, self.series, start_ms, period_ms=period_ms, track=self.track)


class Settler:
    """Settles intervals. After an error it is void."""

    def __init__(
        self, database: Database, *, tables: Tables, marks: Marks, facts: Facts, vocabulary: Vocabulary
    ) -> None:
        self._database = database
        self._tables = tables
        self._marks = marks
        self._facts = facts
        self._vocabulary = vocabulary

    def step(self) -> bool:
        """Settle the oldest intervals that are over, of one device; return whether there were any.

        Raises:
            DamagedDatabase: the file is damaged.
            SinkUnavailable: the disk does not allow it.
        """
        for table, start_ms in self._marks.dirty(limit=LOOK):
            last_ms = self._marks.horizon_ms(table) - INTERVAL_MS
            if start_ms <= last_ms:
                starts = self._marks.dirty_between(table, start_ms, min(last_ms, start_ms + (RUN - 1) * INTERVAL_MS))
                with self._database.transaction():
                    self._settle(table, starts, last_ms=last_ms)
                    self._marks.settle(table, starts)
                return True
        return False

    def _settle(self, table: str, starts: Sequence[int], *, last_ms: int) -> None:
        window = range(starts[0] - LONGEST_STEP_MS, min(starts[-1] + LONGEST_STEP_MS, last_ms) + 1, INTERVAL_MS)
        points = self._make(table, window)
        for end_ms in self._ends_of_gaps(table, points, window[-1]):
            self._make(table, range(end_ms - INTERVAL_MS, end_ms + 1, INTERVAL_MS))

    def _make(self, table: str, window: range) -> Sequence[_Point]:
        """Make the intervals of a window, and return the points they are made of."""
        times, points = self._load(table, window)
        kept = interval_table(table)
        columns = {name: kind for point in points for name, kind in interval_columns(point.quantity).items()}
        if not columns:
            return points
        self._tables.extend(kept, columns)
        statement = upsert(kept, tuple(columns))
        frozen_ms = self._marks.retained_from_ms(table) + LONGEST_STEP_MS
        stored = self._stored(kept, window)
        seen = {time_ms - time_ms % INTERVAL_MS for time_ms in times}
        for start_ms in window:
            if start_ms in stored and start_ms < frozen_ms:
                continue
            intervals = [(point.quantity, point.interval(start_ms)) for point in points]
            if start_ms in seen or any(each.value is not None or each.gap for _, each in intervals):
                cells = {name: cell for pair in intervals for name, cell in interval_cells(*pair).items()}
                self._database.run(statement, (start_ms, *(cells.get(name) for name in columns)))
            elif start_ms in stored:
                self._database.run(f"DELETE FROM {quoted(kept)} WHERE time = ?", (start_ms,))
        self._note_breaks(table, points, range(max(window[0], frozen_ms), window[-1] + INTERVAL_MS))
        return points

    def _stored(self, kept: str, window: range) -> set[int]:
        """Return the intervals of a window that were made before."""
        found = self._database.rows(
            f"SELECT time FROM {quoted(kept)} WHERE time BETWEEN ? AND ?", (window[0], window[-1])
        )
        return {as_int(time_ms) for (time_ms,) in found}

    def _load(self, table: str, window: range) -> tuple[Sequence[int], list[_Point]]:
        """Return the times of all readouts in and around the window, and the points with their samples."""
        known = self._tables.columns(table)
        quantities = [self._vocabulary[name] for name in known if name in self._vocabulary]
        suspects = [f"{each.name}_suspect" for each in quantities if f"{each.name}_suspect" in known]
        names = ["time", *(each.name for each in quantities), *suspects]
        rows = self._database.rows(
            f"SELECT {', '.join(map(quoted, names))} FROM {quoted(table)} WHERE time >= ? AND time < ? ORDER BY time",
            (window[0] - LONGEST_STEP_MS, window[-1] + INTERVAL_MS + LONGEST_STEP_MS),
        )
        cells = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
        times = [as_int(time_ms) for time_ms in cells["time"]]
        facts = self._facts.of_device(table)
        points = []
        for quantity in quantities:
            doubted = cells.get(f"{quantity.name}_suspect", ())
            suspect = frozenset(time_ms for time_ms, mark in zip(times, doubted, strict=False) if mark)
            series = _series(times, cells[quantity.name], suspect)
            stated = facts.get(quantity.name, ())
            track = self._track(table, quantity, series, window, stated)
            points.append(_Point(quantity, series, stated, usual_period(series.times), track))
        return times, points

    def _track(self, table: str, quantity: Quantity, series: Series, window: range, facts: History) -> Track | None:
        """Return a counter made continuous from the last reading before the window on, None for any other point."""
        if quantity.kind is not Kind.COUNTER:
            return None
        times, registers = list(series.times), list(series.values)
        if times and times[0] >= window[0]:
            anchor = self._reading_before(table, quantity.name, window[0] - LONGEST_STEP_MS)
            if anchor is not None:
                times.insert(0, anchor[0])
                registers.insert(0, anchor[1])
        return follow(times, registers, wrap=in_force(facts, window[0]).wrap)

    def _reading_before(self, table: str, point: str, time_ms: int) -> tuple[int, float] | None:
        """Return the last reading of a counter in the intervals before that time, even if it was removed since."""
        kept, last = interval_table(table), f"{point}_last"
        if last not in self._tables.columns(kept):
            return None
        found = self._database.rows(
            f"SELECT time, {quoted(last)} FROM {quoted(kept)} WHERE time < ? AND {quoted(last)} IS NOT NULL "
            "ORDER BY time DESC LIMIT 1",
            (time_ms,),
        )
        if not found:
            return None
        start_ms, register = as_int(found[0][0]), as_number(found[0][1])
        exact = self._database.rows(
            f"SELECT max(time) FROM {quoted(table)} WHERE time BETWEEN ? AND ? AND {quoted(point)} IS NOT NULL",
            (start_ms, start_ms + INTERVAL_MS - 1),
        )
        return as_int(exact[0][0] or start_ms + INTERVAL_MS - 1), register

    def _ends_of_gaps(self, table: str, points: Sequence[_Point], last_ms: int) -> set[int]:
        """Return the intervals after a window whose first reading ends a gap, which may begin elsewhere now."""
        kept, ends = quoted(interval_table(table)), set()
        for point in points:
            if point.track is None:
                continue
            value, last = quoted(point.quantity.name), quoted(f"{point.quantity.name}_last")
            ((end,),) = self._database.rows(
                f"SELECT min(time) FROM {kept} WHERE time > ? AND {last} IS NOT NULL", (last_ms,)
            )
            if end is None:
                continue
            beside = (as_int(end) - INTERVAL_MS, as_int(end))
            ((whole,),) = self._database.rows(f"SELECT count({value}) FROM {kept} WHERE time IN (?, ?)", beside)
            if as_int(whole) < len(beside):
                ends.add(as_int(end))
        return ends

    def _note_breaks(self, table: str, points: Sequence[_Point], covered: range) -> None:
        """Store the resets and rollovers in a stretch of time in place of those found there before."""
        place = split_table(table)
        if place is None or not covered:
            return
        site, device = place
        self._database.run(
            "DELETE FROM events WHERE site = ? AND device = ? AND kind = 'counter' AND author = ? "
            "AND time >= ? AND time < ?",
            (site, device, AUTHOR, covered.start, covered.stop),
        )
        found: dict[tuple[int, str], list[tuple[str, Break]]] = {}
        for point in points:
            for each in point.track.breaks.values() if point.track is not None else ():
                if each.after_ms in covered:
                    found.setdefault((each.after_ms, each.cause.value), []).append((point.quantity.name, each))
        for (time_ms, cause), breaks in found.items():
            text = ", ".join(f"{name} {each.before:.15g} -> {each.after:.15g}" for name, each in breaks)
            begun_ms = min(each.before_ms for _, each in breaks)
            event = Event("counter", cause, begun_ms, time_ms, 1, device, text, AUTHOR)
            store_event(self._database, event, site=site, time_ms=time_ms)


def _series(times: Sequence[int], cells: Sequence[Cell], suspect: frozenset[int]) -> Series:
    pairs = [(time_ms, cell) for time_ms, cell in zip(times, cells, strict=False) if cell is not None]
    return Series([time_ms for time_ms, _ in pairs], [as_number(cell) for _, cell in pairs], suspect)
