"""Branch coverage of each codec under its seeded mutations and its corpus: `python -m tests.fuzz.measure`.

Writes docs/fuzz.md, and fails where a codec has less than LEAST percent.
"""

import argparse
import ast
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import coverage

from tests.fuzz.codec import Codec
from tests.fuzz.corpus import kept
from tests.fuzz.mutator import Mutator
from tests.fuzz.targets import codecs

PAGE = Path("docs/fuzz.md")
LEAST = 90.0
_INTRODUCTION = """# Fuzzing

`make fuzz-coverage` writes this page. Every decoder of bytes from outside is given spoilt inputs whose checksums are
right again, so that the parser behind them is reached. `make test` decodes 100,000 of them per codec from a fixed seed,
and every input that is kept in `tests/fuzz/corpus/`; `make soak-fuzz` goes on for ten million under a fuzzer that is
guided by coverage. An input may do anything but raise what it should not, hang, or take memory for what it only claims.

Branches are those of the functions that were entered in the decoder's own files: encoders, and what only runs when a
profile is compiled or a module imported, do not count. They were reached by {inputs:,} mutations and the corpus.

| codec | files | branches | reached | share | kept inputs |
|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure; the exit code says whether every codec is covered."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.measure", description=__doc__.splitlines()[0])
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help="all if left out; then the page is written")
    parser.add_argument("--inputs", type=int, default=10_000, help="mutations per codec (%(default)s)")
    options = parser.parse_args()
    rows = [_row(codecs()[name], options.inputs) for name in options.codecs or codecs()]
    text = _INTRODUCTION.format(inputs=options.inputs) + "".join(line for line, _ in rows)
    if not options.codecs:
        PAGE.write_text(text, encoding="utf-8")
    sys.exit(min(share for _, share in rows) < LEAST)


def _row(codec: Codec, inputs: int) -> tuple[str, float]:
    """Return the line of one codec and its share of branches in percent."""
    measured = coverage.Coverage(data_file=None, branch=True, include=list(codec.modules), config_file=False)
    measured.start()
    try:
        for entry in (*(file.read_bytes() for file in kept(codec.name)), *Mutator(codec, 2026).inputs(inputs)):
            codec.decode(entry)
        for arriving in codec.hostile:
            codec.run(arriving)
    finally:
        measured.stop()
    branches, missing = _branches(measured, codec.modules)
    share = 100 * (branches - missing) / branches
    line = f"| {codec.name} | {len(codec.modules)} | {branches} | {branches - missing} | {share:.1f} % |"
    print(line, flush=True)  # noqa: T201 - this is a command
    return f"{line} {len(kept(codec.name))} |\n", share


def _branches(measured: coverage.Coverage, modules: Sequence[str]) -> tuple[int, int]:
    """Return how many branches there are in the functions that were entered, and how many of them were not taken."""
    total = lost = 0
    for module in modules:
        analysis = measured._analyze(module)  # noqa: SLF001 - the public reports do not know functions
        outside = _never_entered(Path(module), analysis.executed)
        taken, missing = (
            {line: len(ends) for line, ends in arcs.items() if line not in outside}
            for arcs in (analysis.executed_branch_arcs(), analysis.missing_branch_arcs())
        )
        total += sum(taken.values()) + sum(missing.values())
        lost += sum(missing.values())
        if missing:
            print(f"    {module}: {', '.join(map(str, sorted(missing)))}")  # noqa: T201 - this is a command
    return total, lost


def _never_entered(module: Path, executed: Collection[int]) -> set[int]:
    """Return the lines outside of every function that ran: encoders, compilers, and what runs at import only."""
    inside: set[int] = set()
    whole = ast.parse(module.read_text(encoding="utf-8"))
    for node in ast.walk(whole):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = set(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
            if lines & set(executed):
                inside |= lines
            else:
                inside -= lines
    return set(range(1, 10_000)) - inside


if __name__ == "__main__":
    main()
