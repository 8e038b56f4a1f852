"""`make soak SEEDS=n`: simulates seed after seed, and prints the first that fails with the faults that it takes.

python -m tests.simulation.soak [--seeds 100] [--first 1] [--days 1] [--a-day 24] [--results FILE]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.simulation.chaos import Fault
from tests.simulation.run import Outcome, Scenario, describe, simulate
from tests.simulation.shrink import shrink

_MOST_SHOWN = 5
_RUNS_OF_A_WORKER = 20


def main() -> int:
    """Simulate the seeds that are asked for; return 1 when one fails."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--days", type=float, default=1.0)
    options.add_argument("--a-day", type=int, default=24)
    options.add_argument("--results", type=Path, help="where to keep the figures")
    chosen = options.parse_args()
    console = Console()
    scenarios = [
        Scenario(seed, days=chosen.days, a_day=chosen.a_day)
        for seed in range(chosen.first, chosen.first + chosen.seeds)
    ]
    done: list[Outcome] = []
    started_s = time.monotonic()
    with Pool(os.cpu_count(), maxtasksperchild=_RUNS_OF_A_WORKER) as workers:
        outcomes = workers.imap(simulate, scenarios)
        for outcome in track(outcomes, "gateway-days", total=len(scenarios), console=console):
            done.append(outcome)
            if outcome.violations:
                workers.terminate()
                _tell(console, scenarios[len(done) - 1], outcome)
                return 1
    found = figures(done, days=chosen.days, took_s=time.monotonic() - started_s)
    if chosen.results:
        chosen.results.write_text(json.dumps({"simulation": {"kvarter": found}}, indent=2) + "\n", encoding="utf-8")
    console.print(f"{found['days']:g} gateway-days, {found['readouts']} readouts: every one accounted for")
    return 0


def figures(outcomes: Sequence[Outcome], *, days: float, took_s: float) -> dict[str, float]:
    """Return the sums of all runs, as the page of the benchmarks takes them."""
    return {
        "days": len(outcomes) * days,
        "readouts": sum(each.samples for each in outcomes),
        "faults": sum(each.faults for each in outcomes),
        "power_cuts": sum(each.cuts for each in outcomes),
        "starts": sum(each.starts for each in outcomes),
        "lost": sum(each.lost for each in outcomes),
        "violations": sum(len(each.violations) for each in outcomes),
        "seconds": took_s,
        "days_a_minute": 60 * len(outcomes) * days / took_s,
    }


def _tell(console: Console, scenario: Scenario, outcome: Outcome) -> None:
    """Print a failing seed, minimised."""
    console.print(f"seed {scenario.seed} breaks {', '.join(outcome.broken)}; looking for the faults that it takes")
    worst = outcome.broken[0]

    def fails(faults: list[Fault]) -> bool:
        return worst in simulate(replace(scenario, faults=tuple(faults))).broken

    kept = tuple(shrink(scenario.drawn(), lambda part: fails(list(part))))
    console.print(describe(kept), markup=False)
    again = simulate(replace(scenario, faults=kept))
    for name, text in again.violations[:_MOST_SHOWN]:
        console.print(f"{name}: {text}", markup=False)
    console.print("keep it in tests/simulation/seeds.toml:", markup=False)
    console.print(f"[[seed]]\nseed = {scenario.seed}\ndays = {scenario.days}\nfaults = [", markup=False)
    for fault in kept:
        console.print(f'  "{fault.text()}",', markup=False)
    console.print("]", markup=False)


if __name__ == "__main__":
    sys.exit(main())
