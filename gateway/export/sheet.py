"""A document before it is HTML or PDF: headings, facts, tables, notes. Both renderings show the same facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a part."""

    text: str
    remark: str = ""
    """Beside it, smaller."""
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and what they stand for."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    cells: tuple[str, ...]
    tone: Tone = ""
    """Of its last cell; a bad row is marked as a whole."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under names."""

    title: str
    columns: tuple[str, ...]
    """A name that ends with ` #` stands over numbers."""
    widths: tuple[float, ...]
    """Share of the page that each column takes."""
    rows: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What stands over the columns."""
        return tuple(column.removesuffix(" #") for column in self.columns)

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Whether each column is aligned to the right."""
        return tuple(column.endswith(" #") for column in self.columns)


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences, each with a mark."""

    title: str
    sentences: tuple[tuple[str, Tone], ...]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Lines to sign on."""

    names: tuple[str, ...]


Block = Heading | Pairs | Table | Notes | Signatures


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole document."""

    language: str
    kind: str
    """What it is, over the title."""
    title: str
    verdict: str
    tone: Tone
    blocks: Sequence[Block]
    foot: str
    """On every page."""
