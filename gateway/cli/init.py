"""`kvarter init`: a first site file, asked for."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.questions import ask, confirm
from gateway.cli.scan import add_found, look_quickly
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.init import Answers
    from gateway.app.scan import ScanOptions
    from gateway.app.scan_port import PortScan

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
    wants_scan = scan if scan is not None else bool(answers.ports) and asks and confirm("Scan the ports now?")
    if as_json and wants_scan:
        raise ConfigError("--json and --scan: take one of them; kvarter scan --json prints what is on a port")
    found = {each: _scan(each) for each in answers.ports} if wants_scan else {}
    # What a scan finds brings its port along, with the speed at which it answered.
    write_first(path, replace(answers, ports=tuple(each for each in answers.ports if not found.get(each))))
    for each in filter(None, found.values()):
        add_found(path, *each)
    if not as_json:
        typer.echo(f"{path}: written")
    wants = password if password is not None else asks and confirm("Set the password of the page now?")
    if wants:
        _set_password(path)
    if as_json:
        tree = {"file": str(path), "name": answers.name, "timezone": answers.timezone, "ports": list(answers.ports)}
        typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"next: kvarter check {path}, then kvarter run {path}")


def _answers(name: str | None, timezone: str | None, ports: list[str] | None, *, asks: bool) -> "Answers":
    from gateway.app.asking import check_name, check_ports, check_timezone
    from gateway.app.init import Answers, local_timezone, parse_ports, serial_ports

    if name is None and not asks:
        raise ConfigError("nobody is there to ask: give at least --name")
    name = name if name is not None else ask("Name of the building", check=check_name)
    here = local_timezone()
    if timezone is None:
        timezone = ask("Time zone", default=here, check=check_timezone) if asks else here
    check_name(name)
    check_timezone(timezone)
    if ports is None and asks:
        adapters = serial_ports()
        for adapter in adapters:
            typer.echo(f"found: {adapter}")
        words = ask(
            "Ports: /dev/... or HOST:PORT, with spaces between" + ("" if adapters else "; Enter for none yet"),
            default=" ".join(adapters),
            check=lambda typed: check_ports(parse_ports([typed])),
        )
        ports = [words]
    return Answers(name.strip(), timezone.strip(), parse_ports(ports or ()))


def _scan(port: str) -> "tuple[PortScan, ScanOptions] | None":
    """Return what a quick scan found on a port, None where it found nobody that a site file can name."""
    typer.echo(f"{port}: scanning")
    found, options = look_quickly(port)
    if any(device.best for device in found.findings.devices):
        return found, options
    typer.echo(f"{port}: stays in the file without devices; `kvarter scan` searches longer")
    return None


def _set_password(path: Path) -> None:
    from gateway.cli.web import password

    password(path)
