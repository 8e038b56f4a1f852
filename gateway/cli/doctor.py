"""`kvarter doctor`: is this machine fit for its file?"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop

from gateway.cli.console import print_table, say
from gateway.cli.progress import bar

if TYPE_CHECKING:
    from gateway.app.doctor import Verdict

EXIT_WRONG = 1


def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Site or collector file (YAML).")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Examine clock, disk, ports, broker and stores; say of each fault how it is mended."""
    verdicts = uvloop.run(_examine(file))
    wrong = [verdict for verdict in verdicts if not verdict.is_well]
    if as_json:
        typer.echo(json.dumps([verdict.as_json() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        rows = [(each.what, "ok" if each.is_well else "WRONG", each.says) for each in verdicts]
        print_table(("what", "", "found"), rows)
        typer.echo()
        for verdict in wrong:
            say(f"{verdict.what}: {verdict.mend}")
        if not wrong:
            typer.echo("all is well")
    if wrong:
        raise typer.Exit(EXIT_WRONG)


async def _examine(file: Path | None) -> "list[Verdict]":
    from gateway.app.doctor import examine

    found = []
    with bar("examining") as progress:
        async for verdict in examine(file, environment=os.environ):
            found.append(verdict)
            progress.step(f"examined: {verdict.what}")
    return found
