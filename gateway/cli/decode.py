"""`kvarter decode`: what does this dump of a meter's bytes say?"""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.console import print_table
from gateway.core.errors import ConfigError

_COLUMNS = ("code", "value #", "unit", "function", "storage #", "tariff #", "subunit #", "point")


def decode(
    protocol: Annotated[Literal["mbus", "p1", "d0", "sml", "dlms", "kmp"], typer.Argument(help="Of the bytes.")],
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="The dump; standard input if left out.")] = "-",
    *,
    is_hex: Annotated[bool, typer.Option("--hex", help="The dump is written as hexadecimal digits.")] = False,
    key: Annotated[str | None, typer.Option(metavar="HEX", help="What opens encrypted telegrams.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per frame.")] = False,
) -> None:
    """Decode a dump of a meter's bytes: each good frame, and what is wrong with each bad one."""
    from gateway.app.decode import decode_dump

    good = bad = 0
    for frame in decode_dump(protocol, _read(file), is_hex=is_hex, key=key):
        good, bad = good + frame.is_good, bad + (not frame.is_good)
        if as_json:
            typer.echo(json.dumps(frame.as_json(), ensure_ascii=False))
            continue
        typer.echo(frame.headline)
        if frame.is_good:
            print_table(_COLUMNS, frame.rows())
    if not as_json:
        typer.echo(f"{good} good, {bad} damaged")
    if not good:
        raise typer.Exit(code=1)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
