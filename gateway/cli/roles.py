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

    until_told(lambda stop, again: run_single(site, environment=os.environ, stop=stop, again=again))


def edge(site: SiteFile) -> None:
    """Read a building and send it to a collector over MQTT."""
    from gateway.app.edge_role import run_edge

    until_told(lambda stop, again: run_edge(site, environment=os.environ, stop=stop, again=again))


def collect(collector: CollectorFile) -> None:
    """Take the batches of many sites and write them to the stores."""
    from gateway.app.collector import run_collector

    until_stopped(lambda stop: run_collector(collector, environment=os.environ, stop=stop))


def until_stopped(role: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a role until SIGTERM or SIGINT sets its event."""
    until_told(lambda stop, _: role(stop))


def until_told(role: Callable[[asyncio.Event, asyncio.Event], Awaitable[None]]) -> None:
    """Run a role until SIGTERM or SIGINT sets its first event; SIGHUP sets the second, to read its file again."""

    async def guarded() -> None:
        stop, again = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, again.set)
        await role(stop, again)

    uvloop.run(guarded())
