"""One collector into several stores at once, over real servers that are late, restarted and particular."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from drivers.catalog import Catalog, with_registers
from gateway.app.audit import DeviceAudit, audit_device
from gateway.core.collection import StoreSettings
from gateway.core.protocols import Query
from gateway.core.quantity import load_vocabulary
from gateway.core.readout import Event
from gateway.sim.image import lay_out
from gateway.sim.truth import points_served, read_log
from gateway.stores.open import open_store
from gateway.stores.read_back import Columns, read_back
from tests.e2e.commands import running, stored, until
from tests.e2e.servers import Mosquitto, free_port, mosquitto
from tests.e2e.store_servers import Influxd, flush, influxd, victoria_metrics
from tests.e2e.workbench import METER, SITE, Simulated, listening, simulated, write_collector, write_site

DEVICE = "main_meter"
INTERVAL_MS = 200
RARE = "elec_frequency"
"""Point that a test has read once a second."""
RESENT_S = 45.0
"""What got no receipt was sent again by then."""
LONG_AGO_MS, FAR_AHEAD_MS = 1_700_000_000_000, 4_000_000_000_000

Rows = dict[int, tuple[float | int | None, ...]]


@dataclass(frozen=True, slots=True)
class Bench:
    """A meter, a broker, and a folder for the rest."""

    folder: Path
    meter: Simulated
    broker: Mosquitto
    points: Sequence[str] = field(
        default_factory=lambda: [each.point for each in Catalog(load_vocabulary()).find(METER).profile.points]
    )

    @property
    def embedded(self) -> dict[str, object]:
        """What a collector file says of an embedded store here."""
        return {"kind": "embedded", "path": str(self.folder / "store")}

    def site(self, **device: object) -> Path:
        """Write the site file."""
        described = {"id": DEVICE, "profile": METER, "link": "cabinet", "unit_id": 1, "interval": "200ms", **device}
        links = {"cabinet": {"tcp": self.meter.address}}
        return write_site(self.folder / "site.yaml", broker=self.broker.url, links=links, devices=[described])

    def collector(self, *stores: Mapping[str, object], name: str = "collector", group: str | None = None) -> Path:
        """Write a collector file."""
        return write_collector(self.folder / f"{name}.yaml", broker=self.broker.url, stores=stores, group=group)

    def times(self, store: Path | None = None) -> list[int]:
        """Times of the good readouts in an embedded store."""
        return stored(store or self.folder / "store", SITE).get(DEVICE, [])

    def rows(self, store: Mapping[str, object]) -> Rows:
        """What a store gives back of the meter: time → values of all points."""
        return asyncio.run(self._rows(TypeAdapter(StoreSettings).validate_python(store)))

    async def _rows(self, settings: StoreSettings) -> Rows:
        query = Query(SITE, DEVICE, tuple(self.points), LONG_AGO_MS, FAR_AHEAD_MS)
        async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as opened:
            return {row.time_ms: row.values for row in await opened.read(query)}

    async def write(self, store: Mapping[str, object], line: bytes) -> None:
        """Write a line of somebody else's into a store."""
        settings = TypeAdapter(StoreSettings).validate_python(store)
        async with open_store(settings, secret=str, vocabulary=load_vocabulary()) as opened:
            assert list(await opened.write([line])) == []

    def gaps(self, store: Path | None = None) -> list[Event]:
        """Gaps in an embedded store."""
        with read_back(store or self.folder / "store") as found:
            return [each.event for each in found.events(SITE) if each.event.kind == "gap"]

    def await_readouts(self, count: int) -> None:
        """Wait for so many more readouts in the embedded store."""
        wanted = len(self.times()) + count
        until(lambda: len(self.times()) >= wanted, what=f"{count} more readouts in the embedded store")

    def end(self, *stores: Path) -> None:
        """Unplug the meter, and return when everything that it said is in the stores together, once and unaltered."""
        self.meter.role.kill()
        places = stores or (self.folder / "store",)
        end_ms = list(read_log(self.meter.log))[-1].time_ms
        until(
            lambda: max(self._held(places)) > end_ms and not self._audit(places).lost,
            what="the last readouts",
            patience_s=RESENT_S,
        )
        audit = self._audit(places)
        assert (audit.invented, audit.differing) == (0, 0), audit.findings
        assert audit.values > 0

    def _audit(self, stores: Sequence[Path]) -> DeviceAudit:
        vocabulary = load_vocabulary()
        points = lay_out(with_registers(Catalog(vocabulary).find(METER)), vocabulary, name=METER).points[1]
        served = points_served(read_log(self.meter.log), points, device=METER)
        intervals_ms = {**dict.fromkeys(self.points, INTERVAL_MS), RARE: 5 * INTERVAL_MS}
        return audit_device(DEVICE, served, sorted(self._held(stores).items()), intervals_ms=intervals_ms, gaps=())

    def _held(self, stores: Sequence[Path]) -> Mapping[int, Columns]:
        """Return the meter's rows of several embedded stores."""
        held: dict[int, Columns] = {}
        for store in stores:
            with read_back(store) as found:
                held |= dict(found.rows(SITE, DEVICE))
        return held


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with mosquitto(tmp_path, "log_type subscribe") as broker, simulated(tmp_path, "meter") as meter:
        yield Bench(tmp_path, meter, broker)


def remote(kind: str, server: str) -> dict[str, object]:
    """What a collector file says of a store server."""
    place = {"influx": {"organisation": "district", "bucket": "readings"}, "influx1": {"database": "readings"}}
    return {"kind": kind, "url": server, **place.get(kind, {})}


def assert_same(bench: Bench, store: Mapping[str, object], *, but: frozenset[int] = frozenset()) -> None:
    """Assert that a store gives back what the embedded one does, value by value, but for some instants."""
    expected = {time_ms: values for time_ms, values in bench.rows(bench.embedded).items() if time_ms not in but}
    until(lambda: bench.rows(store).keys() >= expected.keys(), what=f"the readouts in {store['kind']}")
    assert bench.rows(store) == expected


def test_the_same_readouts_are_in_every_store(bench: Bench) -> None:
    """One collector writes SQLite, InfluxDB 1, and VictoriaMetrics as either kind: all give back equal values."""
    with ExitStack() as stack:
        enter = stack.enter_context
        folders = [bench.folder / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        old, *new = enter(influxd(bench.folder, "readings")), *(enter(victoria_metrics(f)) for f in folders)
        stores = [remote("influx1", old.url), remote("influx", new[0].url), remote("victoria", new[1].url)]
        collect = enter(running("collect", bench.collector(bench.embedded, *stores), log=bench.folder / "c.log"))
        edge = enter(running("edge", bench.site(), log=bench.folder / "e.log"))
        bench.await_readouts(10)
        bench.end()
        for server in new:
            flush(server)
        for store in (stores[0], *(remote("victoria", server.url) for server in new)):
            assert_same(bench, store)
        assert [edge.stop(), collect.stop()] == [0, 0]
        assert "WARNING" not in collect.log
    assert bench.gaps() == []


def test_no_receipt_while_a_store_is_away(bench: Bench) -> None:
    """One store is not there at first and killed later, another restarted: no receipt is given, nothing is lost."""
    port, influx = free_port(), Influxd(bench.folder)
    victoria, late = remote("victoria", f"http://127.0.0.1:{port}"), remote("influx1", influx.url)
    receipts = f"kvarter/1/{SITE}/receipt"
    with ExitStack() as stack:
        enter = stack.enter_context
        ear = enter(listening(bench.broker.url, receipts))
        collect = enter(running("collect", bench.collector(bench.embedded, victoria, late), log=bench.folder / "c.log"))
        enter(running("edge", bench.site(), log=bench.folder / "e.log"))
        with victoria_metrics(bench.folder, port=port):
            until(lambda: "store influx1_3: " in collect.log, what="the complaint")
            bench.await_readouts(10)
            assert ear.on(receipts) == []
            stack.callback(influx.stop)
            influx.start("readings")
            until(lambda: len(ear.on(receipts)) > 3, what="receipts")
            influx.kill()
        until(lambda: "store victoria_2: " in collect.log, what="the other complaint")
        influx.start()
        with victoria_metrics(bench.folder, port=port) as server:
            before = len(ear.on(receipts))
            until(lambda: len(ear.on(receipts)) > before + 3, what="receipts again")
            bench.end()
            flush(server)
            for store in (victoria, late):
                assert_same(bench, store)
        assert collect.log.count("store influx1_3: ") <= 4, collect.log
        assert "Traceback" not in collect.log
    assert bench.gaps() == []


def test_a_line_that_a_store_refuses_leaves_a_dead_letter_and_a_gap(bench: Bench) -> None:
    """A field whose type differs in InfluxDB: its lines alone are missing there, each with its reason and its gap."""
    with influxd(bench.folder, "readings") as server, ExitStack() as stack:
        store = remote("influx1", server.url)
        asyncio.run(bench.write(store, f'kvarter,site=elsewhere,device=x {RARE}="fifty"'.encode()))
        collect = stack.enter_context(
            running("collect", bench.collector(bench.embedded, store), log=bench.folder / "c.log")
        )
        site = bench.site(intervals={RARE: "1s"})
        stack.enter_context(running("edge", site, log=bench.folder / "e.log"))
        bench.await_readouts(20)
        bench.end()
        refused = [
            time_ms for time_ms, values in bench.rows(bench.embedded).items() if values[bench.points.index(RARE)]
        ]
        assert 3 < len(refused) < 0.4 * len(bench.times())
        assert_same(bench, store, but=frozenset(refused))
        answer = server.get("/query", db="readings", q='SELECT "from" FROM kvarter_event', epoch="ms")
        (series,) = json.loads(answer)["results"][0]["series"]
        assert [time_ms for time_ms, _ in series["values"]] == refused
        assert collect.log.count("store influx1_2 refuses a line: ") == 1, collect.log
    kept = bench.folder / "collector.data" / "dead-letters" / "dead-letters.jsonl"
    letters = [json.loads(text) for text in kept.read_text(encoding="utf-8").splitlines()]
    assert {letter["by"] for letter in letters} == {"influx1_2"}
    assert all("field type conflict" in letter["reason"] and RARE in letter["line"] for letter in letters)
    assert sorted(int(letter["line"].split()[-1]) // 1_000_000 for letter in letters) == refused
    gaps = bench.gaps()
    assert [(gap.device, gap.cause, gap.start_ms, gap.count) for gap in gaps] == [
        (DEVICE, "refused", time_ms, 1) for time_ms in refused
    ]


def test_two_collectors_of_a_group_share_the_work(bench: Bench) -> None:
    """Each store has a part, and together they have everything that the meter said."""
    with ExitStack() as stack:
        stores = [bench.folder / "one", bench.folder / "two"]
        for store in stores:
            own = {"kind": "embedded", "path": str(store)}
            file = bench.collector(own, name=f"collect-{store.name}", group="collectors")
            stack.enter_context(running("collect", file, log=bench.folder / f"{store.name}.log"))
        logs = [bench.folder / f"{store.name}.log" for store in stores]
        until(lambda: all("collecting" in log.read_text() for log in logs), what="both collectors")
        stack.enter_context(running("edge", bench.site(), log=bench.folder / "e.log"))
        until(lambda: all(len(bench.times(store)) > 10 for store in stores), what="readouts in both stores")
        bench.end(*stores)
    assert all(bench.gaps(store) == [] for store in stores)
