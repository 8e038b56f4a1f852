"""What every History promises: the same rows for the same lines, whichever store a site chose."""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random

import pytest

from gateway.core.protocols import Aggregate, Query, Row
from gateway.stores.open import OpenStore
from tests.contracts.stores import Servers, servers, site, store
from tests.stores.lines import START_MS, line

__all__ = ["servers", "site", "store"]

Value = float | int
POINTS = ("elec_power_active", "elec_energy_import", "elec_tariff", "hp_temp_setpoint", "status")
AGGREGATES: dict[Aggregate, Callable[[Sequence[Value]], Value]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
    "count": len,
}
USUAL: dict[str, Aggregate] = {point: "mean" if point == "elec_power_active" else "last" for point in POINTS}


def samples() -> list[tuple[int, dict[str, Value]]]:
    """Return two hours of readouts: jitter, a gap, failed polls, slow points, values with all their digits."""
    rng = Random(7)  # noqa: S311 - samples, not secrets
    found: list[tuple[int, dict[str, Value]]] = []
    for number in range(720):
        if 200 <= number < 330:
            continue
        time_ms = START_MS + number * 10_000 + rng.randrange(200)
        if number % 50 == 9:
            found.append((time_ms, {"status": 2}))
            continue
        values: dict[str, Value] = {
            "elec_power_active": round(rng.uniform(-5e4, 5e4), 3),
            "elec_energy_import": float(f"{123456789.123 + number * 0.017:.15g}"),
        }
        if number % 6 == 0:
            values["elec_tariff"] = rng.randrange(4)
        if number % 90 == 0:
            values["hp_temp_setpoint"] = 20.0 + number / 90
        found.append((time_ms, {**values, "status": 0}))
    return found


def expected(query: Query) -> list[Row]:
    """Return the rows of a query by the plain meaning of its words."""
    length_ms = query.resolution_ms or 1
    held: dict[int, dict[str, list[Value]]] = {}
    for time_ms, values in samples():
        if query.start_ms <= time_ms < query.end_ms:
            bucket = held.setdefault(time_ms // length_ms * length_ms, {})
            for point in set(query.points) & values.keys():
                bucket.setdefault(point, []).append(values[point])
    return [
        Row(start_ms, tuple(_value(bucket.get(point, []), point, query) for point in query.points))
        for start_ms, bucket in sorted(held.items())
        if bucket
    ]


def _value(values: Sequence[Value], point: str, query: Query) -> Value | None:
    if not values:
        return None
    name = "last" if query.resolution_ms is None else query.aggregate or USUAL[point]
    return AGGREGATES[name](values)


def assert_same(rows: Sequence[Row], wanted: Sequence[Row]) -> None:
    """Fail unless the rows are the same in time, value and type; means may differ in their last digit."""
    assert [row.time_ms for row in rows] == [row.time_ms for row in wanted]
    for row, other in zip(rows, wanted, strict=True):
        assert [type(value) for value in row.values] == [type(value) for value in other.values]
        for value, correct in zip(row.values, other.values, strict=True):
            assert value == correct or value == pytest.approx(correct, rel=1e-12)


@pytest.fixture
async def filled(store: OpenStore, servers: Servers, site: str) -> OpenStore:
    """Return a store that holds the samples."""
    assert list(await store.write([line(time_ms, values, site=site) for time_ms, values in samples()])) == []
    servers.flush()
    return store


async def test_readouts_come_back_as_they_were_written(filled: OpenStore, site: str) -> None:
    """Without a resolution each instant is a row, with every digit and None where nothing was measured."""
    query = Query(site, "meter", POINTS, START_MS, START_MS + 7_200_000)
    rows = await filled.read(query)
    assert list(rows) == expected(query)
    assert len(rows) == 590


async def test_instants_without_any_of_the_points_are_absent(filled: OpenStore, site: str) -> None:
    """Rows that hold only other points are left out."""
    query = Query(site, "meter", ("hp_temp_setpoint",), START_MS, START_MS + 7_200_000)
    assert list(await filled.read(query)) == expected(query)


async def test_start_is_included_and_end_is_not(filled: OpenStore, site: str) -> None:
    """A row at the start belongs to the answer, one at the end to the next."""
    times = [time_ms for time_ms, _ in samples()]
    query = Query(site, "meter", ("status",), times[3], times[5])
    assert [row.time_ms for row in await filled.read(query)] == [times[3], times[4]]
    assert await filled.read(Query(site, "meter", ("status",), times[5], times[5])) == []


async def test_buckets_are_aligned_to_1970(filled: OpenStore, site: str) -> None:
    """Mean of gauges and last of everything else, in buckets of any length, labelled by their start."""
    for length_ms in (7_000, 60_000, 900_000, 3_600_000, 7 * 86_400_000):
        query = Query(site, "meter", POINTS, START_MS + 61_234, START_MS + 7_000_001, length_ms)
        assert_same(await filled.read(query), expected(query))


async def test_every_aggregate_of_every_kind(filled: OpenStore, site: str) -> None:
    """Mean, min, max, last and count of each point are the same in all stores."""
    for aggregate, length_ms in product(AGGREGATES, (60_000, 900_000)):
        query = Query(site, "meter", POINTS, START_MS, START_MS + 7_200_000, length_ms, aggregate)
        assert_same(await filled.read(query), expected(query))


async def test_points_stand_in_the_order_asked_for(filled: OpenStore, site: str) -> None:
    """A point may be asked for twice, or be unknown to the store; each has its place in the row."""
    points = ("status", "bat_soc", "elec_energy_import", "status")
    for length_ms in (None, 900_000):
        query = Query(site, "meter", points, START_MS, START_MS + 900_000, length_ms)
        rows = await filled.read(query)
        assert rows
        assert all(row.values[1] is None and row.values[0] == row.values[3] is not None for row in rows)
        assert all(isinstance(row.values[2], float | None) for row in rows)


@pytest.mark.parametrize("points", [(), ("bat_soc",), ('bat_soc"} or {',), ("*",), (".+",), ("x' OR '1'='1",)])
async def test_what_is_not_there_gives_no_rows(filled: OpenStore, site: str, points: tuple[str, ...]) -> None:
    """Unknown points, sites and devices, and names that try to be more than names, find nothing."""
    for place in (site, "elsewhere", "' OR ''='"):
        for device in ("meter", "other", '"}'):
            wanted = points if (place, device) == (site, "meter") else POINTS
            assert list(await filled.read(Query(place, device, wanted, START_MS, START_MS + 7_200_000))) == []


async def test_directions_are_averaged_as_vectors(store: OpenStore, servers: Servers, site: str) -> None:
    """The mean of a direction is a direction: 340 and 20 degrees are 0 together."""
    readouts = [
        line(
            START_MS + number * 1000, {"weather_wind_direction": 340.0 if number % 2 else 20.0, "status": 0}, site=site
        )
        for number in range(60)
    ]
    await store.write(readouts)
    servers.flush()
    for aggregate in (None, "mean"):
        query = Query(site, "meter", ("weather_wind_direction",), START_MS, START_MS + 60_000, 60_000, aggregate)
        ((mean,),) = [row.values for row in await store.read(query)]
        assert mean is not None
        assert min(mean, 360 - mean) == pytest.approx(0.0, abs=1e-6)
    query = Query(site, "meter", ("weather_wind_direction",), START_MS, START_MS + 60_000, 60_000, "max")
    assert [row.values for row in await store.read(query)] == [(340.0,)]


async def test_marks_are_read_like_points(store: OpenStore, servers: Servers, site: str) -> None:
    """`clock` and `_suspect` marks are integers, and absent where the line had none."""
    lines = [
        line(START_MS, {"elec_power_active": 9e9, "elec_power_active_suspect": 1, "status": 0}, site=site),
        line(START_MS + 1000, {"elec_power_active": 1.0, "status": 0, "clock": 1}, site=site),
    ]
    await store.write(lines)
    servers.flush()
    rows = await store.read(
        Query(site, "meter", ("elec_power_active_suspect", "clock", "status"), START_MS, START_MS + 2000)
    )
    assert list(rows) == [Row(START_MS, (1, None, 0)), Row(START_MS + 1000, (None, 1, 0))]
