"""A progress bar on standard error while something takes long; nothing at all where no terminal is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE_S = 0.5
_WIDE = 60
_LONG_BAR, _SHORT_BAR = 30, 10


class Bar:
    """One bar.

    Args:
        progress: That draws it.
        total: Steps; None where nobody knows how many.
    """

    def __init__(self, progress: "Progress", text: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def step(self, text: str | None = None) -> None:
        """Note that one more step is done, and what comes next."""
        self._progress.update(self._task, advance=1, description=text)

    def show(self, done: float, total: float | None = None) -> None:
        """Note how many steps are done, and of how many where that has changed."""
        self._progress.update(self._task, completed=done, total=total)

    def say(self, text: str) -> None:
        """Show a line above the bar."""
        self._progress.console.print(text, markup=False, soft_wrap=not self._progress.console.is_terminal)


@contextmanager
def bar(text: str, total: float | None = None, *, counted: bool = False) -> Iterator[Bar]:
    """Show a bar for the block once that takes long; it is gone afterwards.

    Args:
        text: What is being done.
        total: Steps; None where nobody knows how many.
        counted: Say how many steps are done even so.
    """
    progress = drawing(counts=counted or total is not None)
    begin = Timer(_PATIENCE_S, progress.start)
    begin.start()
    try:
        yield Bar(progress, text, total)
    finally:
        begin.cancel()
        begin.join()
        progress.stop()


def drawing(*, counts: bool = True) -> "Progress":
    """Return what draws bars, to be entered; it draws nothing where standard error is no terminal.

    Args:
        counts: Say of how many steps how many are done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    length = _LONG_BAR if console.width >= _WIDE else _SHORT_BAR
    count = (MofNCompleteColumn(),) if counts else ()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=length), *count, TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
