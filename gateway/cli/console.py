"""What reaches the terminal: the log, errors and tables."""

import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_OF_FILES = 200
"""Characters, where the output is not a terminal."""
_LEAST_LAST = 28
"""Characters that the last column of a table is not folded below."""
_JOURNAL_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _JournalFormatter(logging.Formatter):
    """Puts the level where the journal reads it; the journal adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_JOURNAL_LEVELS.get(record.levelno, 6)}>{super().format(record)}"


class _JsonFormatter(logging.Formatter):
    """Makes one JSON object of a record."""

    def format(self, record: logging.LogRecord) -> str:
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": instant.replace("+00:00", "Z"), "level": record.levelname.lower(), "source": record.name}
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return json.dumps({**said, "text": text}, ensure_ascii=False)


def log_as_json() -> None:
    """Let every line of the log be one JSON object."""
    for target in logging.getLogger().handlers:
        target.setFormatter(_JsonFormatter())


def set_up_log(level: int) -> None:
    """Send our log to standard error; libraries speak only when something is wrong."""
    target = logging.StreamHandler(sys.stderr)
    journal = "JOURNAL_STREAM" in os.environ
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    target.setFormatter(_JournalFormatter("%(message)s") if journal else plain)
    root = logging.getLogger()
    root.handlers[:] = [target]
    root.setLevel(logging.ERROR)
    for ours in ("gateway", "drivers"):
        logging.getLogger(ours).setLevel(level)


def complain(error: Exception) -> None:
    """Print an error, one line per fault."""
    for line in str(error).splitlines():
        sys.stderr.write(f"error: {line}\n")


def say(text: str) -> None:
    """Print a sentence; on a terminal it is broken between words."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False, subsequent_indent="  ")
    sys.stdout.write(f"{text}\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print a table; columns whose name ends with ` #` are aligned to the right.

    On a terminal that is too narrow for it, each row becomes a few lines of its own.
    """
    from rich.console import Console
    from rich.table import Table

    seen = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if seen else WIDTH_OF_FILES
    console = Console(highlight=False, markup=False, width=width)
    names = [column.removesuffix(" #") for column in columns]
    if seen and not _fits(names, rows, width):
        _print_apart(names, rows, console)
        return
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column, name in zip(columns, names, strict=True):
        justify: Literal["right", "left"] = "right" if column.endswith(" #") else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=seen and name is not names[-1])
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _fits(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether a table can be read: only its last column is folded, and not too much."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    last = min(widths[-1], _LEAST_LAST)
    return sum(widths[:-1]) + last + 2 * (len(widths) - 1) <= width


def _print_apart(names: Sequence[str], rows: Sequence[Sequence[str]], console: "Console") -> None:
    from rich.padding import Padding

    for row in rows:
        console.print(row[0], style="bold")
        for name, cell in zip(names[1:], row[1:], strict=True):
            if cell:
                console.print(Padding(f"{name}: {cell}" if name else cell, (0, 0, 0, 2), expand=False))
