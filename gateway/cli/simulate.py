"""`kvarter simulate`: any profile as a device on a real socket or line."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.roles import until_stopped
from gateway.core.errors import ConfigError


def simulate(
    profile: Annotated[
        str | None, typer.Argument(metavar="[PROFILE]", help="Profile id, or the path of a profile file.")
    ] = None,
    *,
    capture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Replay what `kvarter trace --capture` caught instead.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve on a socket; port 0 takes a free one.")
    ] = None,
    pty: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Serve RTU on a pseudo-terminal at this path.")
    ] = None,
    unit: Annotated[int | None, typer.Option(min=0, max=255, help="Unit id; the profile's if left out.")] = None,
    framing: Annotated[Literal["tcp", "rtu"], typer.Option(help="Of the socket.")] = "tcp",
    values: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML: vocabulary point to number; a plausible life without it.")
    ] = None,
    faults: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="Faults in front, for example late=0.05,split=0.2.")
    ] = "",
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Note every answer here, one JSON line each.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the plausible life and the faults.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Serve a profile as a device until Ctrl-C."""
    from gateway.app.simulate import Simulation, run_simulation

    if (listen is None) == (pty is None):
        raise ConfigError("say where to serve: exactly one of --listen HOST:PORT and --pty PATH")
    if (profile is None) == (capture is None):
        raise ConfigError("say what to serve: a PROFILE, or --capture FILE")
    wanted = Simulation(
        profile,
        capture=capture,
        listen=listen,
        pty=pty,
        unit=unit,
        framing=framing,
        values=values,
        faults=faults,
        log=log,
        seed=seed,
    )

    def announce(text: str) -> None:
        typer.echo(json.dumps({"serves": text}, ensure_ascii=False) if as_json else text)

    async def serve(stop: asyncio.Event) -> None:
        await run_simulation(wanted, stop=stop, announce=announce)

    until_stopped(serve)
