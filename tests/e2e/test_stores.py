"""Real stores that go away, come back and refuse."""

import json
from pathlib import Path

import pytest

from gateway.core.collection import Influx1StoreSettings, InfluxStoreSettings, StoreSettings
from gateway.core.errors import SinkUnavailable
from gateway.core.protocols import Query, Row
from gateway.core.quantity import load_vocabulary
from gateway.stores.open import OpenStore, open_store
from tests.e2e.servers import free_port
from tests.e2e.store_servers import Influxd, flush, influxd, victoria_metrics
from tests.stores.lines import START_MS, line

COUNT = 5000
LINES = [
    line(START_MS + number * 1000, {"elec_power_active": number / 8, "elec_energy_import": number / 100, "status": 0})
    for number in range(COUNT)
]


async def stored(store: OpenStore) -> list[Row]:
    """Return everything that the tests write."""
    points = ("elec_power_active", "elec_energy_import")
    return list(await store.read(Query("site-1", "meter", points, START_MS, START_MS + COUNT * 1000)))


async def test_a_batch_of_5000_with_one_poison_line(tmp_path: Path) -> None:
    """InfluxDB refuses the line whose type changed with its own reason, and holds the other 4,999."""
    poisoned = [*LINES[:3333], line(START_MS + 3333 * 1000, {"elec_power_active": 7, "status": 0}), *LINES[3334:]]
    with influxd(tmp_path, "readings") as server:
        settings = Influx1StoreSettings(kind="influx1", url=server.url, database="readings")
        async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as store:
            assert await store.write(LINES[:1]) == []
            (refusal,) = await store.write(poisoned)
            assert refusal.index == 3333
            assert "field type conflict" in refusal.reason
            assert len(await stored(store)) == COUNT - 1


async def test_a_missing_database_is_an_outage_that_a_person_can_end(tmp_path: Path) -> None:
    """Until the database is made nothing is refused and the message says what is missing; then the batch is stored."""
    with influxd(tmp_path) as server:
        settings = Influx1StoreSettings(kind="influx1", url=server.url, database="district")
        async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as store:
            with pytest.raises(SinkUnavailable, match="database not found"):
                await store.write(LINES[:10])
            with pytest.raises(SinkUnavailable, match="database not found"):
                await stored(store)
            server.post("/query", q="CREATE DATABASE district")
            assert await store.write(LINES[:10]) == []
            assert len(await stored(store)) == 10


async def test_what_influxdb_confirmed_survives_its_death(tmp_path: Path) -> None:
    """After SIGKILL the confirmed batch is there; while the server is dead, writing and reading are outages."""
    server = Influxd(tmp_path)
    try:
        server.start("readings")
        settings = Influx1StoreSettings(kind="influx1", url=server.url, database="readings")
        async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as store:
            assert await store.write(LINES) == []
            server.kill()
            with pytest.raises(SinkUnavailable):
                await store.write(LINES[:1])
            with pytest.raises(SinkUnavailable):
                await stored(store)
            server.start()
            assert len(await stored(store)) == COUNT
            assert await store.write(LINES) == []
            assert len(await stored(store)) == COUNT
    finally:
        server.stop()


async def test_a_collector_may_start_before_its_store(tmp_path: Path) -> None:
    """A store whose server is not there yet opens, is away, and takes the batch once the server runs."""
    port = free_port()
    settings: StoreSettings = InfluxStoreSettings(
        kind="influx", url=f"http://127.0.0.1:{port}", organisation="district", bucket="readings"
    )
    async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as store:
        with pytest.raises(SinkUnavailable):
            await store.write(LINES)
        with victoria_metrics(tmp_path, port=port) as server:
            assert await store.write(LINES) == []
            flush(server)
            exported = server.get("/api/v1/export", **{"match[]": '{site="site-1",__name__="kvarter_status"}'})
            assert len(json.loads(exported)["timestamps"]) == COUNT
