"""Runs the simulation in a mutated tree and prints which invariants do not hold, as JSON."""

import json
import sys

from tests.simulation.chaos import parse
from tests.simulation.run import Scenario, simulate


def main() -> None:
    """Simulate what is ordered on the command line."""
    order = json.loads(sys.argv[1])
    faults = tuple(parse(text) for text in order["faults"])
    outcome = simulate(Scenario(1, days=order["hours"] / 24, faults=faults))
    first = dict(reversed(outcome.violations))
    sys.stdout.write(json.dumps(first))


if __name__ == "__main__":
    main()
