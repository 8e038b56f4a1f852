"""Branch coverage of each codec under its seeded mutations and its corpus: `python -m tests.fuzz.measure`.

Writes docs/fuzz.md, and fails where a codec has less than LEAST percent or the list of unreachable branches is wrong.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.branches import Reach, reach, unreachable
from tests.fuzz.corpus import kept
from tests.fuzz.results import rows_of_runs
from tests.fuzz.targets import codecs

PAGE = Path("docs/fuzz.md")
LEAST = 90.0
_INTRODUCTION = """# Fuzzing

`make fuzz-coverage` writes this page. Every decoder of bytes from outside is given spoilt inputs whose checksums are
right again, so that the parser behind them is reached. `make test` decodes 100,000 of them per codec from a fixed seed,
and every input that is kept in `tests/fuzz/corpus/`; `make soak-fuzz` goes on for ten million under a fuzzer that is
guided by coverage. An input may do anything but raise what it should not, hang, or take memory for what it only claims.

Meters' bytes go through the stream reader of their protocol, cut into chunks anywhere, or one by one; in one of sixteen
inputs the telegrams found must be those of the uncut bytes. A Modbus input is a script: silences, refusals, late,
foreign and echoed answers to whatever is asked next.

## Branches

Every branch of every function in a decoder's files counts, whether the function was entered or not, but for those
listed below. They were reached by {inputs:,} mutations, the messages that claim more than they hold, and the corpus.
`make test` holds every codec to {least:.0f} % with {tested:,} mutations.

| codec | files | branches | reached | share | kept inputs |
|---|---|---|---|---|---|
"""
_LIST = """
## Out of reach

No bytes from outside reach these, so they do not count. An entry that an input reaches fails the tests.

| file | function | line | codecs | why |
|---|---|---|---|---|
"""
_RUNS = """
## Long runs

Under the guided fuzzer (`make soak-fuzz`); the figures are written by the run itself to `tests/fuzz/results.toml`.

| codec | inputs | broke | new inputs found | minutes | date |
|---|---|---|---|---|---|
"""
TESTED = 500
"""Mutations per codec in `make test`."""


def main() -> None:
    """Measure; the exit code says whether every codec is covered."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.measure", description=__doc__.splitlines()[0])
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help="all if left out; then the page is written")
    parser.add_argument("--inputs", type=int, default=10_000, help="mutations per codec (%(default)s)")
    parser.add_argument("--runs-only", action="store_true", help="write only the part about long runs anew")
    options = parser.parse_args()
    if options.runs_only:
        write_runs()
        return
    found = {name: reach(codecs()[name], options.inputs) for name in _told(options.codecs or list(codecs()))}
    rows = [_row(name, each) for name, each in found.items()]
    if not options.codecs:
        head = _INTRODUCTION.format(inputs=options.inputs, least=LEAST, tested=TESTED)
        PAGE.write_text(head + "".join(rows) + _LIST + "".join(_reasons()) + _runs(), encoding="utf-8")
    sys.exit(any(each.share < LEAST or each.false for each in found.values()))


def write_runs() -> None:
    """Write the part of the page about long runs anew."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(_RUNS)
    PAGE.write_text(before + _runs(), encoding="utf-8")


def _runs() -> str:
    rows = "".join(rows_of_runs())
    return _RUNS + rows if rows else ""


def _told(names: list[str]) -> Iterator[str]:
    """Yield the names, each said before it is measured."""
    for number, name in enumerate(names, 1):
        print(f"{number}/{len(names)} {name}", file=sys.stderr, flush=True)  # noqa: T201 - this is a command
        yield name


def _row(name: str, found: Reach) -> str:
    """Return the line of one codec, and say what it misses."""
    for text in (*found.missing, *found.false):
        print(f"    {text}")  # noqa: T201 - this is a command
    files, inputs = len(codecs()[name].modules), len(kept(name))
    row = f"| {name} | {files} | {found.branches} | {found.reached} | {found.share:.1f} % | {inputs} |\n"
    print(row, end="", flush=True)  # noqa: T201 - this is a command
    return row


def _reasons() -> Iterator[str]:
    """Yield the list of what is out of reach, one row for each reason within a file."""
    grouped: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for each in unreachable():
        grouped[each.file, each.reason, each.line, each.codecs].append(each.function)
    for (file, reason, line, names), functions in grouped.items():
        said = ", ".join(f"`{function}`" for function in functions)
        where = f"`{line}`" if line else "all"
        yield f"| {file} | {said} | {where} | {', '.join(names) or 'all'} | {reason} |\n"


if __name__ == "__main__":
    main()
