"""`kvarter init`: a first site file, asked for."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.init import Answers

Ports = Annotated[
    list[str] | None, typer.Option("--port", metavar="PORT", help="Serial port or HOST:PORT; may be repeated.")
]


def init(
    path: Annotated[Path, typer.Argument(metavar="[SITE]", help="The site file to write.")] = Path("site.yaml"),
    *,
    name: Annotated[str | None, typer.Option(help="Of the building, for people.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name; this machine's if left out.")] = None,
    port: Ports = None,
    scan: Annotated[bool | None, typer.Option("--scan/--no-scan", help="Look at once what is on the ports.")] = None,
    password: Annotated[
        bool | None, typer.Option("--password/--no-password", help="Set the password of the page at once.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a first site file with comments: asks for what no option says, and offers a scan."""
    from gateway.app.init import write_first

    if path.exists():
        raise ConfigError(f"{path}: stands there already and is not touched; name another file")
    asks = sys.stdin.isatty() and not as_json
    answers = _answers(name, timezone, port, asks=asks)
    wants_scan = scan if scan is not None else bool(answers.ports) and asks and typer.confirm("Scan the ports now?")
    # What a scan finds brings its port along, with the speed at which it answered.
    write_first(path, replace(answers, ports=()) if wants_scan else answers)
    if not as_json:
        typer.echo(f"{path}: written")
    for each in answers.ports if wants_scan else ():
        _scan(path, each)
    wants = password if password is not None else asks and typer.confirm("Set the password of the page now?")
    if wants:
        _set_password(path)
    if as_json:
        tree = {"file": str(path), "name": answers.name, "timezone": answers.timezone, "ports": list(answers.ports)}
        typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"next: kvarter check {path}, then kvarter run {path}")


def _answers(name: str | None, timezone: str | None, ports: list[str] | None, *, asks: bool) -> "Answers":
    from gateway.app.init import Answers, local_timezone, parse_ports, serial_ports

    if name is None and not asks:
        raise ConfigError("nobody is there to ask: give at least --name")
    name = name if name is not None else typer.prompt("Name of the building")
    here = local_timezone()
    if timezone is None:
        timezone = typer.prompt("Time zone", default=here) if asks else here
    if ports is None and asks:
        found = " ".join(serial_ports())
        ports = [typer.prompt("Ports: serial device or HOST:PORT, with spaces between", default=found)]
    return Answers(name.strip(), timezone.strip(), parse_ports(ports or ()))


def _scan(path: Path, port: str) -> None:
    from gateway.cli.scan import scan

    typer.echo(f"scanning {port}")
    try:
        if port.startswith("/"):
            scan(serial=Path(port), quick=True, write=path)
        else:
            scan(tcp=port, quick=True, write=path)
    except typer.Exit:
        typer.echo(f"{port}: nobody found; `kvarter scan` searches longer")


def _set_password(path: Path) -> None:
    from gateway.cli.web import password

    password(path)
