"""Which branches of a decoder's files the fuzzer reaches, and which of them no bytes from outside can reach.

Every branch of every function in the files counts, entered or not, but for those that `unreachable.toml` names, each
with its reason. An entry of that list is held to its word: when an input reaches what it names, the entry is wrong.
"""

import ast
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import coverage

from tests.fuzz.codec import Codec
from tests.fuzz.corpus import kept
from tests.fuzz.mutator import Mutator

_LIST = Path(__file__).parent / "unreachable.toml"
_ROOT = Path(__file__).parents[2]
_SEED = 2026
Arcs = Mapping[int, Sequence[int]]
"""Line → the lines that follow it."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A function, or one line in it, that a reviewer found out of reach."""

    file: str
    function: str
    reason: str
    line: str = ""
    """The text of the line; the whole function where it is left out."""
    codecs: tuple[str, ...] = ()
    """For which codecs; for all whose files hold the function where it is left out."""

    def __str__(self) -> str:
        return f"{self.file}: {self.function}" + (f": {self.line}" if self.line else "")


@dataclass(frozen=True, slots=True)
class Reach:
    """What was reached of one codec."""

    branches: int
    """That count."""
    reached: int
    excused: int
    """Branches that do not count."""
    missing: tuple[str, ...]
    """Each line with a branch that was not reached: file, number, text."""
    false: tuple[str, ...]
    """Entries of the list that an input contradicts, or that name nothing."""

    @property
    def share(self) -> float:
        """Percent of the branches that count."""
        return 100 * self.reached / self.branches if self.branches else 100.0


@cache
def unreachable() -> Sequence[Unreachable]:
    """Return the reviewed list."""
    entries = tomllib.loads(_LIST.read_text(encoding="utf-8"))["branch"]
    return [Unreachable(**{**entry, "codecs": tuple(entry.get("codecs", ()))}) for entry in entries]


def reach(codec: Codec, inputs: int) -> Reach:
    """Return what the kept inputs, the hostile ones and so many seeded ones reach of a codec's files."""
    entries = [*(file.read_bytes() for file in kept(codec.name)), *Mutator(codec, _SEED).inputs(inputs)]
    arriving = [*(codec.arriving(entry) for entry in entries), *codec.hostile]
    for seed in codec.seeds():
        codec.decode(seed)  # profiles are read and compiled here, not while it is measured
    _forget(codec.modules)
    measured = coverage.Coverage(data_file=None, branch=True, include=list(codec.modules), config_file=False)
    measured.start()
    try:
        for each in arriving:
            codec.run(each)
    finally:
        measured.stop()
    return _summed([_of_file(measured, codec, file) for file in codec.modules])


def _forget(files: Sequence[str]) -> None:
    """Empty the caches of these modules, so that what was decoded before hides nothing."""
    for file in files:
        module = import_module(file.removesuffix(".py").replace("/", "."))
        for each in vars(module).values():
            if callable(clear := getattr(each, "cache_clear", None)):
                clear()


def _summed(parts: Sequence[Reach]) -> Reach:
    return Reach(
        sum(each.branches for each in parts),
        sum(each.reached for each in parts),
        sum(each.excused for each in parts),
        tuple(text for each in parts for text in each.missing),
        tuple(text for each in parts for text in each.false),
    )


def _of_file(measured: coverage.Coverage, codec: Codec, file: str) -> Reach:
    analysis = measured._analyze(str(_ROOT / file))  # noqa: SLF001 - the public reports do not know functions
    source = (_ROOT / file).read_text(encoding="utf-8")
    functions, text = _functions(ast.parse(source)), source.splitlines()
    inside = {line for each in functions.values() for line in each.lines}
    taken, lost = (
        {line: ends for line, ends in arcs.items() if line in inside}
        for arcs in (analysis.executed_branch_arcs(), analysis.missing_branch_arcs())
    )
    excused: set[int] = set()
    false: list[str] = []
    for entry in unreachable():
        if entry.file != file or (entry.codecs and codec.name not in entry.codecs):
            continue
        function = functions.get(entry.function, _Function(frozenset(), 0))
        named = {line for line in function.lines if not entry.line or text[line - 1].strip() == entry.line}
        reached = not named & set(lost) if entry.line else function.first in analysis.executed
        if reached or not named:
            false.append(f"{codec.name}: {entry}: " + ("is reached" if named else "is not there"))
        else:
            excused |= named & set(lost)
    return Reach(
        branches=_count(taken) + _count({line: ends for line, ends in lost.items() if line not in excused}),
        reached=_count(taken),
        excused=_count({line: ends for line, ends in lost.items() if line in excused}),
        missing=tuple(f"{file}:{line}: {text[line - 1].strip()}" for line in sorted(set(lost) - excused)),
        false=tuple(false),
    )


def _count(arcs: Arcs) -> int:
    return sum(len(ends) for ends in arcs.values())


@dataclass(frozen=True, slots=True)
class _Function:
    lines: frozenset[int]
    """Of its body, without those of functions in it."""
    first: int
    """Its first statement."""


def _functions(tree: ast.AST, within: str = "") -> dict[str, _Function]:
    """Return every function by its name, those of classes and functions behind their owner's name and a dot."""
    found: dict[str, _Function] = {}
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= _functions(node, within)
            continue
        inner = _functions(node, f"{within}{node.name}.")
        if not isinstance(node, ast.ClassDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = frozenset(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
            lines = lines.difference(*(each.lines for each in inner.values()))
            found[f"{within}{node.name}"] = _Function(lines, body[0].lineno if body else 0)
        found |= inner
    return found
