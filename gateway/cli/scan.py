"""`kvarter scan`: what is on this bus?"""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import uvloop

from gateway.cli.console import print_table, say
from gateway.cli.progress import drawing
from gateway.cli.questions import EXIT_INTERRUPTED, confirm
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from drivers.scan.found import FoundDevice
    from gateway.app.scan import ScanOptions
    from gateway.app.scan_port import PortScan
    from gateway.core.sentences import Sentence

EXIT_NOBODY = 3


class ProgressBar:
    """Implements Watcher: a bar on standard error, with what was found above it.

    Args:
        yes: Send although somebody else does.
    """

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.bar: Progress = drawing()
        self._task: TaskID | None = None

    def stage(self, what: "Sentence", total: int) -> None:
        """Note that a part of so many steps begins."""
        if self._task is not None:
            self.bar.remove_task(self._task)
        self._task = self.bar.add_task(str(what), total=total)

    def step(self, done: int) -> None:
        """Note how many steps are done."""
        if self._task is not None:
            self.bar.update(self._task, completed=done)

    def found(self, device: "FoundDevice") -> None:
        """Show a device at once."""
        self.bar.console.print(f"found {place_of(device)}: {model_of(device)}", markup=False)

    def may_send(self, reason: str) -> bool:
        """Return whether to send although somebody else does."""
        if self._yes:
            return True
        self.bar.stop()
        if not os.isatty(0):
            typer.echo(f"{reason} Nothing is sent; --yes sends all the same.", err=True)
            return False
        answer = confirm(f"{reason} Send all the same?", err=True)
        self.bar.start()
        return answer


def scan(
    *,
    serial: Annotated[Path | None, typer.Option(metavar="PORT", help="Serial port.")] = None,
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Modbus over TCP.")] = None,
    framing: Annotated[
        Literal["tcp", "rtu", "ascii"] | None, typer.Option(help="rtu on a serial port, tcp on a socket if left out.")
    ] = None,
    baud: Annotated[int | None, typer.Option(help="Only this baud rate; the usual ones if left out.")] = None,
    parity: Annotated[Literal["none", "even", "odd"] | None, typer.Option(help="Only this parity.")] = None,
    units: Annotated[str | None, typer.Option(metavar="1-247", help="Only these units.")] = None,
    mbus: Annotated[
        bool, typer.Option("--mbus", help="Search M-Bus meters, by primary and secondary address.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only the units that devices leave the factory with.")] = False,
    listen: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="How long to listen before anything is sent.")
    ] = None,
    survey: Annotated[bool, typer.Option("--survey", help="List the registers of devices that nobody knows.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send although another client is on the bus.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="SITE", help="Add what is found to this site file; it is begun if missing.")
    ] = None,
    capture: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep every byte here, to be simulated.")] = None,
    profiles: Annotated[list[Path] | None, typer.Option(metavar="FOLDER", help="Profiles of your own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what is on a bus: listen, ask who is there, and tell which model it is."""
    given = {"serial": str(serial) if serial else None, "tcp": tcp, "framing": framing}
    options = _options({name: value for name, value in given.items() if value is not None}, baud=baud, parity=parity)
    options = _narrowed(options, units=units, mbus=mbus, quick=quick, survey=survey, listen=listen)
    found, interrupted = _search(options, yes=yes, profiles=profiles or (), capture=capture)
    _report(found, as_json=as_json)
    if write is not None:
        add_found(write, found, options)
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if not found.findings.devices:
        raise typer.Exit(EXIT_NOBODY)


def look_quickly(port: str) -> "tuple[PortScan, ScanOptions]":
    """Show what a quick scan of a port finds, and return it; Ctrl-C ends it early.

    Args:
        port: Device path or HOST:PORT.

    Raises:
        ConfigError: there can be no such port.
    """
    options = _options({"serial" if port.startswith("/") else "tcp": port}, baud=None, parity=None)
    options = _narrowed(options, units=None, mbus=False, quick=True, survey=False, listen=None)
    found, _ = _search(options, yes=False, profiles=(), capture=None)
    _report(found, as_json=False)
    return found, options


def _search(
    options: "ScanOptions", *, yes: bool, profiles: Sequence[Path], capture: Path | None
) -> "tuple[PortScan, bool]":
    """Return what is on a port, and whether the search was stopped before its end."""
    from gateway.app.scan_port import PortScan
    from gateway.app.trace import capture_to

    watcher = ProgressBar(yes=yes)
    with ExitStack() as stack:
        trace = stack.enter_context(capture_to(capture, options.link)) if capture else None
        found = PortScan(options, watcher, environment=os.environ, profiles=profiles, capture=trace)
        stack.enter_context(watcher.bar)
        try:
            uvloop.run(found.run())
        except KeyboardInterrupt:
            found.findings.evidence.interrupted = True
            return found, True
    return found, False


def _options(link: dict[str, str], *, baud: int | None, parity: Literal["none", "even", "odd"] | None) -> "ScanOptions":
    from pydantic import ValidationError

    from gateway.app.scan import ScanOptions
    from gateway.core.site import LinkSettings

    if ("serial" in link) == ("tcp" in link):
        raise ConfigError("say where to look: exactly one of --serial PORT and --tcp HOST:PORT")
    try:
        settings = LinkSettings.model_validate({"id": "scan", **link})
    except ValidationError as exc:
        said = (f"--{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}" for error in exc.errors())
        raise ConfigError("\n".join(said)) from exc
    return ScanOptions(settings, baudrate=baud, parity=parity)


def _narrowed(
    options: "ScanOptions", *, units: str | None, mbus: bool, quick: bool, survey: bool, listen: float | None
) -> "ScanOptions":
    from dataclasses import replace

    from drivers.scan.candidates import parse_units

    shorter_s = QUICK_LISTEN_S if quick or not options.is_serial else options.listen_s
    return replace(
        options,
        units=parse_units(units) if units is not None else None,
        mbus=mbus,
        quick=quick,
        survey=survey,
        listen_s=listen if listen is not None else shorter_s,
    )


QUICK_LISTEN_S = 1.5
"""Long enough for another client, which asks at least once a second as a rule."""


def _report(found: "PortScan", *, as_json: bool) -> None:
    tree = found.as_json()
    if as_json:
        typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))
        return
    devices = found.findings.devices
    if devices:
        rows = [_row(device) for device in devices]
        print_table(("address", "settings", "model", "confidence #", "or", "says"), rows)
    for device in devices:
        for row in device.survey:
            words = " ".join(f"{word:04x}" for word in row.registers)
            typer.echo(f"{place_of(device)}: {row.table} {row.address}: {words}")
    for sentence in tree["verdict"] if isinstance(tree["verdict"], list) else ():
        say(sentence)


def _row(device: "FoundDevice") -> tuple[str, ...]:
    others = ", ".join(f"{each.profile} {each.confidence:.0%}" for each in device.candidates[1:3])
    says = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in device.identity.items())
    return (
        place_of(device),
        str(device.speed or ""),
        model_of(device),
        f"{device.best.confidence:.0%}" if device.best else "",
        others,
        "; ".join(filter(None, (says, device.note))),
    )


def place_of(device: "FoundDevice") -> str:
    """Return where a device is, as a person says it."""
    return f"unit {device.unit_id}" if device.unit_id is not None else f"{device.protocol} {device.address}".strip()


def model_of(device: "FoundDevice") -> str:
    """Return which model a device is, as far as that is known."""
    return f"{device.best.name} ({device.best.profile})" if device.best else "unknown model"


def add_found(path: Path, found: "PortScan", options: "ScanOptions") -> None:
    """Add what was found to a site file, and say what is not in it.

    Raises:
        ConfigError: the file is wrong, or cannot be written.
    """
    from gateway.app.scan_write import write_site

    written = write_site(path, found.findings, options.link)
    if written.added:
        typer.echo(f"{path}: added {', '.join(written.added)}", err=True)
    for reason in written.left_out:
        typer.echo(f"not written: {reason}", err=True)
