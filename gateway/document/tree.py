"""YAML text → plain tree, and where in the text each part of it stands.

Scalars are read by the YAML 1.2 core rules, so that `no`, `on` and `12:30` stay text; so do numbers with leading zeros,
which are serial numbers. Anchors, tags, bare pairs in brackets and repeated keys are refused: each line means what it
shows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isinf
from pathlib import Path

import yaml

from gateway.core.errors import ConfigError

MAX_TEXT_BYTES = 1_048_576
MAX_DEPTH = 24
MAX_DIGITS = 40
MAX_PARTS = 100_000
"""Keys, values, lists and mappings in one file."""

Key = str | int
Tree = dict[Key, "Tree"] | list["Tree"] | str | int | float | bool | None
Place = tuple[Key, ...]
"""Keys and indices from the root."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d*)", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_COLON = re.compile(r"\s*:")
_STEPS: Mapping[type[yaml.Event], int] = {
    yaml.SequenceStartEvent: 1,
    yaml.MappingStartEvent: 1,
    yaml.SequenceEndEvent: -1,
    yaml.MappingEndEvent: -1,
}
"""What each event does to the depth."""
_MARKED = frozenset((yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent, yaml.AliasEvent))
"""Events that may have an anchor or a tag."""
_WORDS: Mapping[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Span:
    """Where a key and its value stand: lines count from 1, offsets from 0."""

    line: int
    head: int
    """Offset behind the key's colon; `start` where there is no key."""
    start: int
    """Offset of the value's first character."""
    end: int
    """Offset behind the value's last character."""
    flow: bool
    """The value is written in braces or brackets."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file."""

    name: str
    text: str
    tree: Tree
    spans: dict[Place, Span]

    def line(self, place: Place) -> int:
        """Return the line of the nearest part of the tree that exists in the text."""
        while place and place not in self.spans:
            place = place[:-1]
        return self.spans[place].line if place in self.spans else 1


def load_document(path: Path) -> Document:
    """Return the parsed file.

    Raises:
        ConfigError: it cannot be read, or is not the YAML we take.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"{str(path)!r}: not the name of a file") from exc
    try:
        return parse_document(content.decode("utf-8-sig"), name=str(path))
    except UnicodeDecodeError as exc:
        if len(content) > MAX_TEXT_BYTES:
            raise _too_long(str(path)) from exc
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from exc


def parse_document(text: str, *, name: str) -> Document:
    """Return the tree of a YAML text; `name` stands in error messages.

    Raises:
        ConfigError: the text is not the YAML we take.
    """
    if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise _too_long(name)
    try:
        _refuse_what_misleads(text, name)
        root = yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, at = (mark.line + 1, mark.index) if mark else (1, 0)
        hint = "; indent with spaces, not with tabs" if text[at : at + 1] == "\t" else ""
        raise ConfigError(f"{name}:{line}: not valid YAML: {exc.problem or exc.context}{hint}") from exc
    except yaml.reader.ReaderError as exc:
        line = text.encode(errors="replace").count(b"\n", 0, exc.position) + 1
        raise ConfigError(f"{name}:{line}: not text: {exc.reason}") from exc
    except (yaml.YAMLError, UnicodeError) as exc:
        raise ConfigError(f"{name}: not valid YAML: {exc}") from exc
    builder = _Builder(name, text)
    tree = builder.build(root, ()) if root is not None else None
    return Document(name, text, tree, builder.spans)


def _too_long(name: str) -> ConfigError:
    return ConfigError(f"{name}: longer than {MAX_TEXT_BYTES} bytes")


def _refuse_what_misleads(text: str, name: str) -> None:
    """Refuse aliases and tags, and nesting that would exhaust the stack of whoever walks the tree."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.CBaseLoader)):
        kind = type(event)
        depth += _STEPS.get(kind, 0)
        if number > MAX_PARTS:
            raise _misleading(name, event, f"more than {MAX_PARTS} keys and values in one file")
        if depth > MAX_DEPTH:
            raise _misleading(name, event, f"nested deeper than {MAX_DEPTH} levels")
        if kind not in _MARKED:
            continue
        if getattr(event, "anchor", None):
            raise _misleading(name, event, "anchors and aliases are not used here; write the value out")
        if tag := getattr(event, "tag", None):
            raise _misleading(name, event, f"tags such as {tag} are not used here")


def _misleading(name: str, event: yaml.Event, problem: str) -> ConfigError:
    where = f"{name}:{event.start_mark.line + 1}" if event.start_mark else name
    return ConfigError(f"{where}: {problem}")


class _Builder:
    """Walks the node graph once and remembers where everything stands."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self.spans: dict[Place, Span] = {}

    def build(self, node: yaml.Node, place: Place, *, key: yaml.Node | None = None) -> Tree:
        """Return the tree of a node that stands behind a key, in a list or alone."""
        tree: Tree
        if isinstance(node, yaml.MappingNode):
            tree = dict(self._entries(node, place))
        elif isinstance(node, yaml.SequenceNode):
            tree = [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        else:
            tree = self._scalar(node)  # compose gives mappings, sequences and scalars only
        line = (key or node).start_mark.line + 1
        start, end = node.start_mark.index, node.end_mark.index
        flow = bool(getattr(node, "flow_style", False))
        head = start if key is None else self._behind_colon(key)
        if start == end:
            start = end = head
        elif isinstance(tree, (dict, list)) and not flow:
            # the parser counts the comments before the next value to a block
            end = self.spans[(*place, list(tree)[-1] if isinstance(tree, dict) else len(tree) - 1)].end
        else:
            end = start + len(self._text[start:end].rstrip())
        self.spans[place] = Span(line, head, start, end, flow)
        return tree

    def _behind_colon(self, key: yaml.Node) -> int:
        colon = _COLON.match(self._text, key.end_mark.index)
        if colon is None:
            raise self._error(key, f"{key.value}: a key is followed by a colon; write text with a comma in quotes")
        return colon.end()

    def _entries(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[Key, Tree]]:
        if node.flow_style and self._text[node.start_mark.index] != "{":
            raise self._error(node, "a pair in brackets; write it in braces, or the list with one entry per line")
        seen: set[Key] = set()
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                raise self._error(key_node, "a key is a word or a whole number")
            if key in seen:
                raise self._error(key_node, f"{key} stands twice in the same mapping")
            seen.add(key)
            yield key, self.build(value_node, (*place, key), key=key_node)

    def _scalar(self, node: yaml.Node) -> str | int | float | bool | None:
        text = str(node.value)
        if getattr(node, "style", None):  # quoted, or a block of text
            return text
        if text in _WORDS:
            return _WORDS[text]
        hexadecimal = _HEXADECIMAL.fullmatch(text)
        if not hexadecimal and not _FLOAT.fullmatch(text):
            return text
        if len(text) > MAX_DIGITS:
            raise self._error(node, f"a number of more than {MAX_DIGITS} digits; write it in quotes if it is text")
        if hexadecimal:
            return int(text, 16)
        number = int(text) if _INTEGER.fullmatch(text) else float(text)
        if isinstance(number, float) and isinf(number):
            raise self._error(node, f"{text} is beyond the range of a number")
        return number

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {problem}")
