"""`make mutants`: tries every mutant, and writes docs/mutants.md."""

import sys
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import track

from tests.mutants.trial import ROOT, Trial, load_mutants, try_mutant
from tests.simulation.verdict import INVARIANTS

PAGE = ROOT / "docs" / "mutants.md"
_HEAD = """\
# Mutants

The test of the tests: each of these faults was put into a copy of our own source, and the named invariant of the
simulation, or the named test, caught it. `make mutants` tries them all and writes this page; a mutant that anything
else catches, an import error or a time-out among it, counts as missed. The faults stand in
`tests/mutants/mutants.toml`.
"""


def main() -> int:
    """Try every mutant; return 1 when one was missed."""
    console = Console()
    mutants = load_mutants()
    with ThreadPoolExecutor(2) as workers:
        trials: list[Trial] = []
        for trial in track(workers.map(try_mutant, mutants), "mutants", total=len(mutants), console=console):
            trials.append(trial)
            PAGE.write_text(render(trials), encoding="utf-8")
            if not trial.is_caught:
                console.print(f"missed: {trial.mutant.name}: {trial.evidence}", markup=False)
    PAGE.write_text(render(trials), encoding="utf-8")
    caught = sum(trial.is_caught for trial in trials)
    console.print(f"{caught} of {len(trials)} mutants caught")
    return 0 if caught == len(trials) else 1


def render(trials: list[Trial]) -> str:
    """Return the page."""
    lines = [_HEAD, "| mutant | file | caught by | |", "|---|---|---|---|"]
    for trial in trials:
        mutant, verdict = trial.mutant, "caught" if trial.is_caught else "**missed**"
        lines.append(f"| {mutant.name} | `{mutant.file}` | `{mutant.caught_by}` | {verdict} |")
    caught = sum(trial.is_caught for trial in trials)
    lines += ["", f"{caught} of {len(trials)} caught.", "", "## The invariants", ""]
    lines += [f"- `{name}`: {text}" for name, text in INVARIANTS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
