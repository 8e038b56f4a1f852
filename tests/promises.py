"""The promises as a page: `make promises` writes docs/promises.md from tests/promises.toml."""

import ast
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "promises.md"
SOURCE = ROOT / "tests" / "promises.toml"

_HEAD = """\
# Promises

Each sentence of what Kvarter promises, the tests that show it today, and what has not been shown. `make promises`
writes this page from `tests/promises.toml`. A sentence with neither a test nor a word on what is open, and a test that
does not exist, fail the build. Measured figures stand in [benchmarks.md](benchmarks.md).

What the tests show in minutes, `make soak`, `make soak-kills`, `make soak-powercuts`, `make soak-bus` and
`make soak-fuzz` show for as long as wanted; `make mutants` plants faults in our own code and shows which test catches
each. Outside of every promise: storage that ignores flush commands, and cards that fail.
"""


class Sentence(BaseModel):
    """One sentence of a promise."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str
    tests: list[str] = []
    """As file::function."""
    open: str = ""
    """What has not been shown."""

    @property
    def promise(self) -> str:
        """The promise that the sentence belongs to."""
        return self.id.rpartition("-")[0]


def load_sentences() -> list[Sentence]:
    """Return all sentences, in the order of the file."""
    tree = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    return [Sentence.model_validate(entry) for entry in tree["sentence"]]


def render(sentences: list[Sentence]) -> str:
    """Return the page."""
    parts = [_HEAD, _overview(sentences)]
    for promise in dict.fromkeys(sentence.promise for sentence in sentences):
        parts.append(f"## {promise}\n")
        parts += [_entry(sentence) for sentence in sentences if sentence.promise == promise]
    return "\n".join(parts)


def _overview(sentences: list[Sentence]) -> str:
    promises = dict.fromkeys(sentence.promise for sentence in sentences)
    lines = ["| promise | sentences | tests | with something open |", "|---|---|---|---|"]
    for promise in promises:
        own = [sentence for sentence in sentences if sentence.promise == promise]
        tests = {test for sentence in own for test in sentence.tests}
        lines.append(
            f"| [{promise}](#{promise}) | {len(own)} | {len(tests)} | {sum(bool(each.open) for each in own)} |"
        )
    return "\n".join(lines) + "\n"


def exists(node: str) -> bool:
    """Return whether pytest would find a test of that file and name."""
    file, _, name = node.partition("::")
    path = ROOT / file
    if not path.is_file() or not path.name.startswith("test_") or not name.startswith("test_"):
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (each for each in ast.walk(tree) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return any(function.name == name for function in functions)


def _entry(sentence: Sentence) -> str:
    lines = [f"**{sentence.id}** {sentence.text}\n", *(f"- `{test}`" for test in sentence.tests)]
    if sentence.open:
        lines += ["", f"Open: {sentence.open}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(load_sentences()), encoding="utf-8")
