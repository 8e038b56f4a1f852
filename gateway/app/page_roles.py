"""The page of each role: which facts, which history, which pages."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.app.edge import Edge
from gateway.app.page import PageParts
from gateway.app.page_facts import EdgeFacts, StoredEvents
from gateway.core.site import WebSettings
from gateway.stores.read_back import read_back
from gateway.web.facts import EventFacts
from gateway.web.page import Page


def stored_events(folder: Path) -> StoredEvents:
    """Return what reads the newest events of the embedded store in a folder."""

    def look(site: str, device: str | None, limit: int) -> list[EventFacts]:
        try:
            with read_back(folder) as store:
                found = store.newest_events(site, device, limit=limit)
        except FileNotFoundError:
            return []
        return [EventFacts(site, each.time_ms, each.event) for each in found]

    async def read(site: str, device: str | None, limit: int) -> Sequence[EventFacts]:
        return await asyncio.to_thread(look, site, device, limit)

    return read


def edge_page(edge: Edge, facts: EdgeFacts, settings: WebSettings, *, pages: Sequence[Page] = ()) -> PageParts:
    """Return what the page of a gateway is made of.

    Args:
        edge: The gateway.
        facts: That are told of everything it reads.
        settings: Where the page listens.
        pages: Beside those that every role has.
    """
    facts.look_at(edge)
    vocabulary = edge.configuration.vocabulary
    return PageParts(settings, facts, vocabulary, edge.clock, edge.data, pages=pages, pulse=facts.pulse)
