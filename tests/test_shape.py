"""What the style guide says and a machine can check: sizes, names, exceptions, tasks, docstrings, paths, pages."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
import typer.main

from drivers.catalog import BUNDLED, Catalog
from gateway.cli.main import app
from gateway.core.quantity import load_vocabulary

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
FILES = [ROOT / name for name in TRACKED.stdout.splitlines() if (ROOT / name).is_file()]
CODE = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES if path.suffix == ".py"}
PRODUCT = {path: tree for path, tree in CODE.items() if path.relative_to(ROOT).parts[0] in {"gateway", "drivers"}}
PAGES = [path for path in FILES if path.suffix == ".md"]

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
VAGUE = {"util", "helper", "common", "misc", "base", "manager", "handler", "service", "processor", "data", "info"}
ELSEWHERE = [*(f"/{name}/" for name in ("root", "work", "home", "tmp")), *("pypi" + end for end in (".org", "host"))]
NEVER_FAILS = {"Files.set_aside", "Stream.close", *(f"Spool.{name}" for name in (
    "append", "anchor", "next_batch", "sent", "release", "backlog", "wait",
))}  # fmt: skip
"""Seam methods that promise to succeed: a spool goes on in memory when its disk fails."""

Node = TypeVar("Node", bound=ast.AST)


def found(trees: Mapping[Path, ast.AST], *kinds: type[Node]) -> Iterator[tuple[str, Node]]:
    """Yield every node of some kinds with its place."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node


def functions(trees: Mapping[Path, ast.AST]) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    yield from found(trees, ast.FunctionDef)
    yield from found(trees, ast.AsyncFunctionDef)


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in lower case and singular."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def test_files_stay_short() -> None:
    """A file above the limit is two rooms."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_stay_short() -> None:
    """A function above the limit does more than one thing."""
    lengths = {f"{place} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for place, node in functions(CODE)}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_names_say_what_is_in_them() -> None:
    """No file and no class hides behind a word that fits anything."""
    names = [(str(path.relative_to(ROOT)), path.stem) for path in CODE]
    names += [(f"{place} {node.name}", node.name) for place, node in found(CODE, ast.ClassDef)]
    assert [place for place, name in names if words(name) & VAGUE] == []


def test_nothing_is_global() -> None:
    """No function rebinds a name of its module."""
    assert [place for place, _ in found(CODE, ast.Global)] == []


def test_exceptions_are_caught_by_name() -> None:
    """No bare except; everything is caught in one place only, beside clean-ups that raise again."""
    handlers = list(found(CODE, ast.ExceptHandler))
    assert [place for place, handler in handlers if handler.type is None] == []
    catch_alls = [
        place
        for place, handler in found(PRODUCT, ast.ExceptHandler)
        if re.search(r"\b(Base)?Exception\b", ast.unparse(handler.type or handler))
        and not (isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None)
    ]
    assert len(catch_alls) <= 1, catch_alls


def test_tasks_live_in_a_group_and_have_a_name() -> None:
    """Each task is started by a TaskGroup of the same file, under a name that logs can show."""
    wrong = []
    for path, tree in PRODUCT.items():
        groups = set(re.findall(r"TaskGroup\(\) as (\w+)|\b(\w+): asyncio\.TaskGroup", ast.unparse(tree)))
        known = {name for pair in groups for name in pair if name}
        for place, call in found({path: tree}, ast.Call):
            name = ast.unparse(call.func)
            if not re.search(r"\b(create_task|ensure_future)$", name):
                continue
            owner = name.removesuffix(".create_task").removeprefix("self._")
            if owner not in known or "name" not in {keyword.arg for keyword in call.keywords}:
                wrong.append(f"{place} {name}")
    assert wrong == []


def test_every_test_says_in_one_sentence_what_it_pins() -> None:
    """A test's docstring is one sentence."""
    tests = {path: tree for path, tree in CODE.items() if path.relative_to(ROOT).parts[0] == "tests"}
    wrong = []
    for place, node in functions(tests):
        text = ast.get_docstring(node) or ""
        if node.name.startswith("test_") and (not text.endswith(".") or re.search(r"[.!?]\s+[A-Z]|\n\n", text)):
            wrong.append(f"{place} {node.name}")
    assert wrong == []


def test_seams_say_what_they_raise() -> None:
    """Each method of a seam names its errors, unless it promises to have none."""
    tree = CODE[ROOT / "gateway" / "core" / "protocols.py"]
    silent = [
        f"{seam.name}.{node.name}"
        for _, seam in found({ROOT: tree}, ast.ClassDef)
        if "Protocol" in {ast.unparse(parent) for parent in seam.bases}
        for _, node in functions({ROOT: seam})
        if "Raises:" not in (ast.get_docstring(node) or "")
    ]
    assert set(silent) - NEVER_FAILS == set()


def test_no_text_names_a_machine_or_a_registry() -> None:
    """No file holds a path of the machine it was written on, or the host of a package index."""
    wrong = []
    for path in FILES:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in ELSEWHERE if re.search(rf"(?<![\w.]){word}", text)]
    assert wrong == []


def test_every_package_has_a_layer() -> None:
    """The layer rules name every package of the gateway."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = re.findall(r"gateway\.\w+", " ".join(rules[0]["layers"]))
    packages = {f"gateway.{path.parent.name}" for path in (ROOT / "gateway").glob("*/__init__.py")}
    assert set(layers) >= packages


def test_every_bundled_profile_has_source_and_tests() -> None:
    """A profile without its document and without expected values is a rumour."""
    profiles = [file for file in Catalog(load_vocabulary()) if file.path.is_relative_to(BUNDLED)]
    assert len(profiles) >= 10
    assert [file.id for file in profiles if not (file.profile.source and file.profile.tests)] == []


def code_of(page: Path) -> list[str]:
    """Lines of code in a page: fenced, indented or between back quotes."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE) + re.findall(
        r"^(?:    ).*", text, re.MULTILINE
    )
    return [line.strip() for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_commands_that_exist(page: Path) -> None:
    """Each `make` target and each `kvarter` command on a page can be typed as it stands there."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = getattr(typer.main.get_command(app), "commands")  # noqa: B009 - the type of a command has none
    wrong = []
    for line in code_of(page):
        if (target := re.match(r"make ([a-z]\S*)", line)) and target[1] not in targets:
            wrong.append(line)
        if command := re.match(r"(?:\S*/)?kvarter ([a-z]+)(?: ([a-z]+)\b)?", line):
            known = commands.get(command[1])
            inner = getattr(known, "commands", None)
            if known is None or (inner is not None and command[2] not in inner):
                wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_link_to_files_that_exist(page: Path) -> None:
    """Each link of a page to a file of this repository leads somewhere."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
