"""`kvarter history`: what a point did, as a plot in the terminal, as CSV or as JSON."""

import os
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.progress import bar
from gateway.core.errors import ConfigError


def history(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Id of the device.")],
    point: Annotated[str, typer.Argument(metavar="POINT", help="Name in the vocabulary.")],
    *,
    store: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of an embedded store.")] = None,
    site: Annotated[Path | None, typer.Option(metavar="SITE", help="Site file whose store is read.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="ISO 8601, or so long before the end: 7d. [1d]")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="ISO 8601. [now]")] = None,
    every: Annotated[str | None, typer.Option(metavar="DURATION", help="Length of a piece. [as drawn]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Show what a point did: a plot, CSV or JSON. Gaps stay empty, counters show what they counted."""
    from gateway.app.history import length_of, place_of, range_of, read_history

    if as_json and as_csv:
        raise ConfigError("--json and --csv: take one of them")
    place = place_of(store=store, site=site, environment=os.environ)
    between = range_of(start, end, now_ms=time.time_ns() // 1_000_000, timezone=place.timezone)
    columns = shutil.get_terminal_size().columns
    length_ms = length_of(every, between=between, columns=columns)
    with bar("reading the store"):
        found = read_history(place, device, point, between=between, length_ms=length_ms)
    if as_json:
        typer.echo(found.as_json())
    elif as_csv:
        typer.echo(found.as_csv(), nl=False)
    else:
        typer.echo("\n".join(found.drawing(columns)))
