"""`kvarter trace`: every frame on a link, annotated."""

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import uvloop

from gateway.cli.progress import bar
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.trace import TraceLine
    from gateway.core.site import LinkSettings


def trace(
    *,
    serial: Annotated[Path | None, typer.Option(metavar="PORT", help="Serial port.")] = None,
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Socket of a device or converter.")] = None,
    framing: Annotated[
        Literal["tcp", "rtu", "ascii"] | None, typer.Option(help="rtu on a serial port, tcp on a socket if left out.")
    ] = None,
    baud: Annotated[int, typer.Option(help="Baud rate; the service's own where it owns the port.")] = 9600,
    parity: Annotated[Literal["none", "even", "odd"], typer.Option(help="Parity.")] = "none",
    data_bits: Annotated[int, typer.Option(min=7, max=8, help="Data bits.")] = 8,
    capture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep every byte here; `kvarter simulate --capture` replays it.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so long; Ctrl-C stops as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Show every frame on a link: of the running service, or of whoever speaks there."""
    from gateway.app.trace import capture_to, trace_link

    if (serial is None) == (tcp is None):
        raise ConfigError("say where to listen: exactly one of --serial PORT and --tcp HOST:PORT")
    link = _link(serial, tcp, framing=framing, line={"baudrate": baud, "parity": parity, "data_bits": data_bits})

    def show(line: "TraceLine") -> None:
        typer.echo(json.dumps(asdict(line)) if as_json else str(line))
        if progress is not None:
            progress.step()

    async def follow() -> None:
        try:
            async with asyncio.timeout(seconds):
                await trace_link(
                    link,
                    environment=os.environ,
                    show=show,
                    capture=note,
                    opened=lambda text: typer.echo(text, err=True),
                )
        except TimeoutError:
            return

    with ExitStack() as stack:
        note = stack.enter_context(capture_to(capture, link)) if capture else None
        # Where the lines are seen, they are what shows that it goes on.
        progress = None if sys.stdout.isatty() else stack.enter_context(bar("frames", counted=True))
        uvloop.run(follow())


def _link(serial: Path | None, tcp: str | None, *, framing: str | None, line: dict[str, str | int]) -> "LinkSettings":
    from pydantic import ValidationError

    from gateway.core.site import LinkSettings

    tree: dict[str, object] = {"id": "trace", "framing": framing}
    tree |= {"serial": str(serial), "stop_bits": 1, **line} if serial else {"tcp": tcp}
    try:
        return LinkSettings.model_validate(tree)
    except ValidationError as exc:
        raise ConfigError(
            "\n".join(f"--{error['loc'][0]}: {error['msg']}" for error in exc.errors() if error["loc"])
        ) from exc
