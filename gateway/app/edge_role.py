"""`kvarter edge`: a gateway that sends to a collector, with a page of its own where the site file wants one."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gateway.app.configuration import load_configuration
from gateway.app.edge import Edge
from gateway.app.lanes import mqtt_destination
from gateway.app.machine import this_machine
from gateway.app.page import PageServer
from gateway.app.page_commissioning import Bench
from gateway.app.page_facts import EdgeFacts
from gateway.app.page_roles import edge_page
from gateway.core.quantity import load_vocabulary
from gateway.web.commissioning_page import commissioning_page


async def run_edge(
    path: Path, *, environment: Mapping[str, str], stop: asyncio.Event, again: asyncio.Event | None = None
) -> None:
    """Read a site and send it to its broker until stopped; `again` has the file read again.

    Raises:
        ConfigError: the site file is wrong or names no broker.
    """
    configuration = load_configuration(path, load_vocabulary())
    site = configuration.site
    machine = this_machine(trusted=site.clock == "trusted")
    destinations = [mqtt_destination(configuration, environment)]
    if site.web is None:
        edge = Edge(configuration, environment=environment, destinations=destinations, machine=machine)
        await edge.run(stop, again=again)
        return
    facts = EdgeFacts(configuration, clock=machine.clock)
    edge = Edge(
        configuration,
        environment=environment,
        destinations=destinations,
        live=[facts.show],
        told=[facts.event],
        machine=machine,
    )
    again = again or asyncio.Event()
    bench = Bench(path, site.site, edge.data, environment=environment, reload=again.set)
    server = PageServer(edge_page(edge, facts, site.web, pages=[commissioning_page(bench)]))
    async with asyncio.TaskGroup() as tasks:
        page = tasks.create_task(server.serve(), name="page")
        await edge.run(stop, again=again)
        page.cancel()
