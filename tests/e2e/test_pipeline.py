"""Two processes on two configurations with Mosquitto between them, and both in one."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from gateway.stores.read_back import read_back
from tests.e2e.commands import RunningRole, balance, kvarter, running, start, stored, until
from tests.e2e.servers import Mosquitto, free_port, mosquitto

SITE = "soenderborg-12"
METER = "main_meter"
INTERVAL_MS = 200
POINTS = 31
"""Of the simulated meter."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One simulated meter, the files of a site, and where its readouts end up."""

    folder: Path
    meter_port: int

    @property
    def store(self) -> Path:
        """The embedded store's folder."""
        return self.folder / "store"

    def times(self) -> list[int]:
        """Times of the meter's stored readouts."""
        return stored(self.store, SITE).get(METER, [])

    def served(self) -> int:
        """Number of answers that the meter gave."""
        log = self.folder / "served.jsonl"
        return len(log.read_bytes().splitlines()) if log.exists() else 0

    def write_site(self, *, broker: str | None, extra: str = "") -> Path:
        """Write the site file."""
        lines = [
            f"site: {SITE}",
            "clock: trusted",
            f"data: {self.folder / 'edge'}",
            "spool: {size_mib: 16}",
            *([f"broker: {{url: '{broker}'}}"] if broker else []),
            f"links: [{{id: cabinet, tcp: '127.0.0.1:{self.meter_port}'}}]",
            f"devices: [{{id: {METER}, profile: eastron/sdm630, link: cabinet, unit_id: 1, interval: 200ms}}]",
            extra,
        ]
        path = self.folder / "site.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def write_collector(self, *, broker: str, stores: str | None = None) -> Path:
        """Write the collector file."""
        wanted = stores or f"[{{kind: embedded, path: '{self.store}'}}]"
        text = (
            f"broker: {{url: '{broker}'}}\nsites: ['soenderborg-*']\ndata: {self.folder}/collector\nstores: {wanted}\n"
        )
        path = self.folder / "collector.yaml"
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    port = free_port()
    listen = f"127.0.0.1:{port}"
    served = tmp_path / "served.jsonl"
    arguments = ("simulate", "eastron/sdm630", "--listen", listen, "--log", served)
    with running(*arguments, log=tmp_path / "meter.log") as meter:
        until(lambda: listen in meter.log, what="the simulated meter")
        yield Bench(tmp_path, port)


@contextmanager
def pipeline(bench: Bench) -> Iterator[tuple[Mosquitto, Path, Path]]:
    with mosquitto(bench.folder) as broker:
        yield broker, bench.write_site(broker=broker.url), bench.write_collector(broker=broker.url)


def gaps(bench: Bench) -> list[str]:
    with read_back(bench.store) as found:
        return [stored_event.event.cause for stored_event in found.events(SITE) if stored_event.event.kind == "gap"]


def assert_nothing_lost(bench: Bench, *, unfinished_polls: int = 1) -> None:
    """Assert that every value that was served is stored once, but for the polls that a kill cut off."""
    audit = balance(
        bench.store,
        SITE,
        device=METER,
        profile="eastron/sdm630",
        log=bench.folder / "served.jsonl",
        interval_ms=INTERVAL_MS,
    )
    assert (audit.invented, audit.differing) == (0, 0), audit.findings
    assert audit.lost + audit.unfinished <= unfinished_polls * POINTS, audit.findings
    assert audit.values > 0


def test_readouts_reach_the_store_over_a_broker(bench: Bench) -> None:
    """Edge and collector as two processes: rows arrive, and both stop cleanly."""
    with pipeline(bench) as (_, site, collector), ExitStack() as stack:
        collect = stack.enter_context(running("collect", collector, log=bench.folder / "collect.log"))
        edge = stack.enter_context(running("edge", site, log=bench.folder / "edge.log"))
        until(lambda: len(bench.times()) > 10, what="ten readouts in the store")
        assert edge.stop() == 0
        assert collect.stop() == 0
        assert "Traceback" not in edge.log + collect.log
    assert gaps(bench) == []


def test_a_killed_edge_loses_nothing_that_it_had_read(bench: Bench) -> None:
    """While no collector is there the edge is killed five times; all it read before arrives afterwards, once each."""
    with pipeline(bench) as (_, site, collector):
        for number in range(5):
            log = bench.folder / f"edge_{number}.log"
            edge = start("edge", site, log=log)
            until(partial(_says, log, "reading 1 devices"), what="the edge")
            until(partial(_served_more_than, bench, bench.served() + 20), what="polls")
            edge.kill()
        with (
            running("collect", collector, log=bench.folder / "collect.log"),
            running("edge", site, log=bench.folder / "e"),
        ):
            until(lambda: len(bench.times()) > 30, what="the backlog in the store")
    assert_nothing_lost(bench, unfinished_polls=6)
    assert gaps(bench) == []


def test_a_killed_collector_and_a_forgetful_broker_lose_nothing(bench: Bench) -> None:
    """Collector and broker are killed in turn while the edge reads on; no poll is missing in the store."""
    with pipeline(bench) as (broker, site, collector), running("edge", site, log=bench.folder / "edge.log") as edge:
        for number in range(3):
            collect = start("collect", collector, log=bench.folder / "collect.log")
            before = len(bench.times())
            until(partial(_stored_more_than, bench, before + 3), what=f"readouts after kill {number}")
            collect.kill()
            broker.kill()
            broker.start()
        with running("collect", collector, log=bench.folder / "collect.log"):
            newest = bench.times()[-1]
            until(lambda: _caught_up(bench, newest + 2000), what="the backlog", patience_s=60)
            edge.stop()
            until(lambda: bench.times()[-1] > newest, what="the last readouts")
    assert_nothing_lost(bench, unfinished_polls=12)
    assert gaps(bench) == []


def test_one_process_needs_neither_broker_nor_internet(bench: Bench) -> None:
    """`kvarter run` stores by itself, and continues on the same folder after kill -9 without a gap."""
    site = bench.write_site(broker=None, extra=f"store: {{path: '{bench.store}'}}")
    service: RunningRole = start("run", site, log=bench.folder / "run.log")
    until(lambda: len(bench.times()) > 5, what="readouts in the store")
    service.kill()
    before = len(bench.times())
    with running("run", site, log=bench.folder / "run.log") as again:
        until(lambda: len(bench.times()) > before + 5, what="readouts after the restart")
        assert again.stop() == 0
        assert "Traceback" not in again.log
    assert_nothing_lost(bench, unfinished_polls=2)
    assert gaps(bench) == []


def test_one_process_serves_a_broker_as_well(bench: Bench) -> None:
    """`kvarter run` with a broker in its file stores here, and feeds a collector elsewhere, each completely."""
    with mosquitto(bench.folder) as broker:
        site = bench.write_site(broker=broker.url, extra=f"store: {{path: '{bench.folder / 'here'}'}}")
        collector = bench.write_collector(broker=broker.url)
        with (
            running("collect", collector, log=bench.folder / "c.log"),
            running("run", site, log=bench.folder / "r.log"),
        ):
            until(lambda: len(bench.times()) > 10, what="readouts in the collector's store")
            until(lambda: len(stored(bench.folder / "here", SITE).get(METER, [])) > 10, what="readouts in its own")
    here = stored(bench.folder / "here", SITE)[METER]
    assert set(bench.times()) <= set(here)


def test_an_edge_without_broker_is_told_what_to_do(bench: Bench) -> None:
    """`kvarter edge` on a site without a broker is a configuration error that names the alternative."""
    result = kvarter("edge", bench.write_site(broker=None))
    assert result.returncode == 2
    assert "kvarter run" in result.stderr


def test_a_broker_that_is_not_there_is_waited_for(bench: Bench) -> None:
    """Without a broker the edge reads on and says once what is wrong; the readouts arrive when the broker comes."""
    broker = Mosquitto(bench.folder)
    site, collector = bench.write_site(broker=broker.url), bench.write_collector(broker=broker.url)
    with running("edge", site, log=bench.folder / "edge.log") as edge:
        until(lambda: "nothing listens there" in edge.log, what="the complaint")
        try:
            broker.start()
            with running("collect", collector, log=bench.folder / "collect.log"):
                until(lambda: len(bench.times()) > 10, what="readouts", patience_s=60)
        finally:
            broker.stop()
        assert edge.log.count("nothing listens there") <= 3


def _says(log: Path, text: str) -> bool:
    return text in log.read_text(encoding="utf-8")


def _served_more_than(bench: Bench, count: int) -> bool:
    return bench.served() > count


def _stored_more_than(bench: Bench, count: int) -> bool:
    return len(bench.times()) > count


def _caught_up(bench: Bench, until_ms: int) -> bool:
    times = bench.times()
    return times[-1] > until_ms and max(b - a for a, b in itertools.pairwise(times)) < 400
