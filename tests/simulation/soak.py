"""`make soak SEEDS=n`: simulates seed after seed, and prints the first that fails with the faults that it takes."""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from rich.console import Console
from rich.progress import track

from tests.simulation.chaos import Fault
from tests.simulation.run import Outcome, Scenario, describe, simulate
from tests.simulation.shrink import shrink

_MOST_SHOWN = 5


def main() -> int:
    """Simulate the seeds that are asked for; return 1 when one fails."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--days", type=float, default=1.0)
    options.add_argument("--a-day", type=int, default=24)
    chosen = options.parse_args()
    console = Console()
    scenarios = [
        Scenario(seed, days=chosen.days, a_day=chosen.a_day)
        for seed in range(chosen.first, chosen.first + chosen.seeds)
    ]
    samples = days = 0.0
    with ProcessPoolExecutor(os.cpu_count(), max_tasks_per_child=20) as workers:
        outcomes = workers.map(simulate, scenarios)
        for scenario, outcome in zip(
            scenarios, track(outcomes, "gateway-days", total=len(scenarios), console=console), strict=True
        ):
            samples, days = samples + outcome.samples, days + scenario.days
            if outcome.violations:
                workers.shutdown(cancel_futures=True)
                _tell(console, scenario, outcome)
                return 1
    console.print(f"{days:g} gateway-days, {samples:.0f} readouts: every one accounted for")
    return 0


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
