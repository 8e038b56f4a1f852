"""Reading from the embedded store beside writing to it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query, Row
from gateway.core.quantity import Quantity, Vocabulary, load_vocabulary
from gateway.stores.embedded import EmbeddedStore, open_embedded
from gateway.stores.schema import DATABASE_NAME
from tests.stores.lines import START_MS, line

QUERY = Query("site-1", "meter", ("elec_power_active",), START_MS, START_MS + 900_000)
NEVER_S = 1e9


class HeldVocabulary(Vocabulary):
    """Holds a reader in the middle of its question until it is let go."""

    __slots__ = ("free", "held")

    def __init__(self, words: Vocabulary) -> None:
        super().__init__(words.values(), version=words.version)
        self.free, self.held = threading.Event(), threading.Event()
        self.free.set()

    def __getitem__(self, name: str) -> Quantity:
        if threading.current_thread().name.startswith("store[reading]"):
            self.held.set()
            assert self.free.wait(30)
        return super().__getitem__(name)


@pytest.fixture
def vocabulary() -> HeldVocabulary:
    return HeldVocabulary(load_vocabulary())


@pytest.fixture
async def store(tmp_path: Path, vocabulary: HeldVocabulary) -> AsyncIterator[EmbeddedStore]:
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=vocabulary) as opened:
        yield opened


def reading(number: int, **more: float) -> bytes:
    return line(START_MS + number * 1000, {"elec_power_active": float(number), **more, "status": 0})


async def test_a_write_ends_while_a_question_is_open(store: EmbeddedStore, vocabulary: HeldVocabulary) -> None:
    """However long an answer takes, lines are stored meanwhile; the answer knows nothing of them, the next one does."""
    assert await store.write([reading(0)]) == []
    vocabulary.free.clear()
    vocabulary.held.clear()
    asking = asyncio.ensure_future(store.read(QUERY))
    await asyncio.to_thread(vocabulary.held.wait, 30)
    try:
        assert await store.write([reading(1, elec_frequency=50.0)]) == []
        assert not asking.done()
    finally:
        vocabulary.free.set()
    assert await asking == [Row(START_MS, (0.0,))]
    assert len(await store.read(QUERY)) == 2


async def test_a_reader_sees_columns_and_devices_that_came_later(store: EmbeddedStore) -> None:
    """What a table gains while a reader is open is in its next answer."""
    later = Query("site-1", "meter", ("elec_frequency",), START_MS, START_MS + 900_000)
    assert await store.read(QUERY) == []
    await store.write([reading(0)])
    assert await store.read(later) == []
    await store.write([reading(1, elec_frequency=50.5)])
    assert await store.read(later) == [Row(START_MS + 1000, (50.5,))]


async def test_a_reader_follows_to_the_file_that_took_the_place_of_a_damaged_one(
    tmp_path: Path, vocabulary: HeldVocabulary
) -> None:
    """After the damage no answer comes from the old file."""
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=vocabulary) as first:
        await first.write([reading(0)])
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=vocabulary) as store:
        assert len(await store.read(QUERY)) == 1
        path = tmp_path / DATABASE_NAME
        path.write_bytes(b"nothing that SQLite knows" * 1000)
        await store.write([reading(1)])
        assert await store.read(QUERY) == [Row(START_MS + 1000, (1.0,))]


async def test_a_file_that_cannot_be_read_is_said_and_read_when_it_can_be(
    tmp_path: Path, vocabulary: HeldVocabulary
) -> None:
    """A folder in place of the file is an error of every question, until it is gone."""
    (tmp_path / DATABASE_NAME).mkdir()
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=vocabulary) as store:
        with pytest.raises(SinkUnavailable):
            await store.read(QUERY)
        (tmp_path / DATABASE_NAME).rmdir()
        assert await store.read(QUERY) == []
