"""The quarter-hours that the embedded store makes of its readouts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.energy.counters import INTERVAL_MS
from gateway.energy.intervals import Quality
from gateway.stores.embedded import EmbeddedStore, open_embedded
from gateway.stores.read_back import StoredEvent, read_back
from gateway.wire.catalogue import Catalogue, CatalogueDevice, CataloguePoint
from tests.stores.lines import START_MS, energy, line

NEVER_S = 1e9
Columns = Mapping[str, float | int | None]


def catalogue(*, interval_ms: int, wrap: float | None = None) -> Catalogue:
    """Return a site with one meter."""
    point = CataloguePoint(unit="kWh", factor=1.0, wrap=wrap)
    meter = CatalogueDevice(
        profile="a/b",
        profile_digest="00000000",
        maker="a",
        model="b",
        kind="electricity_meter",
        interval_ms=interval_ms,
        points={"elec_energy_import": point, "elec_power_active": CataloguePoint(unit="W", factor=1.0)},
    )
    return Catalogue(site="site-1", vocabulary=1, devices={"meter": meter})


async def settled(
    folder: Path, batches: Sequence[Sequence[bytes]], *, stated: Catalogue | None = None
) -> tuple[dict[int, Columns], list[StoredEvent]]:
    """Return the intervals by their number since the start, and the events, after these batches."""
    async with open_embedded(folder, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        if stated is not None:
            await store.describe(stated, since_ms=0)
        for batch in batches:
            assert await store.write(batch) == []
        await store.settle()
    return found(folder)


def found(folder: Path) -> tuple[dict[int, Columns], list[StoredEvent]]:
    """Return the intervals by their number since the start, and the events."""
    with read_back(folder) as store:
        intervals = {(time_ms - START_MS) // INTERVAL_MS: row for time_ms, row in store.intervals("site-1", "meter")}
        return intervals, list(store.events("site-1"))


def column(intervals: Mapping[int, Columns], name: str) -> dict[int, float | int | None]:
    """Return one column by the number of the interval."""
    return {number: row[name] for number, row in intervals.items()}


async def test_an_interval_is_made_when_it_is_over(tmp_path: Path) -> None:
    """While readouts of an interval still come there is none; the first readout after it closes it."""
    readouts = [energy(number * 10.0, number * 0.01) for number in range(91)]
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        await store.write(readouts[:90])
        await store.settle()
        assert found(tmp_path)[0] == {}
        await store.write(readouts[90:])
        await store.settle()
        intervals, _ = found(tmp_path)
        assert column(intervals, "elec_energy_import") == {0: 0.9}
        assert column(intervals, "elec_energy_import_quality") == {0: Quality.GOOD}
        assert column(intervals, "elec_energy_import_register") == {0: 0.9}
        assert column(intervals, "elec_energy_import_last") == {0: 0.89}


async def test_the_tables_hold_what_the_schema_says(tmp_path: Path) -> None:
    """Each kind of quantity has its own columns beside its value."""
    fields: dict[str, float | int] = {
        "elec_power_active": 100.0, "hp_operating_mode": 1, "hp_temp_setpoint": 21.0, "ev_energy_session": 1.5,
        "bat_soc": 55.0, "weather_wind_direction": 90.0, "unheard_of": 1.0, "elec_power_active_suspect": 1, "status": 0,
    }  # fmt: skip
    batch = [line(START_MS + number * 10_000, fields) for number in range(91)]
    intervals, _ = await settled(tmp_path, [batch])
    row = {name: cell for name, cell in intervals[0].items() if cell is not None}
    assert row == {
        "elec_power_active": 100.0, "elec_power_active_quality": 4, "elec_power_active_coverage": 1.0,
        "elec_power_active_min": 100.0, "elec_power_active_max": 100.0,
        "hp_operating_mode": 1, "hp_operating_mode_quality": 0, "hp_operating_mode_coverage": 1.0,
        "hp_operating_mode_seconds_1": 900.0,
        "hp_temp_setpoint": 21.0, "hp_temp_setpoint_quality": 0, "hp_temp_setpoint_coverage": 1.0,
        "ev_energy_session": 1.5, "ev_energy_session_quality": 0, "ev_energy_session_coverage": 1.0,
        "ev_energy_session_max": 1.5,
        "bat_soc": 55.0, "bat_soc_quality": 0, "bat_soc_coverage": 1.0, "bat_soc_min": 55.0, "bat_soc_max": 55.0,
        "bat_soc_last": 55.0,
        "weather_wind_direction": pytest.approx(90.0), "weather_wind_direction_quality": 0,
        "weather_wind_direction_coverage": 1.0,
    }  # fmt: skip


def test_no_column_of_an_interval_is_another_point() -> None:
    """No name of the vocabulary is another name with an ending that intervals use."""
    names = load_vocabulary()
    endings = ("quality", "coverage", "min", "max", "last", "register", "gap", "suspect")
    assert not [f"{name}_{ending}" for name in names for ending in endings if f"{name}_{ending}" in names]
    assert not [name for name in names if "_seconds_" in name]


async def test_late_readouts_make_their_interval_again(tmp_path: Path) -> None:
    """An outage of an hour leaves its sum in the interval that ends it; what the spool delivers takes its place."""
    readouts = [energy(number * 10.0, number * 0.01) for number in range(6 * 90 + 1)]
    late = readouts[90:450]
    first, _ = await settled(tmp_path, [readouts[:90], readouts[450:]])
    assert column(first, "elec_energy_import") == {0: 0.89, 4: None, 5: 0.9}
    assert column(first, "elec_energy_import_gap") == {0: None, 4: 3.61, 5: None}
    again, _ = await settled(tmp_path, [late])
    assert column(again, "elec_energy_import") == dict.fromkeys(range(6), 0.9)
    assert set(column(again, "elec_energy_import_gap").values()) == {None}


async def test_a_failed_poll_does_not_count_as_a_sample(tmp_path: Path) -> None:
    """With 80 of 90 polls answered, the others stored as status lines, coverage is 89 % and the interval partial."""
    answered = [line(START_MS + number * 10_000, {"elec_power_active": 5.0, "status": 0}) for number in range(80)]
    silent = [line(START_MS + number * 10_000, {"status": 2}) for number in range(80, 91)]
    intervals, _ = await settled(tmp_path, [answered, silent])
    assert intervals[0]["elec_power_active_coverage"] == pytest.approx(80 / 90)
    assert intervals[0]["elec_power_active_quality"] == Quality.PARTIAL


async def test_the_catalogue_says_how_many_samples_are_due(tmp_path: Path) -> None:
    """Where every second sample is lost for ever only the stated interval can tell; it holds from its time on."""
    batch = [line(START_MS + number * 20_000, {"elec_power_active": 5.0, "status": 0}) for number in range(45 * 8 + 1)]
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        await store.describe(catalogue(interval_ms=10_000), since_ms=START_MS)
        await store.describe(catalogue(interval_ms=20_000), since_ms=START_MS + 4 * INTERVAL_MS)
        await store.describe(catalogue(interval_ms=20_000), since_ms=START_MS + 5 * INTERVAL_MS)
        await store.write(batch)
        await store.settle()
    coverage = column(found(tmp_path)[0], "elec_power_active_coverage")
    assert coverage == {**dict.fromkeys(range(4), 0.5), **dict.fromkeys(range(4, 8), 1.0)}


async def test_a_reset_and_a_rollover_are_events_once(tmp_path: Path) -> None:
    """Each is one event with its register values, however often its interval is made; a rollover loses no energy."""
    readings = [(0, 998.0), (450, 999.5), (460, 0.5), (900, 2.0), (1200, 3.0), (1210, 0.0), (1800, 1.0), (2700, 2.0)]
    batches = [[energy(seconds, kwh)] for seconds, kwh in readings]
    stated = catalogue(interval_ms=10_000, wrap=1000.0)
    intervals, events = await settled(tmp_path, [*batches, *batches], stated=stated)
    assert [(each.event.cause, each.event.text) for each in events] == [
        ("rollover", "elec_energy_import 999.5 -> 0.5"),
        ("reset", "elec_energy_import 3 -> 0"),
    ]
    event = events[0].event
    assert (event.kind, event.device, event.author) == ("counter", "meter", "kvarter")
    assert (event.start_ms, event.end_ms) == (START_MS + 450_000, START_MS + 460_000)
    assert column(intervals, "elec_energy_import") == {0: 4.0, 1: 2.0, 2: 1.0}
    assert intervals[1]["elec_energy_import_quality"] == Quality.PARTIAL


async def test_registers_that_reset_together_share_one_event(tmp_path: Path) -> None:
    """A meter that loses all its registers at once gives one event that names them."""
    batch = [
        line(START_MS + 10_000 * number, {"elec_energy_import": value, "elec_energy_export": 2 * value, "status": 0})
        for number, value in enumerate([5.0, 0.0, 1.0])
    ]
    batch.append(line(START_MS + INTERVAL_MS, {"status": 2}))
    _, events = await settled(tmp_path, [batch])
    assert [each.event.text for each in events] == ["elec_energy_import 5 -> 0, elec_energy_export 10 -> 0"]


async def test_an_event_that_late_readouts_disprove_goes(tmp_path: Path) -> None:
    """A fall that moves to an earlier reading, because the spool delivered it, is one event there."""
    ends = [energy(0, 50.0), energy(600, 3.0), energy(900, 3.0)]
    _, before = await settled(tmp_path, [ends])
    _, after = await settled(tmp_path, [[energy(300, 1.0)]])
    assert [each.time_ms - START_MS for each in before] == [600_000]
    assert [each.time_ms - START_MS for each in after] == [300_000]


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-03-30", 96), ("2026-10-25", 100)])
async def test_a_local_day_has_92_96_or_100_intervals(tmp_path: Path, day: str, quarters: int) -> None:
    """Intervals are labelled in UTC, so that a day of clock change has each of its quarter-hours once."""
    zone = ZoneInfo("Europe/Copenhagen")
    year, month, number = map(int, day.split("-"))
    midnights = (datetime(year, month, number + more, tzinfo=zone).astimezone(UTC) for more in (0, 1))
    start_ms, end_ms = (round(midnight.timestamp() * 1000) for midnight in midnights)
    times = range(start_ms - INTERVAL_MS, end_ms + INTERVAL_MS + 1, INTERVAL_MS // 3)
    batch = [line(time_ms, {"elec_energy_import": time_ms / 3.6e6, "status": 0}) for time_ms in times]
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        await store.write(batch)
        await store.settle()
    with read_back(tmp_path) as held:
        deltas = [
            row["elec_energy_import"] or 0.0
            for time_ms, row in held.intervals("site-1", "meter")
            if start_ms <= time_ms < end_ms
        ]
    assert len(deltas) == quarters
    assert sum(deltas) == pytest.approx(quarters / 4)


async def test_a_device_with_a_wrong_clock_does_not_close_the_intervals_of_others(tmp_path: Path) -> None:
    """A time ten years ahead that no time service vouches for closes nothing and ages nothing."""
    batch = [energy(number * 10.0, number * 0.01) for number in range(60)]
    strange = line(START_MS + 315_000_000_000, {"elec_energy_import": 1.0, "status": 0, "clock": 1}, device="lost")
    async with open_embedded(tmp_path, raw_retention_s=3600.0, vocabulary=load_vocabulary()) as store:
        await store.write([*batch, strange])
        await store.settle()
    with read_back(tmp_path) as held:
        assert held.count("site-1", "meter") == 60
        assert list(held.intervals("site-1", "meter")) == []


async def test_the_last_interval_of_a_gateway_that_never_came_back_is_made(tmp_path: Path) -> None:
    """When others are two days further, what a silent device sent last becomes an interval too."""
    last = [energy(number * 10.0, number * 0.01) for number in range(60)]
    others = [energy(days * 86_400.0, 5.0, device="other") for days in (1, 2, 3)]
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        await store.write([*last, others[0]])
        await store.settle()
        assert found(tmp_path)[0] == {}
        await store.write(others[1:])
        await store.settle()
    assert column(found(tmp_path)[0], "elec_energy_import_gap") == {0: 0.59}


async def days_of_readouts(store: EmbeddedStore, days: int) -> None:
    """Write one readout a minute, a day at a time."""
    for day in range(days):
        minutes = range(day * 1440, (day + 1) * 1440 + (day == days - 1))
        await store.write(
            [
                line(
                    START_MS + minute * 60_000,
                    {
                        "elec_energy_import": minute * 0.01,
                        "elec_power_active": float(minute % 60),
                        "bat_soc": float(minute % 7),
                        "elec_tariff": minute // 720 % 2,
                        "weather_wind_direction": 350.0 if minute % 2 else 10.0,
                        "status": 0,
                    },
                )
                for minute in minutes
            ]
        )
        await store.settle()


async def test_old_readouts_go_and_their_intervals_stay(tmp_path: Path) -> None:
    """Readouts older than the retention are removed a day after their interval was made; every interval stays."""
    async with open_embedded(tmp_path, raw_retention_s=2 * 86400.0, vocabulary=load_vocabulary()) as store:
        await days_of_readouts(store, 5)
    with read_back(tmp_path) as held:
        kept = [time_ms for time_ms, _ in held.rows("site-1", "meter")]
        deltas = [row["elec_energy_import"] for _, row in held.intervals("site-1", "meter")]
    assert kept[0] == START_MS + 3 * 86_400_000
    assert deltas == [pytest.approx(0.15)] * (5 * 96)


async def test_history_goes_on_where_readouts_are_gone(tmp_path: Path) -> None:
    """Hours whose readouts were removed are read from the intervals, and agree with those read from readouts."""
    points = ("elec_energy_import", "elec_power_active", "bat_soc", "elec_tariff", "weather_wind_direction", "status")
    answers = []
    for place, retention_s in (("short", 86400.0), ("long", NEVER_S)):
        async with open_embedded(tmp_path / place, raw_retention_s=retention_s, vocabulary=load_vocabulary()) as store:
            await days_of_readouts(store, 4)
            whole = Query("site-1", "meter", points, START_MS, START_MS + 4 * 86_400_000, resolution_ms=3_600_000)
            answers.append(await store.read(whole))
            edges = Query("site-1", "meter", points[1:3], START_MS, START_MS + 86_400_000, 3_600_000, "max")
            answers.append(await store.read(edges))
    short, short_max, long, long_max = answers
    assert len(short) == 96
    assert [row.time_ms for row in short] == [row.time_ms for row in long]
    for some, other in zip(short, long, strict=True):
        assert some.values[:2] == pytest.approx(other.values[:2])
        assert some.values[3] == other.values[3]
    assert short_max == long_max
    assert short[0].values[5] is None
    assert short[-1].values == pytest.approx(long[-1].values)


async def test_readouts_later_than_the_retention_are_made_into_intervals(tmp_path: Path) -> None:
    """What a spool delivers of a time before the retention becomes intervals first and is removed a day later."""
    outage = [energy(number * 60.0, number * 0.01) for number in range(1440)]
    today = [energy(5 * 86_400 + number * 60.0, 72.0 + number * 0.01) for number in range(1441)]
    later = [energy(6 * 86_400 + number * 60.0, 86.4 + number * 0.01) for number in range(1, 1500)]
    async with open_embedded(tmp_path, raw_retention_s=2 * 86400.0, vocabulary=load_vocabulary()) as store:
        await store.write(today)
        await store.settle()
        for half in (outage[::2], outage[1::2]):
            await store.write(half)
            await store.settle()
        with read_back(tmp_path) as held:
            assert held.count("site-1", "meter") == 2881
        await store.write(later)
        await store.settle()
    with read_back(tmp_path) as held:
        assert held.count("site-1", "meter") == 1441 + 1499 - 45
        first_day = [row["elec_energy_import"] for _, row in held.intervals("site-1", "meter")][:95]
    assert first_day == [pytest.approx(0.15)] * 95


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[bytes], list[list[bytes]]]:
    """Readouts with resets, rollovers and gaps, in time order, and as batches in any order; a late one ends both."""
    passed = draw(st.lists(st.sampled_from([10, 60, 60, 60, 400, 1000, 3000, 9000]), min_size=2, max_size=40))
    at_s, register, readouts = 0, draw(st.sampled_from([0.0, 99.0, 99.9])), []
    for seconds in passed:
        at_s += seconds
        register += draw(st.sampled_from([0.0, 0.1, 0.25, 0.5]))
        if register >= 100 or draw(st.integers(0, 15)) == 0:
            register = max(register - 100, 0.0)
        fields = {"elec_energy_import": round(register, 3), "elec_power_active": float(seconds), "status": 0}
        readouts.append(line(START_MS + at_s * 1000, fields))
    shuffled = draw(st.permutations(readouts))
    size = draw(st.integers(1, 10))
    end = line(START_MS + at_s * 1000 + 3 * INTERVAL_MS, {"status": 2})
    batches = [list(shuffled[place : place + size]) for place in range(0, len(shuffled), size)]
    return [*readouts, end], [*batches, [end]]


@settings(max_examples=30, deadline=None)
@given(histories())
async def test_intervals_do_not_depend_on_the_order_of_arrival(
    history: tuple[list[bytes], list[list[bytes]]],
) -> None:
    """However late and disordered readouts come, intervals and events end up as if they had come in time."""
    readouts, batches = history
    stated = catalogue(interval_ms=60_000, wrap=100.0)
    with TemporaryDirectory() as ordered, TemporaryDirectory() as shuffled, TemporaryDirectory() as stepwise:
        expected = await settled(Path(ordered), [readouts], stated=stated)
        assert await settled(Path(shuffled), batches, stated=stated) == expected
        async with open_embedded(Path(stepwise), raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
            await store.describe(stated, since_ms=0)
            for batch in batches:
                await store.write(batch)
                await store.settle()
        assert found(Path(stepwise)) == expected
