"""Long runs: `python -m tests.fuzz.soak --runs N [--keep] [CODEC …]` fuzzes each codec under the guided runner.

With --keep the smallest inputs that together reach what was reached are kept as the corpus.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.corpus import CORPUS, kept
from tests.fuzz.targets import codecs

CRASHES = Path("build/fuzz")
MOST_KEPT = 48
"""Files of one codec; the shortest ones."""


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
    merged = found.parent / "merged"
    merged.mkdir()
    _guided(name, ["-merge=1", str(merged), str(found)])
    for file in kept(name):
        if not file.name.startswith("crash"):
            file.unlink()
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    for file in sorted(merged.iterdir(), key=lambda each: each.stat().st_size)[:MOST_KEPT]:
        (CORPUS / name / file.name[:12]).write_bytes(file.read_bytes())


def _guided(name: str, arguments: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, *arguments, "-print_final_stats=0", "-verbosity=0"]
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    main()
