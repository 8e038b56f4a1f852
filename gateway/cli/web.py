"""`kvarter web`: the password of the page, and how a browser reaches it."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.cli.questions import ask_secret
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.page_access import Reach

app = typer.Typer(no_args_is_help=True, help="The page: set its password, show its address.")
ConfigurationFile = Annotated[Path, typer.Argument(metavar="FILE", help="Site or collector file (YAML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def password(
    file: ConfigurationFile,
    *,
    role: Annotated[
        Literal["viewer", "manager"], typer.Option(help="A viewer looks; a manager may also change something.")
    ] = "manager",
    from_stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input: for scripts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set a password of the page; with one, the page is reached from the local network, encrypted."""
    from gateway.app.asking import check_password
    from gateway.app.page_access import find_page, give_password, reach

    place = find_page(file, os.environ)
    if from_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise ConfigError("nobody is there to type the password: add --stdin, and send it to standard input")
    else:
        secret = ask_secret(f"New password of the {role} (nothing is shown)", check=check_password)
    give_password(place, role, secret)
    if as_json:
        _print_json(reach(place))
        return
    typer.echo(f"The password of the {role} is set. Whoever was signed in signs in anew.")
    _show(reach(place), qr=sys.stdout.isatty())


@app.command()
def address(
    file: ConfigurationFile,
    *,
    qr: Annotated[bool, typer.Option("--qr/--no-qr", help="Draw the address as a QR code.")] = True,
    as_json: AsJson = False,
) -> None:
    """Show where the page is, as text and as a QR code, with the fingerprint of its certificate."""
    from gateway.app.page_access import find_page, reach

    found = reach(find_page(file, os.environ))
    if as_json:
        _print_json(found)
        return
    _show(found, qr=qr)


def _print_json(found: "Reach") -> None:
    shown = {"urls": found.urls, "fingerprint": found.fingerprint, "waits_for_password": found.waits_for_password}
    typer.echo(json.dumps(shown))


def _show(found: "Reach", *, qr: bool) -> None:
    """Print how a browser reaches the page."""
    if not found.urls:
        typer.echo("There is no page: web.listen is off.")
        return
    if found.waits_for_password:
        typer.echo("The page is for this machine only, until a password is set: kvarter web password FILE")
    for url in found.urls:
        typer.echo(url)
    if found.fingerprint:
        typer.echo("The device made its own certificate, so a browser warns once. Compare the SHA-256 fingerprint:")
        typer.echo(found.fingerprint)
    if qr:
        import segno

        segno.make(found.urls[0], micro=False).terminal(out=sys.stdout, compact=True)
