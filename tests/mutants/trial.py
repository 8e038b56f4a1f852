"""One mutant on trial: a copy of the tree with the fault in it, and who notices."""

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "mutants.toml"
_TIME_LIMIT_S = 120
_PARTS = ("gateway", "drivers", "tests", "config", "pyproject.toml")


class Mutant(BaseModel):
    """A fault in our own source."""

    model_config = ConfigDict(extra="forbid")

    name: str
    file: str
    old: str
    new: str
    also_old: str = ""
    also_new: str = ""
    """A second place in the same file."""
    caught_by: str
    """An invariant of the simulation, or a test as file::function."""
    faults: list[str] = []
    hours: float = 1.2

    @property
    def is_simulated(self) -> bool:
        """Whether an invariant of the simulation catches it."""
        return "::" not in self.caught_by

    def applied(self, text: str) -> str:
        """Return the source with the fault in it.

        Raises:
            ValueError: the place is not there, or not only there.
        """
        for old, new in ((self.old, self.new), (self.also_old, self.also_new)):
            if old and text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {self.file}")
            text = text.replace(old, new) if old else text
        return text


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a mutant."""

    mutant: Mutant
    is_caught: bool
    """By whom it was to be caught by."""
    evidence: str
    """The first thing that was seen, or why it was not caught."""


def load_mutants() -> list[Mutant]:
    """Return all mutants, in the order of the file."""
    return [Mutant.model_validate(each) for each in tomllib.loads(SOURCE.read_text(encoding="utf-8"))["mutant"]]


def try_mutant(mutant: Mutant) -> Trial:
    """Put the fault into a copy of the tree, and look who notices."""
    with tempfile.TemporaryDirectory(prefix="kvarter-mutant-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        path = tree / mutant.file
        try:
            path.write_text(mutant.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
            return (_simulated if mutant.is_simulated else _tested)(mutant, tree)
        except (ValueError, subprocess.TimeoutExpired) as exc:
            return Trial(mutant, is_caught=False, evidence=str(exc))


def copy_tree(target: Path) -> None:
    """Copy what the simulation and the tests need."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in _PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target / name)


def simulated(mutant: Mutant, tree: Path) -> dict[str, str]:
    """Return the invariants that are broken in a tree under the faults of a mutant, each with what was seen.

    Raises:
        ValueError: the simulation itself failed.
    """
    order = json.dumps({"faults": mutant.faults, "hours": mutant.hours})
    done = _run([sys.executable, "-m", "tests.mutants.witness", order], tree)
    if done.returncode != 0:
        raise ValueError(f"{mutant.name}: {done.stderr[-2000:]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _simulated(mutant: Mutant, tree: Path) -> Trial:
    broken = simulated(mutant, tree)
    if mutant.caught_by in broken:
        return Trial(mutant, is_caught=True, evidence=broken[mutant.caught_by])
    return Trial(mutant, is_caught=False, evidence=f"broken instead: {', '.join(broken) or 'nothing'}")


def _tested(mutant: Mutant, tree: Path) -> Trial:
    done = _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", mutant.caught_by], tree)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    is_caught = (
        done.returncode == 1 and bool(failed) and "Timeout" not in done.stdout and "ImportError" not in done.stdout
    )
    return Trial(mutant, is_caught=is_caught, evidence=failed[0] if failed else done.stdout[-300:])


def _run(command: list[str], tree: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False
    )
