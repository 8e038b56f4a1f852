"""What long runs gave, codec by codec: kept in the tree, written by the runs themselves."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results.toml"
_HEAD = "# Written by `make soak-fuzz`: the longest whole run of each codec. docs/fuzz.md shows it.\n"


@dataclass(frozen=True, slots=True)
class Run:
    """One long run of one codec."""

    inputs: int
    broke: int
    """Inputs that raised, hung or took too much memory."""
    found: int
    """Inputs that reached something that none before them had reached."""
    seconds: int
    date: str
    """ISO 8601."""


def runs(path: Path = RESULTS) -> Mapping[str, Run]:
    """Return codec → its longest run."""
    if not path.exists():
        return {}
    return {name: Run(**fields) for name, fields in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def record(name: str, run: Run, path: Path = RESULTS) -> None:
    """Keep a run, unless a longer one that broke nothing is known and this one broke nothing either."""
    known = dict(runs(path))
    before = known.get(name)
    if before is not None and before.inputs > run.inputs and not run.broke:
        return
    known[name] = run
    text = [_HEAD]
    for codec, each in sorted(known.items()):
        text.append(f"\n[{codec}]\n")
        text += [f"{key} = {_literal(value)}\n" for key, value in asdict(each).items()]
    draft = path.with_suffix(".draft")
    draft.write_text("".join(text), encoding="utf-8")
    draft.replace(path)


def rows_of_runs(path: Path = RESULTS) -> Iterator[str]:
    """Yield one row of a table for each codec."""
    for name, run in sorted(runs(path).items()):
        minutes = run.seconds / 60
        yield f"| {name} | {run.inputs:,} | {run.broke} | {run.found} | {minutes:.1f} | {run.date} |\n"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
