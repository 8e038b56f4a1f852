"""Reads VictoriaMetrics back by its export API, which gives the samples as they are; buckets are made here."""

import json
from collections.abc import Mapping, Sequence
from functools import partial

from gateway.core.protocols import Query, Row
from gateway.core.quantity import Vocabulary
from gateway.stores.aggregates import function_of, typed
from gateway.stores.buckets import bucketed, joined
from gateway.stores.influx_client import InfluxClient
from gateway.stores.schema import is_field, is_id
from gateway.wire.line import READING

_PREFIX = f"{READING}_"
"""A field becomes a series of its own, named after measurement and field."""
_Samples = dict[str, dict[int, float]]


class VictoriaHistory:
    """History of one VictoriaMetrics."""

    def __init__(self, client: InfluxClient, *, vocabulary: Vocabulary) -> None:
        self._client = client
        self._vocabulary = vocabulary

    async def read(self, query: Query) -> Sequence[Row]:
        """Return the rows of a query; samples of the last second or two may not be there yet.

        Raises:
            SinkUnavailable: the server does not answer.
        """
        points = list(dict.fromkeys(point for point in query.points if is_field(point)))
        if not points or query.start_ms >= query.end_ms or not (is_id(query.site) and is_id(query.device)):
            return []
        names = "|".join(points)
        asked = {
            "match[]": f'{{__name__=~"{_PREFIX}({names})",site="{query.site}",device="{query.device}"}}',
            "start": _seconds(query.start_ms),
            "end": _seconds(query.end_ms - 1),
        }
        samples = await self._client.ask("/api/v1/export", query=asked, parse=partial(_parse, query=query))
        found = joined({point: self._column(point, samples.get(point, {}), query) for point in points})
        return [Row(time_ms, tuple(found[time_ms].get(point) for point in query.points)) for time_ms in sorted(found)]

    def _column(self, point: str, samples: Mapping[int, float], query: Query) -> dict[int, float | int | None]:
        if query.resolution_ms is None:
            return {time_ms: typed(value, point, None, self._vocabulary) for time_ms, value in samples.items()}
        function = function_of(point, query.aggregate, self._vocabulary)
        held = bucketed(sorted(samples.items()), function, length_ms=query.resolution_ms)
        return {start_ms: typed(value, point, function, self._vocabulary) for start_ms, value in held.items()}


def _seconds(time_ms: int) -> str:
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"


def _parse(content: bytes, *, query: Query) -> _Samples:
    """Return the samples of an export by point and time; one that was written twice counts once.

    Raises:
        ValueError: the answer is not an export.
    """
    samples: _Samples = {}
    for line in content.splitlines():
        try:
            series = json.loads(line)
            point = str(series["metric"]["__name__"]).removeprefix(_PREFIX)
            pairs = zip(series["timestamps"], series["values"], strict=True)
        except (KeyError, TypeError, RecursionError) as exc:
            raise ValueError(f"not an export: {line[:80]!r}") from exc
        held = samples.setdefault(point, {})
        held.update(
            (time_ms, value)
            for time_ms, value in pairs
            if value is not None and query.start_ms <= time_ms < query.end_ms
        )
    return samples
