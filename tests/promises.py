"""The promises as a page: `python -m tests.promises` writes docs/promises.md from tests/promises.toml."""

import ast
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "promises.md"
SOURCE = ROOT / "tests" / "promises.toml"

_HEAD = """\
# Promises

Each sentence of what Kvarter promises, the tests that show it today, and what is still open. Written by
`python -m tests.promises` from `tests/promises.toml`; a sentence without a test, or a test that does not exist, fails
the build. Measured figures stand in [benchmarks.md](benchmarks.md).

Outside of every promise: storage that ignores flush commands, and cards that fail.
"""


class Sentence(BaseModel):
    """One sentence of a promise."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str
    tests: list[str]
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
    parts = [_HEAD]
    for promise in dict.fromkeys(sentence.promise for sentence in sentences):
        parts.append(f"## {promise}\n")
        parts += [_entry(sentence) for sentence in sentences if sentence.promise == promise]
    return "\n".join(parts)


def exists(node: str) -> bool:
    """Return whether a test of that file and name exists."""
    file, _, name = node.partition("::")
    path = ROOT / file
    if not path.is_file():
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
