"""The embedded store: one SQLite file, written in one thread and read in another."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Outline, Query, Refusal, Row
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Event
from gateway.stores.database import DamagedDatabase, Database, last_written_ms, open_database, set_aside
from gateway.stores.facts import Facts
from gateway.stores.gaps import read_gaps
from gateway.stores.marks import Marks
from gateway.stores.reading import Readers, ReadingSide
from gateway.stores.retention import Retention
from gateway.stores.schema import DATABASE_NAME, EVERY_SITE
from gateway.stores.settle import Settler
from gateway.stores.tables import Tables
from gateway.stores.writer import Writer, store_event
from gateway.wire.catalogue import Catalogue

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Parts:
    """An open file and everything that works on it; void after an error."""

    database: Database
    writer: Writer
    settler: Settler
    retention: Retention
    facts: Facts

    @classmethod
    def over(cls, database: Database, *, vocabulary: Vocabulary, raw_retention_s: float) -> Self:
        tables, marks, facts = Tables(database), Marks(database), Facts(database)
        return cls(
            database,
            Writer(database, tables=tables, marks=marks),
            Settler(database, tables=tables, marks=marks, facts=facts, vocabulary=vocabulary),
            Retention(database, tables=tables, marks=marks, retention_s=raw_retention_s),
            facts,
        )


class EmbeddedStore:
    """Store and history in one file of a folder. `write` returns when the lines survive a power cut.

    The file is opened when first used, and again after every error. A damaged or foreign file is set aside, and a gap
    for every site is recorded in the new one. Intervals are made and old readouts removed between calls, step by step.
    """

    def __init__(self, folder: Path, *, raw_retention_s: float, vocabulary: Vocabulary) -> None:
        self._path = folder / DATABASE_NAME
        self._raw_retention_s = raw_retention_s
        self._vocabulary = vocabulary
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store[embedded]")
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store[reading]")
        self._reading = ReadingSide(self._path, vocabulary=vocabulary)
        self._generation = 0
        """Another one whenever the file was opened, since another one may stand there."""
        self._parts: _Parts | None = None
        self._tidying: Future[None] | None = None
        self._complaint = repr(None)
        self._closing = False

    async def write(self, lines: Sequence[bytes]) -> Sequence[Refusal]:
        """Store the lines durably and return those that no table can hold.

        Raises:
            SinkUnavailable: nothing was stored; the disk is full, gone or read-only.
        """
        refusals = await self._run(lambda: self._in_sound_file(lambda parts: parts.writer.write(lines)))
        self._tidy_later()
        return refusals

    async def read(self, query: Query) -> Sequence[Row]:
        """Return the rows of a query.

        Raises:
            SinkUnavailable: the file cannot be read.
        """
        return await self._ask(lambda readers: readers.history.read(query))

    async def outline(self, query: Query) -> Outline:
        """Return the buckets of a query, from quarter-hours where they are long enough.

        Raises:
            SinkUnavailable: the file cannot be read.
        """
        return await self._ask(lambda readers: readers.outlines.outline(query))

    async def quarters(self, query: Query) -> Sequence[Row]:
        """Return what counters counted in each quarter-hour that is over.

        Raises:
            SinkUnavailable: the file cannot be read.
        """
        return await self._ask(lambda readers: readers.outlines.quarters(query))

    async def gaps(self, site: str, device: str, between: tuple[int, int]) -> Sequence[Event]:
        """Return the gaps that reach into a stretch of time.

        Raises:
            SinkUnavailable: the file cannot be read.
        """
        return await self._run(lambda: self._look(lambda parts: read_gaps(parts.database, site, device, between)))

    async def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Note how often points are read and where counters wrap, for lines from that time on.

        Raises:
            SinkUnavailable: the disk is full, gone or read-only.
        """
        await self._run(lambda: self._in_sound_file(lambda parts: parts.facts.keep(catalogue, since_ms=since_ms)))

    async def settle(self) -> None:
        """Return when every interval that is over is made, and every readout that is too old is gone.

        Raises:
            SinkUnavailable: the disk is full, gone or read-only.
        """
        while await self._run(lambda: self._in_sound_file(_step)):
            pass

    async def close(self) -> None:
        """Close the file; what was written stays."""
        self._closing = True
        self._reading.interrupt()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._asking, self._reading.close)
        await self._run(self._close)
        self._asking.shutdown(wait=False)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _ask(self, question: Callable[[Readers], T]) -> T:
        """Return the answer to a question, from a file that was opened for writing before."""
        if self._parts is None:
            await self._run(lambda: self._look(lambda _: None))
        ask = partial(self._reading.ask, question, generation=self._generation)
        return await asyncio.get_running_loop().run_in_executor(self._asking, ask)

    def _in_sound_file(self, work: Callable[[_Parts], T]) -> T:
        """Do the work in the open file; where the file turns out damaged, once more in a new one."""
        try:
            return self._in_file(work)
        except DamagedDatabase as exc:
            self._replace(exc)
        try:
            return self._in_file(work)
        except DamagedDatabase as exc:
            raise SinkUnavailable(f"{exc}: a new file was damaged at once: check its disk") from exc

    def _look(self, question: Callable[[_Parts], T]) -> T:
        """Return the answer; a damaged page that only a query needs is no reason to give up the file."""
        try:
            return self._in_file(question)
        except DamagedDatabase as exc:
            raise SinkUnavailable(str(exc)) from exc

    def _in_file(self, work: Callable[[_Parts], T]) -> T:
        if self._parts is None:
            database = open_database(self._path)
            self._generation += 1
            self._parts = _Parts.over(database, vocabulary=self._vocabulary, raw_retention_s=self._raw_retention_s)
        with ExitStack() as on_error:
            on_error.callback(self._close)
            result = work(self._parts)
            on_error.pop_all()
        return result

    def _replace(self, damage: DamagedDatabase) -> None:
        """Begin a new file, which says that everything in the old one may be missing."""
        written_ms = last_written_ms(self._path)
        aside = set_aside(self._path)
        log.error("%s: set aside as %s, and a new store begun", damage, aside.name)
        event = Event("gap", "damaged", 0, written_ms, 0, text=f"{damage}; set aside as {aside.name}", author="kvarter")

        def note(parts: _Parts) -> None:
            with parts.database.transaction():
                store_event(parts.database, event, site=EVERY_SITE, time_ms=written_ms)

        self._in_file(note)

    def _close(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.database.close()

    def _tidy_later(self) -> None:
        """Have the file tidied after the calls that wait already, unless that is arranged."""
        if self._tidying is None or self._tidying.done():
            self._tidying = self._thread.submit(self._tidy)
            self._tidying.add_done_callback(self._report)

    def _tidy(self) -> None:
        if self._closing or not self._in_sound_file(_step):
            return
        follower = self._thread.submit(self._tidy)
        follower.add_done_callback(self._report)
        self._tidying = follower

    def _report(self, tidied: "Future[None]") -> None:
        """Say, when it changes, why tidying stopped; it goes on after the next write."""
        failure = None if tidied.cancelled() else tidied.exception()
        if repr(failure) == self._complaint:
            return
        self._complaint = repr(failure)
        if isinstance(failure, SinkUnavailable):
            log.warning("%s: intervals wait: %s", self._path, failure)
        elif failure is not None:
            log.error("%s: intervals cannot be made", self._path, exc_info=failure)


def _step(parts: _Parts) -> bool:
    return parts.settler.step() or parts.retention.step()


@asynccontextmanager
async def open_embedded(
    folder: Path, *, raw_retention_s: float, vocabulary: Vocabulary
) -> AsyncIterator[EmbeddedStore]:
    """Yield the store of a folder; it is closed with the block."""
    store = EmbeddedStore(folder, raw_retention_s=raw_retention_s, vocabulary=vocabulary)
    try:
        yield store
    finally:
        await store.close()
