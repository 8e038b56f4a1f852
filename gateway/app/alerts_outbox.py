"""Letters that wait to be sent, in a file that survives power cuts; damage costs letters, never a start."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from gateway.app.alerts_send import Letter

log = logging.getLogger(__name__)

_MOST = 200
"""Letters that wait; beyond them the oldest are given up."""
_MOST_BYTES = 8 * 1024 * 1024
"""Of the file; a longer one is not ours."""


@dataclass(slots=True)
class _Waiting:
    letter: Letter
    ways: list[str]
    """By which it still has to go."""


@dataclass(slots=True)
class Outbox:
    """What every way still has to carry, in the order in which it was written."""

    ways: Sequence[str]
    waiting: list[_Waiting] = field(default_factory=list)

    def put(self, letter: Letter) -> None:
        """Add a letter for every way."""
        self.waiting.append(_Waiting(letter, list(self.ways)))
        del self.waiting[:-_MOST]

    def first(self, way: str) -> Letter | None:
        """Return the oldest letter for a way, None where none waits."""
        return next((each.letter for each in self.waiting if way in each.ways), None)

    def sent(self, way: str, letter: Letter) -> None:
        """Take note that a way has carried a letter."""
        for each in self.waiting:
            if each.letter is letter:
                each.ways.remove(way)
        self.waiting = [each for each in self.waiting if each.ways]

    def as_json(self) -> list[dict[str, object]]:
        """Return what a restart must know."""
        return [
            {
                "id": each.letter.id,
                "subject": each.letter.subject,
                "text": each.letter.text,
                "tree": dict(each.letter.tree),
                "ways": list(each.ways),
            }
            for each in self.waiting
        ]

    @classmethod
    def resumed(cls, ways: Sequence[str], tree: object) -> Self:
        """Return an outbox that goes on where another stopped; a letter whose ways are all gone takes the new ones."""
        outbox = cls(ways)
        for each in tree[-_MOST:] if isinstance(tree, list) else ():
            letter = _letter(each)
            if letter is not None:
                left = [way for way in ways if isinstance(each["ways"], list) and way in each["ways"]]
                outbox.waiting.append(_Waiting(letter, left or list(ways)))
        return outbox


def load_tree(path: Path) -> Mapping[str, object]:
    """Return what a file holds; one that cannot be used is as good as none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"longer than {_MOST_BYTES} bytes")  # noqa: TRY301 - said like any other damage
        tree = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        log.warning("%s: not usable, begun anew: %s", path, exc)
        return {}
    return tree if isinstance(tree, dict) else {}


def keep_tree(path: Path, tree: Mapping[str, object]) -> None:
    """Replace the file in one step, so that it survives a power cut.

    Raises:
        OSError: the disk refuses.
    """
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(json.dumps(tree, indent=1, sort_keys=True).encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _letter(tree: object) -> Letter | None:
    """Return the letter that a file holds, None where it holds none."""
    if not isinstance(tree, dict) or "ways" not in tree or not isinstance(tree.get("tree"), dict):
        return None
    parts = [tree.get(name) for name in ("subject", "text", "id")]
    if not all(isinstance(part, str) for part in parts):
        return None
    subject, text, name = map(str, parts)
    return Letter(subject, text, tree["tree"], name if name.isalnum() else "")
