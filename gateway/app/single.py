"""Edge, collector and embedded store in one process: the ordinary install for a single building."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom

from gateway.app.alerts import Post, Watchman
from gateway.app.alerts_look import Around, Lookout
from gateway.app.alerts_send import channels
from gateway.app.completeness import StoredCompleteness, kept_catalogues
from gateway.app.configuration import load_configuration
from gateway.app.edge import Edge
from gateway.app.lanes import Destination, mqtt_destination
from gateway.app.machine import this_machine
from gateway.app.page import PageServer
from gateway.app.page_commissioning import Bench
from gateway.app.page_facts import EdgeFacts
from gateway.app.page_roles import edge_page, stored_events
from gateway.app.page_store import WatchedStore
from gateway.broker.local import LocalBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings
from gateway.core.quantity import load_vocabulary
from gateway.core.site import Site, WebSettings
from gateway.relay.settings import RelaySettings
from gateway.stores.embedded import open_embedded
from gateway.web.commissioning_page import commissioning_page

log = logging.getLogger(__name__)

DRAIN_S = 5.0
"""What is read last still gets into the store, since it is here; what does not waits in the spool."""


async def run_single(
    path: Path, *, environment: Mapping[str, str], stop: asyncio.Event, again: asyncio.Event | None = None
) -> None:
    """Read a site into its own store until stopped; send it to its broker as well where it names one.

    `again` has the site file read again.

    Raises:
        ConfigError: the site file is wrong.
    """
    configuration = load_configuration(path, load_vocabulary())
    site = configuration.site
    broker = LocalBroker()
    here = Destination("store", broker, RelaySettings(live=False, compression=False))
    destinations = [here, mqtt_destination(configuration, environment)] if site.broker else [here]
    machine = this_machine(trusted=site.clock == "trusted")
    facts = EdgeFacts(configuration, clock=machine.clock)
    edge = Edge(
        configuration,
        environment=environment,
        destinations=destinations,
        live=[facts.show],
        told=[facts.event],
        machine=machine,
    )
    folder = Path(site.store.path) if site.store.path else edge.data / "store"
    retention_s = site.store.raw_retention
    async with open_embedded(folder, raw_retention_s=retention_s, vocabulary=configuration.vocabulary) as store:
        completeness = StoredCompleteness(store, clock=edge.clock)
        kept = edge.data / "collector"
        for came_ms, catalogue in await asyncio.to_thread(list, kept_catalogues(kept / "catalogues")):
            completeness.describe(catalogue, since_ms=came_ms)
        collector = Collector(
            broker,
            {"embedded": WatchedStore(store, completeness)},
            surroundings=Surroundings(edge.clock, SystemRandom(), configuration.vocabulary, kept),
            settings=CollectorSettings(sites=(site.site,)),
        )
        edge.also_count(collector.counters.troubles)
        log.info("%s: storing in %s", site.site, folder)
        drained = asyncio.Event()
        facts.keep_in(store, stored_events(folder), completeness=completeness)
        again = again or asyncio.Event()
        bench = Bench(path, site.site, edge.data, environment=environment, reload=again.set)
        server = PageServer(edge_page(edge, facts, site.web or WebSettings(), pages=[commissioning_page(bench)]))
        async with asyncio.TaskGroup() as tasks:
            page = tasks.create_task(server.serve(), name="page")
            tasks.create_task(collector.run(drained), name="collector")
            others = [page, tasks.create_task(completeness.run(), name="completeness")]
            if site.alerts is not None:
                around = Around(edge.data, _broker_name(site), edge.is_connected, edge.troubles, is_remote=False)
                lookout = Lookout(facts, configuration.vocabulary, around, language=site.alerts.language)
                post = Post(site.name or site.site, site.timezone, edge.clock, edge.data)
                watchman = Watchman(site.alerts, lookout, channels(site.alerts, environment), post=post)
                others.append(tasks.create_task(watchman.run(), name="alerts"))
            await edge.run(stop, drain_s=DRAIN_S, again=again)
            for each in others:
                each.cancel()
            drained.set()


def _broker_name(site: Site) -> str:
    return site.broker.url if site.broker is not None else ""
