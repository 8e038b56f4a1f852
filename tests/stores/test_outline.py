"""What a drawing gets from the embedded store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.protocols import Overview, Query
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import EmbeddedStore, open_embedded
from tests.stores.lines import START_MS, energy, line

QUARTER_MS = 900_000
POINTS = ("elec_power_active", "elec_tariff")
Fields = Mapping[str, float | int]


@asynccontextmanager
async def store_of(readouts: Mapping[int, Fields], *, settled: bool) -> AsyncIterator[EmbeddedStore]:
    """Yield a store that holds the readouts."""
    with TemporaryDirectory() as folder:
        async with open_embedded(Path(folder), raw_retention_s=1e9, vocabulary=load_vocabulary()) as store:
            lines = [line(time_ms, fields) for time_ms, fields in sorted(readouts.items())]
            assert not await store.write(lines)
            if settled:
                await store.settle()
            yield store


def naive(readouts: Mapping[int, Fields], query: Query) -> dict[int, tuple[float, float, float]]:
    """Return mean, least and greatest of the power in each bucket, by the plain meaning of the words."""
    held: dict[int, list[float]] = {}
    length_ms = query.resolution_ms or 1
    for time_ms, fields in readouts.items():
        if query.start_ms <= time_ms < query.end_ms and POINTS[0] in fields:
            held.setdefault(time_ms // length_ms * length_ms, []).append(float(fields[POINTS[0]]))
    return {start: (sum(each) / len(each), min(each), max(each)) for start, each in held.items()}


powers = st.floats(min_value=-50_000, max_value=50_000).map(lambda value: round(value, 3))


@st.composite
def samples(draw: st.DrawFn) -> dict[int, Fields]:
    """Draw readouts over some hours, some without power, with holes between them."""
    times = draw(st.sets(st.integers(0, 5 * 3_600), min_size=1, max_size=60))
    found: dict[int, Fields] = {}
    for time_s in times:
        fields: dict[str, float | int] = {}
        if draw(st.booleans()):
            fields["elec_power_active"] = draw(powers)
        if draw(st.booleans()):
            fields["elec_tariff"] = draw(st.integers(0, 3))
        found[START_MS + time_s * 1000] = {**fields, "status": 0}
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    readouts=samples(),
    length_ms=st.sampled_from([60_000, 300_000, QUARTER_MS, 4 * QUARTER_MS]),
    offset_s=st.integers(0, 7_200),
    settled=st.booleans(),
)
async def test_buckets_are_what_a_naive_computation_says(
    readouts: dict[int, Fields], length_ms: int, offset_s: int, *, settled: bool
) -> None:
    """Least and greatest are exact whatever is settled, and so is the mean wherever readouts are read."""
    start_ms = START_MS + offset_s * 1000
    query = Query("site-1", "meter", POINTS, start_ms, start_ms + 3 * 3_600_000, length_ms)
    wanted = naive(readouts, query)
    async with store_of(readouts, settled=settled) as store:
        outline = await store.outline(query)
    assert outline.resolution_ms == length_ms
    found = {row.time_ms: row.values for row in outline.rows}
    assert {time_ms for time_ms, values in found.items() if values[0] is not None} == set(wanted)
    for start, (mean, least, greatest) in wanted.items():
        given_mean, *extremes = found[start][:3]
        assert extremes == [least, greatest]
        assert given_mean is not None
        assert least <= given_mean <= greatest
        if length_ms < QUARTER_MS:
            assert given_mean == pytest.approx(mean, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("settled", "length_ms"), list(product((False, True), (60_000, QUARTER_MS, 4 * QUARTER_MS))))
async def test_a_state_is_the_last_of_its_bucket(*, settled: bool, length_ms: int) -> None:
    """What has no mean shows its last value, as an integer, from readouts and from intervals alike."""
    readouts: dict[int, Fields] = {
        START_MS + number * 60_000: {"elec_tariff": number // 7 % 3, "status": 0} for number in range(120)
    }
    async with store_of(readouts, settled=settled) as store:
        outline = await store.outline(
            Query("site-1", "meter", ("elec_tariff",), START_MS, START_MS + 7_200_000, length_ms)
        )
    wanted = {time_ms // length_ms * length_ms: fields["elec_tariff"] for time_ms, fields in readouts.items()}
    assert {row.time_ms: row.values for row in outline.rows} == {
        start: (value, None, None) for start, value in wanted.items()
    }
    assert all(isinstance(row.values[0], int) for row in outline.rows)


async def test_a_mean_over_settled_quarters_is_weighted_by_time() -> None:
    """Ten times as many readouts in one quarter-hour do not make it count ten times."""
    readouts: dict[int, Fields] = {
        START_MS + number * 10_000: {"elec_power_active": 100.0 if number < 90 else 300.0, "status": 0}
        for number in range(270)
    }
    async with store_of(readouts, settled=True) as store:
        outline = await store.outline(
            Query("site-1", "meter", POINTS[:1], START_MS, START_MS + 2 * QUARTER_MS, 2 * QUARTER_MS)
        )
    ((mean, *extremes),) = [row.values for row in outline.rows]
    assert mean == pytest.approx(200.0)
    assert extremes == [100.0, 300.0]


async def test_quarters_are_differences_and_never_negative() -> None:
    """A quarter-hour of a counter is what it counted; across a reset and in a gap there is no number."""
    lines = [energy(30.0 * number, 100.0 + 0.01 * number) for number in range(121)]
    lines += [energy(3600 + 30.0 * number, 0.02 * number) for number in range(1, 121)]
    lines += [energy(4 * 3600 + 30.0 * number, 10 + 0.01 * number) for number in range(121)]
    async with store_of({}, settled=False) as store:
        await store.write(lines)
        await store.settle()
        rows = await store.quarters(
            Query("site-1", "meter", ("elec_energy_import", "elec_power_active"), START_MS, START_MS + 6 * 3_600_000)
        )
    found = {(row.time_ms - START_MS) // QUARTER_MS: row.values for row in rows}
    assert [found[number][0] for number in (0, 1, 2)] == [pytest.approx(0.3)] * 3
    assert [found[number][0] for number in (5, 6)] == [pytest.approx(0.6)] * 2
    assert all(each[0] is not None and each[0] >= 0 and each[1] is None for each in found.values())
    assert not found.keys() & set(range(9, 15))


@pytest.mark.parametrize("device", ["other", "' OR ''='"])
async def test_what_is_not_there_gives_nothing(device: str) -> None:
    """An unknown device has no outline and no quarters."""
    query = Query("site-1", device, (*POINTS, "x' OR '1'='1"), START_MS, START_MS + QUARTER_MS, 60_000)
    async with store_of({START_MS: {"elec_power_active": 1.0, "status": 0}}, settled=True) as store:
        assert isinstance(store, Overview)
        assert list((await store.outline(query)).rows) == []
        assert list(await store.quarters(query)) == []
