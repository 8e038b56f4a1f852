"""The role where the store is: broker → checks → stores → receipts."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from random import SystemRandom

from gateway import __version__
from gateway.app.access import mqtt_access, secret
from gateway.app.clock import SystemClock
from gateway.app.folders import data_folder
from gateway.app.memory import collector_name
from gateway.app.notify import NotifySocket, feed_watchdog
from gateway.broker.mqtt import MqttBroker
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings, Origin
from gateway.core.collection import Collection
from gateway.core.protocols import Store
from gateway.core.quantity import load_vocabulary
from gateway.document.validation import load
from gateway.stores.open import open_store

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
        stores: dict[str, Store] = {}
        for number, settings in enumerate(collection.stores, start=1):
            opened = open_store(settings, secret=lambda ref: secret(ref, environment), vocabulary=vocabulary)
            stores[f"{settings.kind}_{number}"] = await stack.enter_async_context(opened)
        collector = Collector(
            broker,
            stores,
            surroundings=Surroundings(clock, random, vocabulary, data),
            settings=CollectorSettings(sites=collection.sites, group=collection.group, origin=origin),
        )
        if collection.web is not None:
            log.warning("web: this version has no page; the key is accepted and nothing listens")
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(feed_watchdog(manager, clock, {}), name="watchdog")
            manager.say("READY=1")
            log.info("%s: collecting %s into %s", origin.name, ", ".join(collection.sites), ", ".join(stores))
            await collector.run(stop)
            manager.say("STOPPING=1")
            watch.cancel()
