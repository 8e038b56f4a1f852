"""`kvarter history`: the past of a point in a terminal, as CSV and as JSON."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.app.history import length_of, place_of, range_of, read_history
from gateway.app.history_plot import bar_plot, line_plot
from gateway.cli.main import app
from gateway.core.errors import ConfigError
from tests.web.past import END_MS, GAP_MS, SITE, samples_of_day, store_with

DAY = ("--from", "2026-06-17T00:00+02:00", "--to", "2026-06-18T00:00+02:00")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store of one day with a gap."""
    path = tmp_path_factory.mktemp("past")
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    async with store_with(path, days=(9,)):
        pass


def said(folder: Path, *arguments: str) -> str:
    """Return what the command prints."""
    found = CliRunner().invoke(app, ["history", *arguments, "--store", str(folder), *DAY], env={"COLUMNS": "80"})
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_gauge_is_drawn_with_its_gap(folder: Path) -> None:
    """The plot fits the terminal, says unit and extremes, and leaves the gap empty."""
    head, *drawn, axis, summary = said(folder, "main_meter", "elec_power_active").splitlines()
    powers = [meter["elec_power_active"] for _, meter, _ in samples_of_day(9)]
    assert head == "main_meter elec_power_active [W], mean per 15min"
    assert max(map(len, drawn)) <= 80
    share = (GAP_MS[0] + GAP_MS[1]) / 2 - (END_MS - 86_400_000)
    place = 12 + int(share / 86_400_000 * (80 - 13))
    assert {row[place : place + 1].strip() for row in drawn} == {""}
    assert "2026-06-16 22:00" in axis
    assert summary == f"least {min(powers):.6g}, greatest {max(powers):.6g}, last {summary.split()[-1]}"


def test_a_counter_is_drawn_as_what_it_counted(folder: Path) -> None:
    """Bars of quarter-hours, and a sum that holds what is known."""
    head, *_, summary = said(folder, "main_meter", "elec_energy_export", "--every", "1h").splitlines()
    assert head == "main_meter elec_energy_export [kWh], counted per 1h"
    assert summary.startswith("sum ")
    assert float(summary.split()[1]) == pytest.approx(0.9 * 21, abs=0.5)


def test_csv_and_json_say_the_same(folder: Path) -> None:
    """Both hold every bucket with mean, least and greatest, and none inside the gap."""
    header, *rows = said(folder, "main_meter", "elec_power_active", "--every", "1h", "--csv").splitlines()
    found = json.loads(said(folder, "main_meter", "elec_power_active", "--every", "1h", "--json"))
    name = "main_meter.elec_power_active"
    assert header == f"time_utc,time_local,{name} [W],{name} least [W],{name} greatest [W]"
    assert found["unit"] == "W"
    assert len(rows) == len(found["values"]) == 21
    for row, value in zip(rows, found["values"], strict=True):
        cells = row.split(",")
        assert cells[0] == value["time"]
        assert [float(cell) for cell in cells[2:]] == [value["value"], value["least"], value["greatest"]]


def test_nothing_stored_is_said(folder: Path) -> None:
    """A stretch without values is a sentence, not an empty picture."""
    place = place_of(store=folder, site=None, environment={})
    found = read_history(place, "main_meter", "elec_voltage_l1", between=(0, 86_400_000), length_ms=60_000)
    assert found.site == SITE
    assert found.drawing(80)[1] == "nothing is stored from 1970-01-01 00:00 to 1970-01-02 00:00"


def test_mistakes_say_what_to_do(folder: Path, tmp_path: Path) -> None:
    """Unknown store, device, point and time are each named."""
    place = place_of(store=folder, site=None, environment={})
    with pytest.raises(ConfigError, match="there is no store"):
        read_history(
            place_of(store=tmp_path, site=None, environment={}), "m", "elec_power_active", between=(0, 1), length_ms=1
        )
    with pytest.raises(ConfigError, match="the store holds heat_pump, main_meter"):
        read_history(place, "meter", "elec_power_active", between=(0, 1), length_ms=1)
    with pytest.raises(ConfigError, match="no such point"):
        read_history(place, "main_meter", "power", between=(0, 1), length_ms=1)
    with pytest.raises(ConfigError, match="name either"):
        place_of(store=None, site=None, environment={})
    with pytest.raises(ConfigError, match="earlier"):
        range_of("2026-01-02", "2026-01-01", now_ms=0, timezone="UTC")
    with pytest.raises(ConfigError, match="million"):
        length_of("1ms", between=(0, 86_400_000), columns=80)


def test_a_duration_counts_back_from_the_end() -> None:
    """`--from 7d` is a week before `--to`."""
    assert range_of("7d", "1970-01-08", now_ms=0, timezone="UTC") == (0, 7 * 86_400_000)


def test_dots_stand_where_the_values_are() -> None:
    """A line rises from the lowest to the highest dot, a gap is a hole, and bars are as high as their amounts."""
    rising = line_plot([(0.0, 0.0), None, None, None, (3.0, 3.0)], height=1)
    assert rising == ["         3 ┤⡀ ⠁"]
    assert line_plot([None], height=3) == []
    assert bar_plot([1.0, None, 2.0], height=2)[1].endswith("█ █")
    assert bar_plot([], height=2) == []
