"""`kvarter profiles`: what this installation can read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import print_table

app = typer.Typer(help="Device profiles.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Device profiles."""


@app.command("list")
def list_profiles(
    *,
    folder: Annotated[list[Path] | None, typer.Option("--folder", help="Search here first; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the profiles of this installation."""
    from drivers.catalog import Catalog
    from gateway.core.quantity import load_vocabulary

    found = [file.profile for file in Catalog(load_vocabulary(), tuple(folder or ()))]
    if as_json:
        entries = [
            {
                "id": profile.profile,
                "maker": profile.maker,
                "model": profile.model,
                "kind": profile.kind,
                "protocol": profile.protocol,
                "points": [point.point for point in profile.points],
            }
            for profile in found
        ]
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    rows = [(p.profile, p.maker, p.model, p.kind.replace("_", " "), p.protocol, str(len(p.points))) for p in found]
    print_table(("profile", "maker", "model", "kind", "protocol", "points #"), rows)
