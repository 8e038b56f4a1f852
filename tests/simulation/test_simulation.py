import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.simulation.chaos import Fault, draw, parse
from tests.simulation.run import Outcome, Scenario, simulate
from tests.simulation.shrink import shrink
from tests.simulation.verdict import INVARIANTS

SEEDS = range(1, 51)
"""As they come: nobody chose them."""
KEPT = tomllib.loads((Path(__file__).parent / "seeds.toml").read_text(encoding="utf-8"))["seed"]


def check(outcome: Outcome) -> None:
    """Fail with what does not hold."""
    shown = "\n".join(f"{name}: {text}" for name, text in outcome.violations[:10])
    assert not outcome.violations, f"{', '.join(outcome.broken)}\n{shown}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_faults_is_accounted_for(seed: int) -> None:
    """Ten devices at 60 s under at least 24 faults in a day: every invariant holds."""
    outcome = simulate(Scenario(seed))
    check(outcome)
    assert outcome.faults >= 24
    assert outcome.samples >= 13_000


@pytest.mark.parametrize("kept", KEPT, ids=lambda each: str(each["seed"]))
def test_what_was_found_once_stays_mended(kept: dict[str, object]) -> None:
    """Each run that once broke an invariant holds them all."""
    faults = tuple(parse(text) for text in kept["faults"])  # type: ignore[attr-defined]
    check(simulate(Scenario(int(str(kept["seed"])), days=float(str(kept["days"])), faults=faults)))


def test_the_same_seed_is_the_same_run() -> None:
    """Two processes with different hash seeds see the same events to the byte."""
    order = "from tests.simulation.run import *; print(simulate(Scenario(7, days=0.1, a_day=240)).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", order],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 32


def test_other_seeds_are_other_runs() -> None:
    """Faults and events come from the seed."""
    assert draw(1, days=1, a_day=24) != draw(2, days=1, a_day=24)
    assert simulate(Scenario(1, days=0.03, faults=())).digest != simulate(Scenario(2, days=0.03, faults=())).digest


def test_a_fault_survives_as_text() -> None:
    """What `make soak` prints is what a kept seed repeats."""
    for fault in draw(1, days=1, a_day=24):
        assert parse(fault.text()) == fault
    assert parse("device 10 20 bus/late") == Fault(1010.0, "device", 20.0, detail="bus/late")


def test_a_failing_list_shrinks_to_what_it_takes() -> None:
    """Delta debugging finds the two faults of forty that fail together."""
    assert shrink(range(40), lambda part: {3, 29} <= set(part)) == [3, 29]


def test_every_invariant_has_a_name() -> None:
    """A violation of a rule without name would be hidden in the table."""
    assert all(INVARIANTS.values())
