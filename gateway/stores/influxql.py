"""Reads InfluxDB back by InfluxQL: version 1, and 2 and 3 through the same endpoint."""

import json
from collections.abc import Mapping, Sequence

from gateway.core.protocols import Query, Row
from gateway.core.quantity import Vocabulary
from gateway.stores.aggregates import Function, function_of, typed
from gateway.stores.buckets import bucketed, joined
from gateway.stores.influx_client import InfluxClient
from gateway.stores.schema import is_field, is_id
from gateway.wire.line import READING

_Columns = dict[str, dict[int, float | int | None]]
_Table = tuple[Sequence[Sequence[float | int | None]], bool]
"""Rows of time and values, and whether the server cut them off."""


class InfluxqlHistory:
    """History of one database, or of a bucket under its own name."""

    def __init__(self, client: InfluxClient, database: str, *, vocabulary: Vocabulary) -> None:
        self._client = client
        self._database = database
        self._vocabulary = vocabulary

    async def read(self, query: Query) -> Sequence[Row]:
        """Return the rows of a query.

        Raises:
            SinkUnavailable: the server does not answer, or does not know the database.
        """
        if not (is_id(query.site) and is_id(query.device)):
            return []
        points = list(dict.fromkeys(point for point in query.points if is_field(point)))
        if query.resolution_ms is None:
            columns = await self._readouts(query, points)
        else:
            columns = await self._buckets(query, points, length_ms=query.resolution_ms)
        found = joined(columns)
        return [Row(time_ms, tuple(found[time_ms].get(point) for point in query.points)) for time_ms in sorted(found)]

    async def _readouts(self, query: Query, points: Sequence[str]) -> _Columns:
        fields = [(point, f'"{point}"') for point in points]
        return self._typed(await self._select(query, fields), dict.fromkeys(points))

    async def _buckets(self, query: Query, points: Sequence[str], *, length_ms: int) -> _Columns:
        functions = {point: function_of(point, query.aggregate, self._vocabulary) for point in points}
        fields = [(point, f'{name}("{point}")') for point, name in functions.items() if name != "direction"]
        columns = await self._select(query, fields, length_ms=length_ms)
        angles = [(point, f'"{point}"') for point, name in functions.items() if name == "direction"]
        for point, values in (await self._select(query, angles)).items():
            samples = [(time_ms, value) for time_ms, value in sorted(values.items()) if value is not None]
            columns[point] = dict(bucketed(samples, "direction", length_ms=length_ms))
        return self._typed(columns, functions)

    def _typed(self, columns: _Columns, functions: Mapping[str, Function | None]) -> _Columns:
        return {
            point: {
                time_ms: typed(value, point, functions[point], self._vocabulary) for time_ms, value in values.items()
            }
            for point, values in columns.items()
        }

    async def _select(
        self, query: Query, fields: Sequence[tuple[str, str]], *, length_ms: int | None = None
    ) -> _Columns:
        """Return the values of expressions by point and time, however many answers that takes."""
        columns: _Columns = {point: {} for point, _ in fields}
        start_ms, cut_off = query.start_ms, bool(fields)
        while cut_off:
            statement = self._statement(query, fields, start_ms=start_ms, length_ms=length_ms)
            asked = {"db": self._database, "epoch": "ms", "q": statement}
            rows, cut_off = await self._client.ask("/query", query=asked, parse=_parse)
            for time_ms, *values in rows:
                for (point, _), value in zip(fields, values, strict=True):
                    columns[point][int(time_ms or 0)] = value
            if rows:
                start_ms = int(rows[-1][0] or 0) + (length_ms or 1)
        return columns

    def _statement(
        self, query: Query, fields: Sequence[tuple[str, str]], *, start_ms: int, length_ms: int | None
    ) -> str:
        selected = ", ".join(f"{expression} AS c{number}" for number, (_, expression) in enumerate(fields))
        grouping = f" GROUP BY time({length_ms}ms) fill(none)" if length_ms else ""
        return (
            f'SELECT {selected} FROM "{READING}" WHERE "site" = \'{query.site}\' AND "device" = \'{query.device}\' '
            f"AND time >= {start_ms}ms AND time < {query.end_ms}ms{grouping}"
        )


def _parse(content: bytes) -> _Table:
    """Return the rows of an answer.

    Raises:
        ValueError: the answer is an error, or not one of InfluxQL.
    """
    try:
        answer = json.loads(content)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    if not isinstance(answer, dict):
        raise ValueError("not an object")
    result, *_ = answer.get("results") or [answer]
    if "error" in result:
        raise ValueError(str(result["error"]))
    series, *_ = result.get("series") or [{}]
    cut_off = bool(result.get("partial") or series.get("partial"))
    rows = series.get("values") or []
    return rows, cut_off and bool(rows)
