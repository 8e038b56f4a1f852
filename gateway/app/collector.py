"""The role where the store is: broker → checks → stores → receipts."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from random import SystemRandom

from gateway import __version__
from gateway.app.access import mqtt_access, secret
from gateway.app.alerts import Post, Watchman
from gateway.app.alerts_look import Around, Lookout
from gateway.app.alerts_send import channels
from gateway.app.clock import SystemClock
from gateway.app.folders import data_folder
from gateway.app.memory import collector_name
from gateway.app.notify import NotifySocket, feed_watchdog
from gateway.app.page import PageParts, PageServer
from gateway.app.page_collector import CollectorFacts
from gateway.app.page_portfolio import SitePortfolio
from gateway.app.page_roles import stored_events
from gateway.app.page_store import WatchedStore
from gateway.broker.mqtt import MqttBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings, Origin
from gateway.core.clock import Clock
from gateway.core.collection import Collection, EmbeddedStoreSettings
from gateway.core.protocols import Store
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.document.validation import load
from gateway.stores.open import OpenStore, open_store
from gateway.web.portfolio_page import portfolio_page

log = logging.getLogger(__name__)


async def run_collector(path: Path, *, environment: Mapping[str, str], stop: asyncio.Event) -> None:
    """Collect what a collector file says until stopped.

    Raises:
        ConfigError: the file, or a credential it names, is wrong.
    """
    collection = load(path, Collection)
    clock, vocabulary = SystemClock(), load_vocabulary()
    data = data_folder(collection.data, "collector", environment)
    random = SystemRandom()
    origin = Origin(collector_name(data, random), f"{random.getrandbits(64):016x}", __version__)
    # Two collectors on one folder must not push each other from the broker.
    client_id = f"kvarter-{origin.name}-{random.getrandbits(32):08x}"
    broker = MqttBroker(collection.broker, mqtt_access(collection.broker, client_id=client_id, environment=environment))
    manager = NotifySocket(environment)
    async with AsyncExitStack() as stack:
        opened: dict[str, OpenStore] = {}
        for number, settings in enumerate(collection.stores, start=1):
            store = open_store(settings, secret=lambda ref: secret(ref, environment), vocabulary=vocabulary)
            opened[f"{settings.kind}_{number}"] = await stack.enter_async_context(store)
        page: PageParts | None = None
        facts: CollectorFacts | None = None
        if collection.web is not None or collection.alerts is not None:
            # The first store answers what the page asks, and what it took is what the page shows.
            name, first = next(iter(opened.items()))
            facts = _facts(collection, first, vocabulary=vocabulary, clock=clock)
            await asyncio.to_thread(facts.load, data / "catalogues")
            opened[name] = WatchedStore(first, facts)
        if collection.web is not None and facts is not None:
            before = [portfolio_page(SitePortfolio(facts, clock=clock))]
            page = PageParts(collection.web, facts, vocabulary, clock, data, before=before)
        stores: dict[str, Store] = dict(opened)
        collector = Collector(
            broker,
            stores,
            surroundings=Surroundings(clock, random, vocabulary, data),
            settings=CollectorSettings(sites=collection.sites, group=collection.group, origin=origin),
            told=None if facts is None else facts.tell,
        )
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(feed_watchdog(manager, clock, {}), name="watchdog")]
            if page is not None:
                others.append(tasks.create_task(PageServer(page).serve(), name="page"))
            if facts is not None:
                others.append(tasks.create_task(facts.completeness.run(), name="completeness"))
            if collection.alerts is not None and facts is not None:
                around = Around(data, collection.broker.url, lambda: collector.connected, collector.counters.troubles)
                watchman = Watchman(
                    collection.alerts,
                    Lookout(facts, vocabulary, around, language=collection.alerts.language),
                    channels(collection.alerts, environment),
                    post=Post(origin.name, "UTC", clock, data),
                )
                others.append(tasks.create_task(watchman.run(), name="alerts"))
            manager.say("READY=1")
            log.info("%s: collecting %s into %s", origin.name, ", ".join(collection.sites), ", ".join(stores))
            await collector.run(stop)
            manager.say("STOPPING=1")
            for each in others:
                each.cancel()


def _facts(collection: Collection, store: OpenStore, *, vocabulary: Vocabulary, clock: Clock) -> CollectorFacts:
    settings = collection.stores[0]
    events = stored_events(Path(settings.path)) if isinstance(settings, EmbeddedStoreSettings) else None
    return CollectorFacts(vocabulary, clock=clock, history=store, stored_events=events, sites=collection.sites)
