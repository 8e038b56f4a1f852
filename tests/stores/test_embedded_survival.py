"""The embedded store keeps what it confirmed, and starts on whatever stands in its folder."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import open_embedded
from gateway.stores.read_back import ReadBack, read_back
from tests.stores.lines import START_MS, line

NEVER_S = 1e9
FILE = "kvarter.sqlite"
WRITE_UNTIL_KILLED = """
import asyncio, sys
from itertools import count
from pathlib import Path
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import open_embedded
from tests.stores.lines import START_MS, line

async def main():
    async with open_embedded(Path(sys.argv[1]), raw_retention_s=1e9, vocabulary=load_vocabulary()) as store:
        for number in count():
            batch = [
                line(START_MS + number * 1000 + part, {"elec_energy_import": float(number), "status": 0})
                for part in range(10)
            ]
            assert await store.write(batch) == []
            print(number, flush=True)

asyncio.run(main())
"""


async def write(folder: Path, numbers: range) -> None:
    """Write one readout per number with a store of its own."""
    async with open_embedded(folder, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        fields = {"elec_energy_import": 1.5, "elec_power_active": 2.5, "status": 0}
        assert await store.write([line(START_MS + number * 1000, fields) for number in numbers]) == []


def damages(found: ReadBack) -> list[str]:
    """Return the texts of the recorded gaps of the store itself."""
    return [each.event.text for each in found.events("any-site") if each.event.cause == "damaged"]


@pytest.mark.parametrize("confirmations", [1, 7, 40])
def test_a_killed_store_keeps_all_that_it_confirmed(tmp_path: Path, confirmations: int) -> None:
    """After SIGKILL between any write and the next, each confirmed batch is there, and no batch is there in part."""
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        confirmed = [int(child.stdout.readline()) for _ in range(confirmations)][-1]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
    confirmed = max([confirmed, *map(int, rest)])
    with read_back(tmp_path) as found:
        batches = [(time_ms - START_MS) // 1000 for time_ms, _ in found.rows("site-1", "meter")]
    assert set(batches) >= set(range(confirmed + 1))
    assert all(batches.count(number) == 10 for number in set(batches))


@pytest.mark.parametrize("rubbish", [b"not a database, but long enough to be taken for one" * 100, b"\0" * 8192])
async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, rubbish: bytes) -> None:
    """The store begins a new file, keeps the old one under another name, and records that data may be missing."""
    (tmp_path / FILE).write_bytes(rubbish)
    await write(tmp_path, range(1))
    assert (tmp_path / f"{FILE}.damaged-1").read_bytes() == rubbish
    with read_back(tmp_path) as found:
        assert found.count("site-1", "meter") == 1
        (text,) = damages(found)
        assert f"set aside as {FILE}.damaged-1" in text


async def test_a_database_of_another_program_is_set_aside_untouched(tmp_path: Path) -> None:
    """A sound SQLite file that is not ours is not written to."""
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.execute("INSERT INTO recipes VALUES ('rye bread')")
    connection.commit()
    connection.close()
    await write(tmp_path, range(1))
    connection = sqlite3.connect(tmp_path / f"{FILE}.damaged-1")
    assert connection.execute("SELECT name FROM recipes").fetchall() == [("rye bread",)]
    connection.close()


async def test_a_store_of_a_newer_release_is_set_aside(tmp_path: Path) -> None:
    """A schema that this release does not know is kept for the release that does."""
    await write(tmp_path, range(5))
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    await write(tmp_path, range(5, 6))
    with read_back(tmp_path) as found:
        assert found.count("site-1", "meter") == 1
        assert "another release" in damages(found)[0]


async def test_a_folder_in_place_of_the_file_is_set_aside(tmp_path: Path) -> None:
    """Not even a folder with the name of the file keeps the store from starting."""
    (tmp_path / FILE).mkdir()
    await write(tmp_path, range(1))
    with read_back(tmp_path) as found:
        assert found.count("site-1", "meter") == 1


@pytest.mark.parametrize("seed", range(12))
async def test_a_store_starts_on_any_damage(tmp_path: Path, seed: int) -> None:
    """Whatever is overwritten, cut out or put in, new readouts are stored, and lost ones are recorded as a gap."""
    rng = random.Random(seed)  # noqa: S311 - damage, not secrets
    await write(tmp_path, range(3000))
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(content))
        content[place : place + rng.randint(1, 5000)] = rng.randbytes(rng.randint(0, 5000))
    path.write_bytes(content)
    await write(tmp_path, range(5000, 5010))
    await write(tmp_path, range(6000, 6010))
    with read_back(tmp_path) as found:
        kept = found.count("site-1", "meter")
        assert kept >= 20
        assert kept >= 3020 or damages(found)


async def test_damage_that_shows_only_in_a_write_costs_no_new_readout(tmp_path: Path) -> None:
    """Where the tables are damaged behind a sound first page, the write that meets it goes into a new file."""
    await write(tmp_path, range(3000))
    path = tmp_path / FILE
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    await write(tmp_path, range(5000, 5001))
    with read_back(tmp_path) as found:
        assert [time_ms for time_ms, _ in found.rows("site-1", "meter")] == [START_MS + 5000 * 1000]
        assert "malformed" in damages(found)[0]


async def test_a_query_that_meets_damage_does_not_give_up_the_file(tmp_path: Path) -> None:
    """Reading damaged pages is an outage of reading; the file stays for what can still be read and written."""
    await write(tmp_path, range(3000))
    path = tmp_path / FILE
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        with pytest.raises(SinkUnavailable, match="malformed"):
            await store.read(Query("site-1", "meter", ("elec_energy_import",), 0, 2 * START_MS))
    assert not (tmp_path / f"{FILE}.damaged-1").exists()
