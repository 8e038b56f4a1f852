"""How sites are, as far as their broker knows: the retained status of each gateway and collector."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

from gateway.app.access import mqtt_access
from gateway.broker.mqtt import MqttBroker
from gateway.core.collection import Collection
from gateway.core.errors import LinkDown, WireError
from gateway.core.site import BrokerSettings, Site
from gateway.document.tree import load_document
from gateway.document.validation import load
from gateway.wire.status import decode_status
from gateway.wire.topics import Topics, every_site, parse_topic

QUIET_S = 1.0
"""Retained messages come at once; after so long without another one all were there."""


async def remote_status(path: Path, *, environment: Mapping[str, str]) -> dict[str, object]:
    """Return site or collector → what its retained status says.

    Args:
        path: A site file, for that site, or a collector file, for all.
        environment: Where the service manager hands over credentials.

    Raises:
        ConfigError: the file is wrong.
        LinkDown: it names no broker.
        SinkUnavailable: the broker cannot be reached.
    """
    settings, topic = _broker(path)
    client = f"kvarter-status-{SystemRandom().getrandbits(32):08x}"
    broker = MqttBroker(settings, mqtt_access(settings, client_id=client, environment=environment))
    found: dict[str, object] = {}
    async with broker.connect() as session:
        await session.subscribe(topic)
        messages = aiter(session.messages())
        with suppress(TimeoutError, StopAsyncIteration):
            while True:
                async with asyncio.timeout(QUIET_S):
                    message = await anext(messages)
                parsed = parse_topic(message.topic)
                with suppress(WireError):
                    if parsed is not None:
                        found[parsed[0]] = decode_status(message.payload)
    return found


def is_collector(path: Path) -> bool:
    """Return whether the file is a collector's.

    Raises:
        ConfigError: it cannot be read.
    """
    tree = load_document(path).tree
    return isinstance(tree, dict) and "stores" in tree


def _broker(path: Path) -> tuple[BrokerSettings, str]:
    if is_collector(path):
        return load(path, Collection).broker, every_site("status")
    site = load(path, Site)
    if site.broker is None:
        raise LinkDown(f"no service of {site.site} runs here, and {path} names no broker to ask; is it running?")
    return site.broker, Topics(site.site).status
