"""Long runs: `python -m tests.fuzz.soak --runs N [--keep] [CODEC …]` fuzzes each codec under the guided runner.

A bar shows how far it is. The figures of each codec go to build/fuzz/results.toml, tests/fuzz/results.toml and
docs/fuzz.md as soon as it is done; inputs that broke it go to build/fuzz/CODEC, with the log of the fuzzer. With --keep
the smallest inputs that together reach what was reached are kept as the corpus.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from tests.fuzz.codec import Codec
from tests.fuzz.corpus import CORPUS, kept
from tests.fuzz.measure import write_runs
from tests.fuzz.results import Run, record
from tests.fuzz.targets import codecs

CRASHES = Path("build/fuzz")
LEAST_RECORDED = 1_000_000
"""Shorter runs are for trying and for the corpus: their figures are not kept."""
PRODUCT = tuple(str(Path(__file__).parents[2] / folder) for folder in ("drivers", "gateway"))
Step = tuple[str, int, int]
TraceFunction = Callable[[FrameType, str, Any], Any]


def main() -> None:
    """Fuzz; the exit code says whether something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.soak", description=__doc__.splitlines()[0])
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help=f"one of {', '.join(codecs())}; all if left out")
    parser.add_argument("--runs", type=int, default=10_000_000, help="inputs per codec (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep what reached something as the corpus")
    options = parser.parse_args()
    broken = []
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        for name in options.codecs or codecs():
            run = _fuzzed(name, options.runs, keep=options.keep, bar=bar)
            if run.broke:
                broken.append(name)
            if run.inputs >= LEAST_RECORDED or run.broke:
                _record(name, run)
    if broken:
        sys.exit(f"broken: {', '.join(broken)}; the inputs are in {CRASHES}: copy them to {CORPUS}/CODEC once mended")


def _record(name: str, run: Run) -> None:
    """Keep the figures of a run in the tree, under build/ and on the page."""
    record(name, run)
    record(name, run, CRASHES / "results.toml")
    write_runs()


def _fuzzed(name: str, inputs: int, *, keep: bool, bar: Progress) -> Run:
    """Fuzz one codec from its seeds and its corpus, and say how it went."""
    crashes = CRASHES / name
    crashes.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        found = Path(folder) / "found"
        found.mkdir()
        known = [*codecs()[name].seeds(), *(file.read_bytes() for file in kept(name))]
        for number, entry in enumerate(known):
            (found / f"seed-{number:04}").write_bytes(entry)
        task, began_s = bar.add_task(name, total=inputs), monotonic()
        arguments = [str(found), f"-runs={inputs}", f"-artifact_prefix={crashes}/", "-timeout=10"]
        done, ended = 0, -1
        with _guided(name, arguments, crashes / "log") as process:
            for line in process.stdout or ():
                # The fuzzer itself writes there, too.
                done = int(line) if line.strip().isdecimal() else done
                bar.update(task, completed=done)
            ended = process.wait()
        done = inputs if ended == 0 else done
        bar.update(task, completed=done)
        if keep and ended == 0:
            _keep(name, found)
        new = len(list(found.iterdir())) - len(known)
    seconds = round(monotonic() - began_s)
    return Run(done, int(ended != 0), max(0, new), seconds, datetime.now(UTC).date().isoformat())


def _keep(name: str, found: Path) -> None:
    """Replace the corpus by the shortest inputs that together reach what was reached; regressions stay."""
    for file in kept(name):
        if not file.name.startswith("crash"):
            file.unlink()
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    reached: set[Step] = set()
    for file in sorted(found.iterdir(), key=lambda each: (each.stat().st_size, each.read_bytes())):
        steps = steps_of(codecs()[name], file.read_bytes())
        if steps - reached:
            reached |= steps
            content = file.read_bytes()
            (CORPUS / name / hashlib.sha256(content).hexdigest()[:12]).write_bytes(content)


def steps_of(codec: Codec, entry: bytes) -> set[Step]:
    """Return which lines of the product followed which when an input was decoded."""
    steps: set[Step] = set()

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if not frame.f_code.co_filename.startswith(PRODUCT):
            return None
        before = frame.f_lineno

        def lines(inner: FrameType, _event: str, _arg: object) -> TraceFunction:
            nonlocal before
            steps.add((inner.f_code.co_filename, before, inner.f_lineno))
            before = inner.f_lineno
            return lines

        return lines if event == "call" else None

    sys.settrace(trace)
    try:
        codec.decode(entry)
    finally:
        sys.settrace(None)
    return steps


@contextmanager
def _guided(name: str, arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield the fuzzer as it runs; what it says beside its counter goes to the log."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *arguments, "-print_final_stats=0", "-verbosity=0"]
    with log.open("wb") as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
