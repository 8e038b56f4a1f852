import json
from pathlib import Path

import pytest

from bench.figures import Measured, results
from bench.meter import POINTS, PROFILE, REGISTERS, Meter, meter_fields, write_profile
from bench.page import render, results_of
from drivers.catalog import Catalog
from gateway.core.quantity import load_vocabulary

ROOT = Path(__file__).parents[2]
FOUND = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))


def measured(cpu_s: float, missing: float, **peer: float) -> Measured:
    ours = {"cpu_s_per_million_points": cpu_s, "polls_missing": missing}
    return {"edge_50": {"kvarter": ours, "peer": peer}}


def test_the_page_quotes_the_results_and_nothing_else() -> None:
    """The page is what the results in the repository give."""
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == render(FOUND)


def test_the_figures_are_those_of_the_runs() -> None:
    """No figure in the results was written by hand."""
    assert results_of(FOUND) == results(FOUND["runs"])


def test_the_best_round_counts_but_for_faults() -> None:
    """Of several rounds a cost is the lowest, and a number of faults the highest."""
    cpu_s, missing = results([measured(8.0, 0.0), measured(7.0, 2.0), measured(9.0, 1.0)])
    assert (cpu_s.kvarter, missing.kvarter) == (7.0, 2.0)


@pytest.mark.parametrize(("cpu_s", "is_met"), [(10.0, True), (10.1, False)])
def test_a_missed_target_stands_among_what_falls_short(cpu_s: float, *, is_met: bool) -> None:
    """A figure beyond its target is named at the end of the page, and only then."""
    figures = [FOUND["figures"][0] | {"kvarter": cpu_s, "peer": None}]
    page = render(FOUND | {"figures": figures})
    assert ("No target is missed" in page) is is_met
    assert ("10.1 s per million points; the target is ≤ 10." in page) is not is_met


def test_what_was_measured_by_itself_says_when() -> None:
    """A benchmark that was run anew says its date and how busy the machine was, since the head of the page does not."""
    page = render(FOUND | {"again": {"first paint": {"date": "2026-12-01", "load": 0.4}}})
    assert "first paint on 2026-12-01 (load 0.4)" in page
    assert "first paint on" not in render({name: each for name, each in FOUND.items() if name != "again"})


def test_the_meter_is_what_its_profile_describes(tmp_path: Path) -> None:
    """The profile of all benchmarks is valid and describes each register that the meter serves."""
    vocabulary = load_vocabulary()
    write_profile(tmp_path)
    profile = Catalog(vocabulary, [tmp_path]).find(PROFILE).profile
    values = Meter().values(meter_fields(vocabulary))
    assert len(profile.points) == len(values) == POINTS
    assert len(Meter().registers()) == 2 * REGISTERS
    assert all(
        field.quantity.limits[0] <= value <= field.quantity.limits[1]
        for field, value in zip(meter_fields(vocabulary), values, strict=True)
    )
