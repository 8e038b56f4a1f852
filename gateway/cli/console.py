"""What reaches the terminal: the log, errors and tables."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Literal

WIDTH_OF_FILES = 200
"""Characters, where the output is not a terminal."""
_JOURNAL_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _JournalFormatter(logging.Formatter):
    """Puts the level where the journal reads it; the journal adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_JOURNAL_LEVELS.get(record.levelno, 6)}>{super().format(record)}"


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


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print a table; columns whose name ends with ` #` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["right", "left"] = "right" if column.endswith(" #") else "left"
        table.add_column(column.removesuffix(" #"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    Console(highlight=False, width=width).print(table)
