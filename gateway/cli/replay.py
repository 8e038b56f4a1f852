"""`kvarter replay`: what the spool still holds, sent again to a store that was restored from a backup."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.console import say
from gateway.cli.progress import bar
from gateway.cli.status import SiteOption, SocketOption

LOOK_S = 0.5
COLLECTORS = "mqtt"

Tree = Mapping[str, object]


def replay(
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="ISO 8601, or so long ago: 7d.")],
    site: SiteOption = None,
    socket: SocketOption = None,
    to: Annotated[str, typer.Option(metavar="NAME", help="One destination of `kvarter status`; all if left out.")] = "",
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The collector was started anew after the restore: do not wait for it.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all of it is confirmed stored.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send again what the spool still holds, for a store that was restored; rows that are there stay as they are.

    Says how far back that reaches. New readouts go first. A collector that went on running forgets within two minutes
    what it confirmed; so long the command waits, unless --at-once is given. Ctrl-C ends the waiting, not the replay.
    """
    from gateway.app.init import local_timezone
    from gateway.app.local_ask import ask_service, find_socket
    from gateway.app.replay import FORGETS_S, sentence, since_of

    since_ms = since_of(since, now_ms=time.time_ns() // 1_000_000, timezone=local_timezone())
    service = find_socket(site, socket, os.environ)
    ways = [str(way["to"]) for way in _ways(uvloop.run(ask_service(service, "status"))) if to in {"", way["to"]}]
    if COLLECTORS in ways and not at_once:
        _let_forget(FORGETS_S)
    offered = uvloop.run(ask_service(service, "replay", since_ms=since_ms, to=to))
    if not as_json:
        for way in _ways(offered):
            say(sentence(way, since_ms))
    if wait:
        _await_receipts(service, sum(_count(way["readouts"]) for way in _ways(offered)))
    if as_json:
        typer.echo(json.dumps({**offered, "confirmed": wait}, indent=2))
    elif wait:
        say("all of it is confirmed stored")


def _let_forget(patience_s: float) -> None:
    typer.echo("waiting until the collector has forgotten what it confirmed lately; --at-once skips this", err=True)
    with bar("waiting", patience_s) as progress:
        end_s = time.monotonic() + patience_s
        while (left_s := end_s - time.monotonic()) > 0:
            progress.show(round(patience_s - left_s))
            time.sleep(min(left_s, 1.0))


def _await_receipts(service: Path, count: int) -> None:
    """Return when nothing of what was sent again waits for its receipt.

    Raises:
        LinkDown: the service is gone.
    """
    from gateway.app.local_ask import ask_service

    with bar("confirmed stored", count) as progress:
        while left := sum(_count(way["sent_again"]) for way in _ways(uvloop.run(ask_service(service, "status")))):
            progress.show(count - left)
            time.sleep(LOOK_S)


def _ways(tree: Tree) -> list[Tree]:
    ways = tree["delivery"]
    return [way for way in ways if isinstance(way, dict)] if isinstance(ways, list) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
