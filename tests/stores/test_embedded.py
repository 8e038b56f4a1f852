"""The embedded store as a table: columns, keys, types, events, retention of what was confirmed."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import EmbeddedStore, open_embedded
from gateway.stores.read_back import read_back
from tests.stores.lines import START_MS, line

NEVER_S = 1e9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with open_embedded(tmp_path, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as opened:
        yield opened


async def test_a_row_has_one_column_per_point(store: EmbeddedStore, tmp_path: Path) -> None:
    """A readout is one row with its values, its status and its marks, as a researcher would draw it."""
    fields = {"elec_power_active": 1234.5, "elec_power_active_suspect": 1, "elec_tariff": 2, "status": 0, "clock": 1}
    assert await store.write([line(START_MS, fields)]) == []
    with read_back(tmp_path) as found:
        assert found.sites() == ["site-1"]
        assert found.devices("site-1") == ["meter"]
        assert found.count("site-1", "meter") == 1
        assert list(found.rows("site-1", "meter")) == [(START_MS, fields)]


async def test_devices_whose_ids_join_alike_have_tables_of_their_own(store: EmbeddedStore, tmp_path: Path) -> None:
    """`a-b` of `c` and `b` of `c-a` never meet in one table."""
    lines = [
        line(START_MS, {"status": 0}, site="c", device="a-b"),
        line(START_MS, {"status": 1}, site="c-a", device="b"),
        line(START_MS, {"status": 2}, site="c_a", device="b"),
    ]
    assert await store.write(lines) == []
    with read_back(tmp_path) as found:
        places = [(site, device) for site in found.sites() for device in found.devices(site)]
        assert places == [("c", "a-b"), ("c-a", "b"), ("c_a", "b")]
        assert [dict(next(found.rows(*place))[1])["status"] for place in places] == [0, 1, 2]


async def test_a_new_point_becomes_a_new_column(store: EmbeddedStore, tmp_path: Path) -> None:
    """Points that appear later widen the table; rows before them have no value there."""
    assert await store.write([line(START_MS, {"elec_voltage_l1": 230.1, "status": 0})]) == []
    later = line(START_MS + 1000, {"elec_voltage_l1": 230.2, "elec_frequency": 50.01, "status": 0})
    assert await store.write([later]) == []
    with read_back(tmp_path) as found:
        assert [row["elec_frequency"] for _, row in found.rows("site-1", "meter")] == [None, 50.01]


async def test_points_of_the_same_instant_meet_in_one_row(store: EmbeddedStore, tmp_path: Path) -> None:
    """A line with other points of an instant adds to the row and erases nothing."""
    await store.write([line(START_MS, {"elec_voltage_l1": 230.1, "status": 1})])
    await store.write([line(START_MS, {"elec_frequency": 50.0, "status": 0})])
    with read_back(tmp_path) as found:
        assert list(found.rows("site-1", "meter")) == [
            (START_MS, {"elec_voltage_l1": 230.1, "status": 0, "elec_frequency": 50.0})
        ]


async def test_a_point_keeps_its_type(store: EmbeddedStore) -> None:
    """A measurement that comes as an integer, or a state as a float, is refused with both types named."""
    await store.write([line(START_MS, {"elec_voltage_l1": 230.1, "elec_tariff": 1, "status": 0})])
    refusals = await store.write(
        [
            line(START_MS + 1000, {"elec_voltage_l1": 230, "status": 0}),
            line(START_MS + 2000, {"elec_tariff": 1.5, "status": 0}),
        ]
    )
    assert [refusal.index for refusal in refusals] == [0, 1]
    assert "INTEGER here and was REAL before" in refusals[0].reason
    assert "REAL here and was INTEGER before" in refusals[1].reason


async def test_a_field_named_like_the_key_is_refused(store: EmbeddedStore) -> None:
    """`time` cannot be a point."""
    (refusal,) = await store.write([line(START_MS, {"time": 5, "status": 0})])
    assert "time is the key" in refusal.reason


async def test_a_device_cannot_have_endless_points(store: EmbeddedStore, tmp_path: Path) -> None:
    """A line that would make the table wider than SQLite allows is refused; others of the device are stored."""
    wide = [
        line(START_MS + part, {**{f"p{part}_{number}": 1 for number in range(1000)}, "status": 0}) for part in range(2)
    ]
    refusals = await store.write([*wide, line(START_MS + 5, {"p0_1": 2, "status": 0})])
    assert [refusal.index for refusal in refusals] == [1]
    with read_back(tmp_path) as found:
        assert found.count("site-1", "meter") == 2


async def test_an_event_keeps_its_text_and_author(store: EmbeddedStore, tmp_path: Path) -> None:
    """An event is one row by site, time, kind, cause and device, however often it is written."""
    body = b"kvarter_event,site=site-1,kind=note,cause=exchange,device=meter from=5i,to=6i,count=0i %d000000" % START_MS
    event = b'# {"text": "new meter 4711", "author": "Ada"}\n' + body
    gap = b"kvarter_event,site=site-1,kind=gap,cause=power from=1i,to=2i,count=3i %d000000" % START_MS
    assert await store.write([event, gap, event]) == []
    assert await store.write([gap]) == []
    with read_back(tmp_path) as found:
        stored = [(each.event.kind, each.event.device, each.event.count) for each in found.events("site-1")]
        assert stored == [("gap", None, 3), ("note", "meter", 0)]
        noted = [each.event for each in found.events("site-1")][1]
        assert (noted.text, noted.author, noted.start_ms, noted.end_ms) == ("new meter 4711", "Ada", 5, 6)
        assert list(found.events("elsewhere")) == []


async def test_queries_never_reach_other_tables(store: EmbeddedStore) -> None:
    """Names that nobody could have stored find nothing, whatever they spell."""
    await store.write([line(START_MS, {"elec_voltage_l1": 230.1, "status": 0})])
    odd = ("time", 'status" FROM events --', "pending", "elec_voltage_l1")
    rows = await store.read(Query("site-1", "meter", odd, 0, 2 * START_MS))
    assert [row.values for row in rows] == [(None, None, None, 230.1)]
    assert await store.read(Query("site-1", 'meter"', odd, 0, 2 * START_MS)) == []
    assert await store.read(Query("site-1", "meter/15min", odd, 0, 2 * START_MS)) == []


async def test_a_store_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """A folder that cannot be made is an outage; when it can, the same store goes on."""
    place = tmp_path / "store"
    place.write_text("in the way")
    async with open_embedded(place, raw_retention_s=NEVER_S, vocabulary=load_vocabulary()) as store:
        with pytest.raises(SinkUnavailable, match="cannot be made"):
            await store.write([line(START_MS, {"status": 0})])
        place.unlink()
        assert await store.write([line(START_MS, {"status": 0})]) == []


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from gateway.core.errors import SinkUnavailable
from gateway.core.quantity import load_vocabulary
from gateway.stores.embedded import open_embedded
from tests.stores.lines import START_MS, line

async def main():
    batch = [line(START_MS + n, {**{f"p{k}": 0.5 for k in range(200)}, "status": 0}) for n in range(2000)]
    async with open_embedded(Path(sys.argv[1]), raw_retention_s=1e9, vocabulary=load_vocabulary()) as store:
        await store.write(batch[:1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        try:
            await store.write(batch)
        except SinkUnavailable as exc:
            print("unavailable", exc)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("refused", len(await store.write(batch)))

asyncio.run(main())
"""


def test_a_full_disk_is_an_outage(tmp_path: Path) -> None:
    """Where no more can be written nothing of the batch is stored; when there is room the same store goes on."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("unavailable")
    assert done.stdout.endswith("refused 0\n")
    with read_back(tmp_path) as found:
        assert found.count("site-1", "meter") == 2000


async def test_another_program_may_read_while_the_store_writes(store: EmbeddedStore, tmp_path: Path) -> None:
    """A reader in the middle of its rows does not stop a write."""
    await store.write([line(START_MS + number, {"status": 0}) for number in range(10)])
    with read_back(tmp_path) as found:
        rows = found.rows("site-1", "meter")
        next(rows)
        assert await store.write([line(START_MS + 100, {"status": 0})]) == []
        assert len(list(rows)) == 9


def test_reading_back_needs_a_store(tmp_path: Path) -> None:
    """Where there is no file, none is made."""
    with pytest.raises(FileNotFoundError), read_back(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


async def test_the_file_is_plain_sqlite(store: EmbeddedStore, tmp_path: Path) -> None:
    """A researcher's own tools read the table by its name and find time as the key."""
    await store.write([line(START_MS, {"elec_voltage_l1": 230.1, "status": 0})])
    connection = sqlite3.connect(tmp_path / "kvarter.sqlite")
    rows = connection.execute("SELECT datetime(time / 1000, 'unixepoch'), elec_voltage_l1 FROM \"site-1/meter\"")
    assert rows.fetchall() == [("2024-06-01 00:00:00", 230.1)]
    connection.close()
