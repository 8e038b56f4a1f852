"""`run`, `edge` and `collect`: the services."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop

SiteFile = Annotated[Path, typer.Argument(metavar="SITE", help="Site file (YAML).")]
CollectorFile = Annotated[Path, typer.Argument(metavar="COLLECTOR", help="Collector file (YAML).")]


def run(site: SiteFile) -> None:
    """Read a building and keep it here: edge, collector and embedded store in one."""
    from gateway.app.single import run_single

    until_stopped(lambda stop: run_single(site, environment=os.environ, stop=stop))


def edge(site: SiteFile) -> None:
    """Read a building and send it to a collector over MQTT."""
    from gateway.app.edge import run_edge

    until_stopped(lambda stop: run_edge(site, environment=os.environ, stop=stop))


def collect(collector: CollectorFile) -> None:
    """Take the batches of many sites and write them to the stores."""
    from gateway.app.collector import run_collector

    until_stopped(lambda stop: run_collector(collector, environment=os.environ, stop=stop))


def until_stopped(role: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a role until SIGTERM or SIGINT sets its stop event."""

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await role(stop)

    uvloop.run(guarded())
