"""`kvarter demo`: everything at once, with a simulated district."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.console import set_up_log
from gateway.cli.roles import until_stopped
from gateway.core.errors import ConfigError
from gateway.core.scalars import parse_duration


def demo(
    *,
    headless: Annotated[bool, typer.Option("--headless", help="No screen: for scripts.")] = False,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Stop after this time, for example 60s.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep everything here; a folder that is removed, if left out.")
    ] = None,
    break_: Annotated[
        Literal["drop", "duplicate", "alter"] | None,
        typer.Option("--break", help="Spoil the store on purpose: the audit must fail."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the district.")] = 0,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the page is, for this machine only; port 0: any.")
    ] = "127.0.0.1:8080",
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON; implies --headless.")] = False,
) -> None:
    """Run a simulated district, gateway, broker, collector and store; audit every value at the end."""
    from gateway.app.demo import Demo, run_demo

    if not headless and not as_json:
        set_up_log(logging.ERROR)  # the screen shows what goes wrong; lines between would tear it
    wanted = Demo(
        headless=headless,
        for_s=None if for_ is None else _seconds(for_),
        data=data,
        breaking=break_,
        seed=seed,
        listen=listen,
        as_json=as_json,
    )
    balanced = False

    async def run(stop: asyncio.Event) -> None:
        nonlocal balanced
        balanced = await run_demo(wanted, stop=stop)

    until_stopped(run)
    if not balanced:
        raise typer.Exit(1)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise ConfigError(f"--for {text}: {exc}") from exc
