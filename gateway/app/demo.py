"""`kvarter demo`: a simulated district, the gateway, a broker, the collector and the store; an audit at the end."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from gateway.app.audit import DeviceAudit, audit_device
from gateway.app.clock import SystemClock
from gateway.app.completeness import StoredCompleteness
from gateway.app.configuration import Configuration, load_configuration
from gateway.app.edge import Edge
from gateway.app.lanes import mqtt_destination
from gateway.app.machine import this_machine
from gateway.app.page import PageServer
from gateway.app.page_facts import EdgeFacts
from gateway.app.page_roles import edge_page, stored_events
from gateway.app.page_store import WatchedStore
from gateway.app.screen import Figures, Screen, print_audit
from gateway.app.spoil import Breaking, SpoilingStore
from gateway.app.watch import LiveTable
from gateway.broker.access import MqttAccess
from gateway.broker.embedded import embedded_broker, find_mosquitto
from gateway.broker.mqtt import MqttBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.core.collection import EmbeddedStoreSettings
from gateway.core.errors import ConfigError
from gateway.core.protocols import Store
from gateway.core.quantity import load_vocabulary
from gateway.core.site import WebSettings
from gateway.sim.district import District, RunningDistrict
from gateway.sim.truth import points_served, read_log
from gateway.stores.open import open_store
from gateway.stores.read_back import read_back

DRAIN_S = 15.0
REFRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Demo:
    """What was asked for."""

    headless: bool = False
    for_s: float | None = None
    data: Path | None = None
    breaking: Breaking | None = None
    seed: int = 0
    listen: str = "127.0.0.1:8080"
    """Where the page is; any other port where this one is taken."""
    as_json: bool = False
    """Print the audit as JSON and nothing else."""


async def run_demo(wanted: Demo, *, stop: asyncio.Event) -> bool:
    """Run until stopped or the time is over; return whether the audit balances.

    Raises:
        ConfigError: the data folder cannot be used.
        SinkUnavailable: the broker does not start.
    """
    vocabulary = load_vocabulary()
    with _folder(wanted.data) as folder:
        district = District(vocabulary, clock=SystemClock(trusted=True), seed=wanted.seed)
        async with district.serve(folder) as running, embedded_broker(folder, mosquitto=find_mosquitto()) as url:
            site = folder / "site.yaml"
            site.write_text(running.site_file(data=folder / "edge", broker=url), encoding="utf-8")
            configuration = load_configuration(site, vocabulary)
            await _run_parts(wanted, folder, configuration, stop=stop)
        audits = _audit(folder, running, configuration)
    print_audit(audits, as_json=wanted.as_json)
    return any(audit.rows for audit in audits) and all(audit.balances for audit in audits)


async def _run_parts(wanted: Demo, folder: Path, configuration: Configuration, *, stop: asyncio.Event) -> None:
    """Run edge and collector with the broker between them until stopped; the collector ends last."""
    table = LiveTable(configuration)
    machine = this_machine(trusted=True)
    facts = EdgeFacts(configuration, clock=machine.clock)
    edge = Edge(
        configuration,
        environment={"RUNTIME_DIRECTORY": str(folder / "memory")},  # nothing is left behind in shared memory
        destinations=[mqtt_destination(configuration, {})],
        live=[table.show, facts.show],
        told=[facts.event],
        machine=machine,
    )
    settings = EmbeddedStoreSettings(kind="embedded", path=str(folder / "store"))
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_store(settings, secret=str, vocabulary=configuration.vocabulary))
        completeness = StoredCompleteness(opened, clock=machine.clock)
        store: Store = WatchedStore(opened, completeness)
        facts.keep_in(opened, stored_events(folder / "store"), completeness=completeness)
        if wanted.breaking is not None:
            store = SpoilingStore(store, wanted.breaking)
        collector = _collector(configuration, store, folder)
        drained = asyncio.Event()
        screen = Screen(headless=wanted.headless or wanted.as_json, err=wanted.as_json)
        web = WebSettings(listen=wanted.listen)
        server = PageServer(edge_page(edge, facts, web), told=screen.tell_page, any_port=True)
        async with asyncio.TaskGroup() as tasks:
            page = tasks.create_task(server.serve(), name="page")
            counting = tasks.create_task(completeness.run(), name="completeness")
            collecting = tasks.create_task(collector.run(drained), name="collector")
            show = tasks.create_task(_show(wanted, edge, collector, screen=(screen, table), stop=stop), name="screen")
            await edge.run(stop, drain_s=DRAIN_S)
            drained.set()
            await collecting
            show.cancel()
            page.cancel()
            counting.cancel()


def _collector(configuration: Configuration, store: Store, folder: Path) -> Collector:
    broker = configuration.site.broker
    if broker is None:
        raise ConfigError(f"{configuration.document.name}: broker is missing")
    surroundings = Surroundings(
        SystemClock(trusted=True), SystemRandom(), configuration.vocabulary, folder / "collector"
    )
    access = MqttAccess(client_id="kvarter-demo-collector")
    return Collector(MqttBroker(broker, access), {"embedded": store}, surroundings=surroundings)


async def _show(
    wanted: Demo, edge: Edge, collector: Collector, *, screen: tuple[Screen, LiveTable], stop: asyncio.Event
) -> None:
    """Draw the figures once a second, and stop when the time is over."""
    shown, table = screen
    clock = edge.clock
    started_s = clock.monotonic()
    before = (started_s, 0)
    with shown:
        while True:
            now_s = clock.monotonic()
            passed_s = now_s - before[0]
            figures = Figures(
                seconds=now_s - started_s,
                readouts=edge.readouts,
                per_s=(edge.readouts - before[1]) / passed_s if passed_s else 0.0,
                stored=edge.confirmed,
                backlog=edge.backlog(),
                gaps=edge.gaps,
                devices=table.devices(now_s),
                troubles={**edge.troubles(), "lines_refused": collector.counters.refused},
            )
            shown.show(figures)
            before = (now_s, edge.readouts)
            if wanted.for_s is not None and now_s - started_s >= wanted.for_s:
                stop.set()
            await asyncio.sleep(REFRESH_S)


def _audit(folder: Path, running: RunningDistrict, configuration: Configuration) -> list[DeviceAudit]:
    """Compare the store's file, opened afresh, with the district's log."""
    answers = list(read_log(running.log))
    planned = {device.settings.id: device for device in configuration.devices}
    audits = []
    with read_back(folder / "store") as store:
        (site,) = store.sites() or [""]
        events = [stored.event for stored in store.events(site)]
        stored_devices = set(store.devices(site))
        for device in running.devices:
            served = points_served(answers, device.points, device=device.logged_as)
            rows = store.rows(site, device.id) if device.id in stored_devices else iter(())
            gaps = [
                (event.start_ms, event.end_ms)
                for event in events
                if event.kind == "gap" and event.device in {None, device.id}
            ]
            intervals_ms = planned[device.id].intervals_ms()
            audits.append(audit_device(device.id, served, rows, intervals_ms=intervals_ms, gaps=gaps))
    return audits


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """Yield the folder that was asked for, or one that is removed afterwards."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="kvarter-demo-") as name:
            yield Path(name)
        return
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"--data {wanted}: cannot be made: {exc.strerror}") from exc
    yield wanted.resolve()
