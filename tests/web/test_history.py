"""The API of the past: what it takes, what it answers, and what a file holds."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.protocols import History, Query, Row
from gateway.core.quantity import load_vocabulary
from gateway.energy.counters import INTERVAL_MS
from gateway.web.history_ask import MONTH_MS, MOST_BUCKETS, Ask, choose_resolution, earlier, parse_instant
from gateway.web.history_csv import Selection, header
from gateway.web.history_rows import bars_of, quarters_of_registers
from tests.fakes import FakeClock
from tests.web.past import (
    DAY_MS,
    END_MS,
    GAP_MS,
    SITE,
    START_MS,
    STEP_MS,
    PastFacts,
    gap_line,
    page_of,
    samples_of_day,
    store_with,
)

HOUR_MS = 3_600_000
POWER = "elec_power_active"
LAST_DAY = {"start": str(END_MS - DAY_MS), "end": str(END_MS)}


class PlainHistory:
    """A history without quarter-hours, as a server far away is one."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def read(self, query: Query) -> Sequence[Row]:
        return await self._history.read(query)


async def ask(address: str, query: Mapping[str, str], *, path: str = "/api/v1/history") -> tuple[int, Any]:
    """Return status and content of an answer."""
    async with aiohttp.ClientSession() as session, session.get(f"{address}{path}", params=dict(query)) as response:
        return response.status, await (response.json() if response.content_type.endswith("json") else response.text())


def buckets(length_ms: int) -> dict[int, list[float]]:
    """Return the powers of the last day by bucket."""
    found: dict[int, list[float]] = {}
    for time_ms, meter, _ in samples_of_day(9):
        found.setdefault(time_ms // length_ms * length_ms, []).append(meter[POWER])
    return found


@pytest.mark.parametrize("is_plain", [False, True])
@pytest.mark.parametrize("resolution", ["5min", "15min", "1h"])
async def test_buckets_hold_mean_least_and_greatest(tmp_path: Path, resolution: str, *, is_plain: bool) -> None:
    """Every kind of store gives the same buckets, none of them inside the gap, and the gap itself."""
    async with store_with(tmp_path, days=(9,)) as store:
        facts = PastFacts(PlainHistory(store) if is_plain else store)
        async with page_of(facts, FakeClock()) as address:
            asked = {"device": "main_meter", "points": POWER, "resolution": resolution, **LAST_DAY}
            status, found = await ask(address, asked)
    assert status == 200
    wanted = buckets(found["resolution_ms"])
    assert found["times"] == sorted(wanted)
    (series,) = found["series"]
    held = [wanted[time_ms] for time_ms in found["times"]]
    assert series["least"] == [min(each) for each in held]
    assert series["greatest"] == [max(each) for each in held]
    assert series["mean"] == pytest.approx([sum(each) / len(each) for each in held], rel=1e-9, abs=1e-6)
    assert found["gaps"] == [{"start_ms": GAP_MS[0], "end_ms": GAP_MS[1], "cause": "power_cut"}]
    assert not any(GAP_MS[0] <= time_ms < GAP_MS[1] for time_ms in found["times"])


async def test_a_gap_of_long_ago_is_shown_however_many_came_since(tmp_path: Path) -> None:
    """Gaps are looked up by the stretch that is shown, not among the newest events."""
    async with store_with(tmp_path, days=(9,)) as store:
        later = [gap_line(END_MS + n * 1000, END_MS + n * 1000 + 500, at_ms=END_MS + n * 1000) for n in range(1500)]
        early = gap_line(START_MS, START_MS + HOUR_MS, at_ms=START_MS + HOUR_MS, cause="disk_full")
        assert not await store.write([*later, early])
        async with page_of(PastFacts(store), FakeClock()) as address:
            asked = {"device": "main_meter", "points": POWER, "resolution": "5min"}
            _, found = await ask(address, {**asked, **LAST_DAY})
            _, old = await ask(address, {**asked, "start": str(START_MS), "end": str(START_MS + DAY_MS)})
    assert found["gaps"] == [{"start_ms": GAP_MS[0], "end_ms": GAP_MS[1], "cause": "power_cut"}]
    assert old["gaps"] == [{"start_ms": START_MS, "end_ms": START_MS + HOUR_MS, "cause": "disk_full"}]


async def test_a_short_stretch_is_given_as_it_was_read(tmp_path: Path) -> None:
    """An hour of readouts needs no buckets: instants and values come back digit by digit."""
    async with store_with(tmp_path, days=(9,)) as store, page_of(PastFacts(store), FakeClock()) as address:
        _, found = await ask(address, {"device": "main_meter", "points": POWER, **LAST_DAY, "buckets": "2000"})
    samples = samples_of_day(9)
    assert found["resolution_ms"] == 0
    assert found["times"] == [time_ms for time_ms, _, _ in samples]
    assert found["series"][0]["mean"] == [meter[POWER] for _, meter, _ in samples]
    assert found["series"][0]["least"] == []


@pytest.mark.parametrize("is_plain", [False, True])
async def test_energy_is_what_was_counted(tmp_path: Path, *, is_plain: bool) -> None:
    """A counter comes as quarter-hours, never negative, with nothing over the gap, and nothing is lost in the sum."""
    async with store_with(tmp_path, days=(9,)) as store:
        facts = PastFacts(PlainHistory(store) if is_plain else store)
        async with page_of(facts, FakeClock()) as address:
            asked = {"device": "main_meter", "points": "elec_energy_export", **LAST_DAY}
            _, found = await ask(address, {**asked, "end": str(GAP_MS[0])})
            _, whole = await ask(address, asked)
    (series,) = found["series"]
    assert found["bar_ms"] == INTERVAL_MS
    assert series["mean"] == []
    bars = series["bars"]
    assert all(amount >= 0 for amount in bars["amounts"])
    assert bars["amounts"][1:-1] == pytest.approx([0.225] * len(bars["amounts"][1:-1]), abs=0.0021)
    inside = [start for start in whole["series"][0]["bars"]["starts"] if GAP_MS[0] <= start < GAP_MS[1]]
    assert inside == []


async def test_the_week_before_has_the_same_local_times(tmp_path: Path) -> None:
    """A comparison tells of the same hours a week earlier, with the instants of then."""
    async with store_with(tmp_path, days=(2,)) as store, page_of(PastFacts(store), FakeClock()) as address:
        asked = {"device": "main_meter", "points": POWER, "weeks_back": "1", "resolution": "raw", **LAST_DAY}
        _, found = await ask(address, asked)
    assert found["start_ms"] == START_MS + 2 * DAY_MS
    assert found["times"][0] == START_MS + 2 * DAY_MS
    assert len(found["times"]) == 1440


async def test_without_a_store_the_last_hour_comes_from_memory() -> None:
    """An edge alone answers with what it remembers."""
    samples = {POWER: [(START_MS + number * STEP_MS, float(number)) for number in range(60)]}
    async with page_of(PastFacts(None, samples), FakeClock()) as address:
        asked = {"device": "main_meter", "points": POWER, "start": str(START_MS), "end": str(START_MS + HOUR_MS)}
        status, found = await ask(address, asked)
    assert status == 200
    assert found["series"][0]["mean"] == [float(number) for number in range(60)]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"device": ""}, "device"),
        ({"points": ""}, "points"),
        ({"points": "a,'; DROP TABLE"}, "points"),
        ({"points": ",".join(f"p{number}" for number in range(25))}, "points"),
        ({"site": "elsewhere"}, "site"),
        ({"start": "yesterday"}, "yesterday"),
        ({"start": "0", "end": "0"}, "end"),
        ({"end": "9" * 19}, "2100"),
        ({"end": "\u0663"}, "2026"),
        ({"resolution": "often"}, "often"),
        ({"resolution": "0s"}, "resolution"),
        ({"buckets": "-1"}, "buckets"),
        ({"weeks_back": "1e3"}, "weeks_back"),
    ],
)
async def test_what_is_no_question_is_refused_with_the_reason(wrong: Mapping[str, str], word: str) -> None:
    """A mistake is answered with 400 and a sentence that names it."""
    async with page_of(PastFacts(None), FakeClock()) as address:
        status, found = await ask(address, {"device": "main_meter", "points": POWER, **LAST_DAY, **wrong})
    assert status == 400
    assert word in found["detail"]


async def test_the_file_holds_every_readout_to_the_last_digit(tmp_path: Path) -> None:
    """One line per instant with UTC, local time, units in the header and the status of each device."""
    series = f"main_meter:{POWER},heat_pump:hp_temp_sink_supply,main_meter:elec_energy_import"
    async with store_with(tmp_path, days=(9,)) as store, page_of(PastFacts(store), FakeClock()) as address:
        status, text = await ask(address, {"series": series, **LAST_DAY}, path="/api/v1/history.csv")
    assert status == 200
    assert text.endswith("\r\n")
    head, *rows = csv.reader(io.StringIO(text))
    assert head == [
        "time_utc",
        "time_local",
        f"main_meter.{POWER} [W]",
        "main_meter.elec_energy_import [kWh]",
        "main_meter.status",
        "heat_pump.hp_temp_sink_supply [Cel]",
        "heat_pump.status",
    ]
    assert rows[0][:2] == ["2026-06-16T22:00:00.000Z", "2026-06-17T00:00:00.000+02:00"]
    wanted = [
        (meter[POWER], meter["elec_energy_import"], 0, pump["hp_temp_sink_supply"], 0)
        for _, meter, pump in samples_of_day(9)
    ]
    assert [tuple(map(float, row[2:])) for row in rows] == wanted


async def test_a_file_of_buckets_says_how_they_were_made(tmp_path: Path) -> None:
    """The header of a bucketed file says mean or last, and no bucket is cut between two pieces."""
    asked = {"series": f"main_meter:{POWER},main_meter:elec_energy_import", "resolution": "1h", **LAST_DAY}
    async with store_with(tmp_path, days=(9,)) as store, page_of(PastFacts(store), FakeClock()) as address:
        _, text = await ask(address, asked, path="/api/v1/history.csv")
    head, *rows = csv.reader(io.StringIO(text))
    assert head[2:4] == [f"main_meter.{POWER} mean [W]", "main_meter.elec_energy_import last [kWh]"]
    wanted = {time_ms: sum(each) / len(each) for time_ms, each in buckets(HOUR_MS).items()}
    assert [float(row[2]) for row in rows] == pytest.approx(list(wanted.values()))
    assert len(rows) == 24 - 3


@pytest.mark.parametrize("series", ["", "main_meter", "main_meter:=cmd()", "a:b," * 25, "main_meter:\r\nx"])
async def test_a_file_of_nothing_is_refused(series: str) -> None:
    """What is not device:point never reaches the header of a file."""
    async with page_of(PastFacts(None), FakeClock()) as address:
        status, found = await ask(address, {"series": series, **LAST_DAY}, path="/api/v1/history.csv")
    assert status == 400
    assert "series" in found["detail"]


@given(
    span_ms=st.integers(1000, 20 * 366 * DAY_MS),
    interval_ms=st.sampled_from([1000, 10_000, 60_000, 900_000]),
    most=st.integers(100, MOST_BUCKETS),
    wanted_ms=st.sampled_from([None, 0, 1000, 60_000, 900_000]),
)
def test_an_answer_is_never_larger_than_a_screen_needs(
    span_ms: int, interval_ms: int, most: int, wanted_ms: int | None
) -> None:
    """However long the stretch and however often a point is read, there are at most 2000 buckets."""
    asked = Ask(SITE, "meter", (POWER,), 0, span_ms, wanted_ms, most)
    found = choose_resolution(asked, interval_ms=interval_ms)
    assert span_ms / (found or interval_ms) <= MOST_BUCKETS


def test_days_are_local_and_so_are_the_days_that_clocks_change() -> None:
    """The day on which summer time begins has 23 hours, and is complete with 92 quarter-hours."""
    start_ms = parse_instant("2026-03-28T00:00", "Europe/Copenhagen")
    quarters = [(start_ms + number * INTERVAL_MS, 0.25) for number in range(96 + 92 + 4)]
    bars = bars_of(quarters, length_ms=DAY_MS, timezone="Europe/Copenhagen")
    assert bars.amounts == [24.0, 23.0, 1.0]
    assert bars.shares == [1.0, 1.0, round(4 / 96, 4)]
    assert [end - start for start, end in zip(bars.starts, bars.ends, strict=True)] == [
        DAY_MS,
        DAY_MS - HOUR_MS,
        DAY_MS,
    ]
    months = bars_of(quarters, length_ms=MONTH_MS, timezone="Europe/Copenhagen")
    assert months.amounts == [48.0]


def test_a_week_before_keeps_the_hour_across_a_change_of_clocks() -> None:
    """Noon is compared with noon."""
    noon_ms = parse_instant("2026-03-31T12:00", "Europe/Copenhagen")
    assert earlier(noon_ms, 1, "Europe/Copenhagen") == parse_instant("2026-03-24T12:00", "Europe/Copenhagen")


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6).map(lambda value: round(value, 3))), max_size=40))
def test_no_difference_is_negative_and_none_spans_a_hole(registers: list[float | None]) -> None:
    """Whatever a register does, a quarter-hour between two known readings counts 0 or more, and no other is there."""
    rows = [Row(number * INTERVAL_MS, (value,)) for number, value in enumerate(registers) if value is not None]
    found = {row.time_ms // INTERVAL_MS: row.values[0] for row in quarters_of_registers(rows, 1)}
    known = [number for number in range(1, len(registers)) if None not in registers[number - 1 : number + 1]]
    assert sorted(found) == known
    for number, value in found.items():
        before, after = registers[number - 1], registers[number]
        assert value is not None
        assert before is not None
        assert after is not None
        assert value == pytest.approx(max(after - before, 0.0), abs=1e-5)


def test_no_name_in_a_file_is_a_formula() -> None:
    """An id may begin with a minus; a spreadsheet must not compute with the heading of a column."""
    first = header([Selection("-2-3", ("elec_power_active",))], load_vocabulary(), resolution_ms=0)
    assert first.split(",")[2:] == ["'-2-3.elec_power_active [W]", "'-2-3.status\r\n"]
