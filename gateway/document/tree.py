"""YAML text → plain tree, and where in the text each part of it stands.

Scalars are read by the YAML 1.2 core rules, so that `no`, `on` and `12:30` stay text. Anchors, tags, merge keys and
repeated keys are refused: each line means what it shows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.core.errors import ConfigError

MAX_TEXT_BYTES = 1_048_576
MAX_DEPTH = 24

Key = str | int
Tree = dict[Key, "Tree"] | list["Tree"] | str | int | float | bool | None
Place = tuple[Key, ...]
"""Keys and indices from the root."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")
_WORDS: dict[str, Tree] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Span:
    """Where a key and its value stand: lines count from 1, offsets from 0."""

    line: int
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
        content = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    try:
        return parse_document(content.decode(), name=str(path))
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start})") from exc


def parse_document(text: str, *, name: str) -> Document:
    """Return the tree of a YAML text; `name` stands in error messages.

    Raises:
        ConfigError: the text is not the YAML we take.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise ConfigError(f"{name}: longer than {MAX_TEXT_BYTES} characters")
    try:
        _refuse_aliases(text, name)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{name}:{line}: not valid YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"{name}: not valid YAML: {exc}") from exc
    builder = _Builder(name)
    tree = builder.build(root, ()) if root is not None else None
    return Document(name, text, tree, builder.spans)


def _refuse_aliases(text: str, name: str) -> None:
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(f"{name}:{line}: anchors and aliases are not used here; write the value out")
        if tag := getattr(event, "tag", None):
            raise ConfigError(f"{name}:{line}: tags such as {tag} are not used here")


class _Builder:
    """Walks the node graph once and remembers where everything stands."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.spans: dict[Place, Span] = {}

    def build(self, node: yaml.Node, place: Place, *, line: int | None = None) -> Tree:
        if len(place) > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH} levels")
        self.spans[place] = Span(
            line=(node.start_mark.line if line is None else line) + 1,
            start=node.start_mark.index,
            end=node.end_mark.index,
            flow=bool(getattr(node, "flow_style", False)),
        )
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, place))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        return _scalar(node)  # compose gives mappings, sequences and scalars only

    def _items(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[Key, Tree]]:
        seen: set[Key] = set()
        for key_node, value_node in node.value:
            key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                raise self._error(key_node, "a key is a word or a whole number")
            if key in seen:
                raise self._error(key_node, f"{key} stands twice in the same mapping")
            seen.add(key)
            yield key, self.build(value_node, (*place, key), line=key_node.start_mark.line)

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {problem}")


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in _WORDS:
        word = _WORDS[text]
        return word if isinstance(word, bool) else None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    return float(text) if _FLOAT.fullmatch(text) else text
