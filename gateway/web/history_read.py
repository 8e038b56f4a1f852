"""Asks a store for what a drawing or a file of the past needs; from memory where there is no store."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from gateway.core.protocols import GapLedger, History, Outline, Overview, Query, Row
from gateway.core.quantity import Kind, Vocabulary
from gateway.core.readout import Event, Value
from gateway.energy.counters import INTERVAL_MS
from gateway.web.facts import Facts, PointFacts
from gateway.web.history_ask import Ask, choose_bars, choose_resolution, earlier
from gateway.web.history_csv import Selection, lines
from gateway.web.history_rows import (
    Bars,
    Drawn,
    GapAnswer,
    HistoryAnswer,
    Number,
    SeriesAnswer,
    bars_of,
    columns_of,
    outline_of_rows,
    quarters_of_registers,
)
from gateway.web.texts import Texts

_USUAL_MS = 10_000
"""How often a point is taken to be read where nobody says so."""
_EVENTS = 1000
"""Of a store that does not keep gaps in order of time, the newest ones."""
_PIECE_ROWS = 4000
"""Rows of a file that are in memory at a time."""


class Past:
    """Answers for one site.

    Args:
        facts: Where devices, events and the store come from.
        vocabulary: What points mean.
        timezone: Of the site.
        texts: In whose words points and states are named.
    """

    def __init__(self, facts: Facts, vocabulary: Vocabulary, *, timezone: str, texts: Texts) -> None:
        self._facts = facts
        self._vocabulary = vocabulary
        self._timezone = timezone
        self._texts = texts

    async def answer(self, ask: Ask) -> HistoryAnswer:
        """Return what a drawing needs.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        if ask.weeks_back:
            start_ms = earlier(ask.start_ms, ask.weeks_back, self._timezone)
            ask = replace(ask, start_ms=start_ms, end_ms=start_ms + ask.end_ms - ask.start_ms)
        counters = tuple(point for point in ask.points if self._drawn(point) == "bars")
        others = tuple(point for point in ask.points if point not in counters)
        intervals = {point: self._interval_ms(ask, point) for point in ask.points}
        # Buckets follow what is read most often, since all points of a device share their times.
        fastest_ms = min((intervals[point] for point in others), default=_USUAL_MS)
        resolution_ms = choose_resolution(ask, interval_ms=fastest_ms)
        query = Query(ask.site, ask.device, others, ask.start_ms, ask.end_ms, resolution_ms or None)
        outline = await self._outline(query) if others else Outline(resolution_ms, [])
        bars = await self._bars(ask, counters, length_ms=choose_bars(ask)) if counters else {}
        columns = dict(zip(others, columns_of(outline, len(others)), strict=True))
        return HistoryAnswer(
            ask.site,
            ask.device,
            self._timezone,
            ask.start_ms,
            ask.end_ms,
            outline.resolution_ms,
            choose_bars(ask),
            [row.time_ms for row in outline.rows],
            [self._series(point, intervals[point], columns.get(point), bars.get(point)) for point in ask.points],
            await self._gaps(ask),
        )

    def _series(
        self,
        point: str,
        interval_ms: int,
        columns: tuple[Sequence[Number], Sequence[Number], Sequence[Number]] | None,
        bars: Bars | None,
    ) -> SeriesAnswer:
        quantity = self._vocabulary.get(point)
        language = self._texts.language
        mean, least, greatest = columns or ((), (), ())
        has_extremes = any(value is not None for value in least)
        states = {code: labels[language] for code, labels in quantity.states.items()} if quantity else {}
        return SeriesAnswer(
            point,
            quantity.labels[language] if quantity else point,
            quantity.unit if quantity else "1",
            self._drawn(point),
            interval_ms,
            mean,
            least if has_extremes else (),
            greatest if has_extremes else (),
            bars,
            states,
        )

    def _drawn(self, point: str) -> Drawn:
        quantity = self._vocabulary.get(point)
        if quantity is None:
            return "line"
        if quantity.kind is Kind.COUNTER:
            return "bars"
        return "state" if quantity.kind is Kind.STATE else "line"

    def _interval_ms(self, ask: Ask, point: str) -> int:
        facts = self._point(ask, point)
        return max(round(facts.interval_s * 1000), 100) if facts is not None and facts.interval_s else _USUAL_MS

    def _point(self, ask: Ask, point: str) -> PointFacts | None:
        device = self._facts.device(ask.site, ask.device)
        return None if device is None else device.point(point)

    async def _outline(self, query: Query) -> Outline:
        history = self._facts.history
        if history is None:
            rows = self._from_memory(query)
            return outline_of_rows(rows, [], [], length_ms=0)
        if query.resolution_ms is None:
            return outline_of_rows(await history.read(query), [], [], length_ms=0)
        if isinstance(history, Overview):
            return await history.outline(query)
        least, greatest = await self._extremes(history, query)
        return outline_of_rows(await history.read(query), least, greatest, length_ms=query.resolution_ms)

    async def _extremes(self, history: History, query: Query) -> tuple[list[Row], list[Row]]:
        """Return least and greatest of what has a mean, None for everything else."""
        found = []
        gauges = {point for point in query.points if self._has_mean(point)}
        for aggregate in ("min", "max"):
            rows = await history.read(replace(query, aggregate=aggregate))
            found.append(
                [
                    Row(
                        row.time_ms,
                        tuple(
                            value if point in gauges else None
                            for point, value in zip(query.points, row.values, strict=True)
                        ),
                    )
                    for row in rows
                ]
            )
        return found[0], found[1]

    def _has_mean(self, point: str) -> bool:
        quantity = self._vocabulary.get(point)
        return quantity is not None and quantity.kind is Kind.GAUGE

    def _from_memory(self, query: Query) -> list[Row]:
        samples = self._facts.recent(query.site, query.device)
        held: dict[int, dict[str, Value]] = {}
        for point in query.points:
            for time_ms, value in samples.get(point, ()):
                if query.start_ms <= time_ms < query.end_ms:
                    held.setdefault(time_ms, {})[point] = value
        return [Row(time_ms, tuple(held[time_ms].get(point) for point in query.points)) for time_ms in sorted(held)]

    async def _bars(self, ask: Ask, counters: tuple[str, ...], *, length_ms: int) -> dict[str, Bars]:
        start_ms = ask.start_ms // INTERVAL_MS * INTERVAL_MS
        query = Query(ask.site, ask.device, counters, start_ms, ask.end_ms, INTERVAL_MS)
        history = self._facts.history
        if isinstance(history, Overview):
            rows: Sequence[Row] = await history.quarters(query)
        else:
            before = replace(query, start_ms=start_ms - INTERVAL_MS, aggregate="last")
            registers = self._last_readings(before) if history is None else await history.read(before)
            rows = quarters_of_registers(registers, len(counters))
        return {
            point: bars_of(
                ((row.time_ms, row.values[place]) for row in rows), length_ms=length_ms, timezone=self._timezone
            )
            for place, point in enumerate(counters)
        }

    def _last_readings(self, query: Query) -> list[Row]:
        held: dict[int, list[Value]] = {}
        for row in self._from_memory(query):
            values = held.setdefault(row.time_ms // INTERVAL_MS * INTERVAL_MS, [None] * len(query.points))
            for place, value in enumerate(row.values):
                values[place] = values[place] if value is None else value
        return [Row(time_ms, tuple(values)) for time_ms, values in sorted(held.items())]

    async def _gaps(self, ask: Ask) -> list[GapAnswer]:
        gaps = await self._known_gaps(ask)
        return sorted(
            (
                GapAnswer(max(gap.start_ms, ask.start_ms), min(gap.end_ms, ask.end_ms), gap.cause)
                for gap in gaps
                if gap.start_ms < ask.end_ms and gap.end_ms >= ask.start_ms
            ),
            key=lambda gap: (gap.start_ms, gap.end_ms),
        )

    async def _known_gaps(self, ask: Ask) -> Sequence[Event]:
        history = self._facts.history
        if isinstance(history, GapLedger):
            return await history.gaps(ask.site, ask.device, (ask.start_ms, ask.end_ms))
        events = await self._facts.events(ask.site, ask.device, limit=_EVENTS)
        return [each.event for each in events if each.event.kind == "gap"]

    async def table(
        self, site: str, selections: Sequence[Selection], between: tuple[int, int], *, resolution_ms: int
    ) -> AsyncGenerator[str]:
        """Yield the lines of a file, piece by piece, in ascending time.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        for start_ms, end_ms in _pieces(between, _PIECE_ROWS * (resolution_ms or self._fastest_ms(site, selections))):
            parts = []
            for chosen in selections:
                points = (*chosen.points, "status")
                query = Query(site, chosen.device, points, start_ms, end_ms, resolution_ms or None)
                history = self._facts.history
                parts.append((chosen, self._from_memory(query) if history is None else await history.read(query)))
            if text := lines(parts, timezone=self._timezone):
                yield text

    def _fastest_ms(self, site: str, selections: Sequence[Selection]) -> int:
        devices = [self._facts.device(site, chosen.device) for chosen in selections]
        known = [round(device.interval_s * 1000) for device in devices if device is not None and device.interval_s]
        return max(min(known, default=_USUAL_MS), 100)


def _pieces(between: tuple[int, int], length_ms: int) -> list[tuple[int, int]]:
    """Return a stretch in pieces; none of them cuts a bucket, since the length is a multiple of it."""
    start_ms, end_ms = between
    first_ms = start_ms // length_ms * length_ms
    return [(max(each, start_ms), min(each + length_ms, end_ms)) for each in range(first_ms, end_ms, length_ms)]
