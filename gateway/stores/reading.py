"""The reading side of the embedded store: a connection of its own, so that no question holds up a write."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from gateway.core.errors import SinkUnavailable
from gateway.core.quantity import Vocabulary
from gateway.stores.database import DamagedDatabase, Database, open_to_read
from gateway.stores.history import HistoryReader
from gateway.stores.marks import Marks
from gateway.stores.outline import OutlineReader
from gateway.stores.tables import Tables

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readers:
    """Whoever answers questions; made anew for each, since tables grow meanwhile."""

    history: HistoryReader
    outlines: OutlineReader

    @classmethod
    def over(cls, database: Database, *, vocabulary: Vocabulary) -> Self:
        """Return them over an open file."""
        tables, marks = Tables(database), Marks(database)
        history = HistoryReader(database, tables=tables, marks=marks, vocabulary=vocabulary)
        outlines = OutlineReader(database, tables=tables, marks=marks, reader=history, vocabulary=vocabulary)
        return cls(history, outlines)


class ReadingSide:
    """Asks one file; used from one thread.

    Args:
        path: The file.
        vocabulary: What points are.
    """

    def __init__(self, path: Path, *, vocabulary: Vocabulary) -> None:
        self._path = path
        self._vocabulary = vocabulary
        self._database: Database | None = None
        self._generation = -1

    def ask(self, question: Callable[[Readers], T], *, generation: int) -> T:
        """Return the answer, all of it from one instant.

        Args:
            question: Is asked once.
            generation: Another number than before says that another file stands there.

        Raises:
            SinkUnavailable: the file cannot be read; a damaged page is no reason for the writer to give it up.
        """
        if generation != self._generation:
            self.close()
        with ExitStack() as on_error:
            on_error.callback(self.close)
            try:
                if self._database is None:
                    self._database, self._generation = open_to_read(self._path), generation
                with self._database.snapshot():
                    answer = question(Readers.over(self._database, vocabulary=self._vocabulary))
            except DamagedDatabase as exc:
                raise SinkUnavailable(str(exc)) from exc
            on_error.pop_all()
        return answer

    def interrupt(self) -> None:
        """End the question in hand, from any thread; whoever asked hears that the file cannot be read."""
        database = self._database
        if database is not None:
            database.interrupt()

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            database.close()
