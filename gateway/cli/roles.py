"""`run`, `edge` and `collect`: the services."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.console import log_as_json

SiteFile = Annotated[Path, typer.Argument(metavar="SITE", help="Site file (YAML).")]
CollectorFile = Annotated[Path, typer.Argument(metavar="COLLECTOR", help="Collector file (YAML).")]
JsonLog = Annotated[bool, typer.Option("--json", help="Write the log as JSON lines.")]


def run(site: SiteFile, *, as_json: JsonLog = False) -> None:
    """Read a building and keep it here: edge, collector and embedded store in one."""
    from gateway.app.single import run_single

    if as_json:
        log_as_json()
    until_told(lambda stop, again: run_single(site, environment=os.environ, stop=stop, again=again))


def edge(site: SiteFile, *, as_json: JsonLog = False) -> None:
    """Read a building and send it to a collector over MQTT."""
    from gateway.app.edge_role import run_edge

    if as_json:
        log_as_json()
    until_told(lambda stop, again: run_edge(site, environment=os.environ, stop=stop, again=again))


def collect(collector: CollectorFile, *, as_json: JsonLog = False) -> None:
    """Take the batches of many sites and write them to the stores."""
    from gateway.app.collector import run_collector

    if as_json:
        log_as_json()
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
