"""`kvarter status` and `kvarter reload`: a word with the running service."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop

from gateway.cli.console import complain, print_table, say
from gateway.core.errors import LinkDown, SinkUnavailable

EXIT_WRONG = 1
WATCH_S = 2.0
_CLEAR = "\033[2J\033[H"

SiteOption = Annotated[Path | None, typer.Option("--site", metavar="FILE", help="Site or collector file.")]
SocketOption = Annotated[Path | None, typer.Option("--socket", metavar="PATH", help="Local socket of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tree = Mapping[str, object]
_DELIVERY = ("delivered to", "connected", "waiting #", "oldest", "confirmed stored #")
_BUS = ("bus", "port", "requests #", "no answer in time #", "discarded #", "asked less often")
_DEVICE = ("device", "value #", "unit", "age #", "state", "profile", "bus")


def status(
    *,
    site: SiteOption = None,
    socket: SocketOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every two seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the service is: devices, buses, what waits to be delivered, and what is wrong."""
    if watch:
        _watch(site, socket, as_json=as_json)
    if _look(site, socket, as_json=as_json):
        raise typer.Exit(EXIT_WRONG)


def _watch(site: Path | None, socket: Path | None, *, as_json: bool) -> NoReturn:
    """Show it for ever; a service that is restarted meanwhile is waited for."""
    is_screen = sys.stdout.isatty() and not as_json
    while True:
        if is_screen:
            typer.echo(_CLEAR, nl=False)
        try:
            _look(site, socket, as_json=as_json, indent=None)
        except (LinkDown, SinkUnavailable) as exc:
            complain(exc)
        if is_screen:
            typer.echo("Ctrl-C ends it")
        time.sleep(WATCH_S)


def _look(site: Path | None, socket: Path | None, *, as_json: bool, indent: int | None = 2) -> Sequence[str]:
    """Show how the service is, and return what is wrong."""
    from gateway.app.status import wrong

    tree = _ask(site, socket)
    complaints = wrong(tree) if "devices" in tree else _wrong_remote(tree)
    if as_json:
        typer.echo(json.dumps(tree, indent=indent, ensure_ascii=False))
    else:
        _show(tree, complaints)
    return complaints


def reload(*, site: SiteOption = None, socket: SocketOption = None, as_json: AsJson = False) -> None:
    """Let the running service obey its changed site file; a bad file changes nothing.

    A device that was changed is read anew; no other one is disturbed. What needs a restart is named. A collector obeys
    its file at its start only.
    """
    from gateway.app.local_ask import ask_service, find_socket

    tree = uvloop.run(ask_service(find_socket(site, socket, os.environ), "reload"))
    typer.echo(json.dumps(tree, indent=2, ensure_ascii=False) if as_json else str(tree["words"]))


def _ask(site: Path | None, socket: Path | None) -> Tree:
    from gateway.app.local_ask import ask_service, find_socket
    from gateway.app.status_remote import is_collector, remote_status

    if site is not None and is_collector(site):
        return uvloop.run(remote_status(site, environment=os.environ))
    try:
        return uvloop.run(ask_service(find_socket(site, socket, os.environ), "status"))
    except LinkDown:
        if site is None or socket is not None:
            raise
    return uvloop.run(remote_status(site, environment=os.environ))


def _show(tree: Tree, complaints: Sequence[str]) -> None:
    if "devices" not in tree:
        print_table(("site", "state", "version", "troubles"), [_remote_row(name, tree[name]) for name in tree])
    else:
        clock = "synchronised" if tree["clock_synchronised"] else "not synchronised"
        say(f"{tree['name'] or tree['site']}  kvarter {tree['version']}  {tree['time']}  clock {clock}")
        typer.echo()
        print_table(_DEVICE, [_device_row(each) for each in _rows(tree, "devices")])
        typer.echo()
        print_table(_BUS, [_bus_row(each) for each in _rows(tree, "buses")])
        typer.echo()
        print_table(_DELIVERY, [_delivery_row(each) for each in _rows(tree, "delivery")])
    typer.echo()
    for sentence in complaints or ("all is well",):
        say(sentence)


def _rows(tree: Tree, key: str) -> list[Tree]:
    rows = tree[key]
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _device_row(each: Tree) -> tuple[str, ...]:
    from gateway.app.status import state_words

    value, age_s = each["value"], each["age_s"]
    shown = f"{value:,.2f}" if isinstance(value, float) else "" if value is None else str(value)
    age = f"{age_s:.0f} s" if isinstance(age_s, (int, float)) else ""
    return tuple(
        map(str, (each["id"], shown, each["unit"], age, state_words(each["state"]), each["profile"], each["bus"]))
    )


def _bus_row(each: Tree) -> tuple[str, ...]:
    less = each["asked_less_often"]
    names = ", ".join(map(str, less)) if isinstance(less, list) else ""
    return tuple(map(str, (each["id"], each["port"], each["requests"], each["timeouts"], each["discarded"], names)))


def _delivery_row(each: Tree) -> tuple[str, ...]:
    connected = "yes" if each["connected"] else "no"
    return tuple(map(str, (each["to"], connected, each["waiting"], each["oldest"] or "", each["confirmed"])))


def _remote_row(name: str, status_: object) -> tuple[str, ...]:
    tree = status_ if isinstance(status_, dict) else {}
    counters = tree.get("counters", {})
    troubles = ", ".join(f"{key} {count}" for key, count in counters.items()) if isinstance(counters, dict) else ""
    return name, str(tree.get("state", "")), str(tree.get("version", "")), troubles


def _wrong_remote(tree: Tree) -> list[str]:
    if not tree:
        return ["no gateway has told its status to this broker"]
    states = {name: each.get("state") if isinstance(each, dict) else None for name, each in tree.items()}
    return [
        f"{name}: {state}; look at its machine and its network" for name, state in states.items() if state != "online"
    ]
