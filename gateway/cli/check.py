"""`kvarter check`: is the site file right, and can the buses do it?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import print_table, say


def check(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="Site file (YAML).")],
    *,
    fit: Annotated[bool, typer.Option("--fit", help="Write the fastest intervals that fit into the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate a site file; print the read plan, each bus's load and how long the disk lasts."""
    from gateway.app.check import check_site, fit_site

    if fit:
        for line in fit_site(site):
            typer.echo(line)
    report = check_site(site)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        print_table(("device", "profile", "link", "unit #", "interval", "requests", "takes #"), report.plan_rows())
        typer.echo()
        print_table(("link", "port", "load #", "fastest that fit", "verdict"), report.link_rows())
        typer.echo()
        for line in report.remarks:
            say(line)
    if not report.works:
        raise typer.Exit(2)
