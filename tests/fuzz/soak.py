"""Long runs: `python -m tests.fuzz.soak --runs N [--keep] [CODEC …]` fuzzes each codec under the guided runner.

With --keep the smallest inputs that together reach what was reached are kept as the corpus.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from tests.fuzz.codec import Codec
from tests.fuzz.corpus import CORPUS, kept
from tests.fuzz.targets import codecs

CRASHES = Path("build/fuzz")
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
    broken = [name for name in options.codecs or codecs() if not _fuzzed(name, options.runs, keep=options.keep)]
    if broken:
        sys.exit(f"broken: {', '.join(broken)}; the inputs are in {CRASHES}: copy them to {CORPUS}/CODEC once mended")


def _fuzzed(name: str, runs: int, *, keep: bool) -> bool:
    """Fuzz one codec from its seeds and its corpus; return whether nothing broke."""
    crashes = CRASHES / name
    crashes.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        found = Path(folder) / "found"
        found.mkdir()
        inputs = [*codecs()[name].seeds(), *(file.read_bytes() for file in kept(name))]
        for number, entry in enumerate(inputs):
            (found / f"seed-{number:04}").write_bytes(entry)
        print(f"{name}: {runs} inputs", flush=True)  # noqa: T201 - this is a command
        ended = _guided(name, [str(found), f"-runs={runs}", f"-artifact_prefix={crashes}/", "-timeout=10"])
        if keep and ended:
            _keep(name, found)
    return ended


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


def _guided(name: str, arguments: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *arguments, "-print_final_stats=0", "-verbosity=0"]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    main()
