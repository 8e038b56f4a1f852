"""`kvarter profiles`: which devices this installation knows, and how another one is added."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop

from gateway.cli.console import print_table
from gateway.cli.progress import bar
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.profiles import Entry
    from gateway.app.profiles_show import Sheet

EXIT_WRONG = 2
EXIT_NOTHING = 1
_COLUMNS = ("profile", "maker", "model", "kind", "protocol", "points #")

Folders = Annotated[list[Path] | None, typer.Option("--folder", help="Search here first; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(help="Device profiles: list, search, show, check one, begin one.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Device profiles."""


@app.command("list")
def list_profiles(
    *,
    kind: Annotated[str | None, typer.Option(help="Only this kind, for example heat_pump.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only this protocol, for example mbus.")] = None,
    maker: Annotated[str | None, typer.Option(help="Only makers with this in their name.")] = None,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """List the profiles of this installation."""
    from gateway.app.profiles import load_entries

    _print(load_entries(folder or (), kind=kind, protocol=protocol, maker=maker), as_json=as_json)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="In id, maker, model, kind, points, caveats.")],
    *,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Search the profiles for all of the words; the best fit comes first."""
    from gateway.app.profiles import load_entries
    from gateway.app.profiles import search as find

    hits = find(load_entries(folder or ()), " ".join(words))
    if hits.entries or as_json:
        _print(hits.entries, as_json=as_json)
    if not hits.entries:
        close = ", ".join(entry.profile.profile for entry in hits.nearest)
        typer.echo(f"nothing fits; the nearest: {close}. docs/devices.md lists what is wanted.", err=True)
        raise typer.Exit(EXIT_NOTHING)


@app.command()
def show(
    profile: Annotated[str, typer.Argument(metavar="ID|FILE", help="Profile id, or the path of a profile file.")],
    *,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Show everything that is known of a model: sources, caveats, setup, points."""
    from gateway.app.profiles_show import load_sheet

    sheet = load_sheet(profile, folder or ())
    if as_json:
        typer.echo(json.dumps(sheet.as_json(), indent=2, ensure_ascii=False))
        return
    _print_sheet(sheet)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="Profile file (YAML), or a folder of them.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check one profile file, run its tests, and print the requests that it leads to; or check a folder of them."""
    from gateway.app.profiles_check import check_profile

    if path.is_dir():
        _check_folder(path, as_json=as_json)
        return
    verdict = uvloop.run(check_profile(path))
    if as_json:
        typer.echo(json.dumps(verdict.as_json(), indent=2, ensure_ascii=False))
    else:
        for fault in verdict.faults:
            typer.echo(f"error: {fault}", err=True)
        if verdict.plans:
            print_table(("link", "every #", "points #", "requests", "takes #"), verdict.plan_rows())
            typer.echo()
        for remark in verdict.remarks:
            typer.echo(f"remark: {remark}")
        typer.echo(verdict.summary, err=not verdict.is_right)
    if not verdict.is_right:
        raise typer.Exit(EXIT_WRONG)


def _check_folder(folder: Path, *, as_json: bool) -> None:
    from gateway.app.profiles_check import check_profile

    files = sorted(folder.rglob("*.yaml"))
    if not files:
        raise ConfigError(f"{folder}: there is no profile file (*.yaml) in it")
    verdicts = []
    with bar("checking", len(files)) as progress:
        for file in files:
            verdicts.append(uvloop.run(check_profile(file)))
            progress.step(f"checked: {file.parent.name}/{file.stem}")
    wrong = [verdict for verdict in verdicts if not verdict.is_right]
    if as_json:
        typer.echo(json.dumps([verdict.as_json() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        for verdict in verdicts:
            for fault in verdict.faults:
                typer.echo(f"error: {fault}", err=True)
        typer.echo(f"{len(verdicts) - len(wrong)} of {len(verdicts)} profiles are right", err=bool(wrong))
    if wrong:
        raise typer.Exit(EXIT_WRONG)


@app.command()
def new(
    *,
    source: Annotated[
        Path, typer.Option("--from", metavar="SURVEY|CAPTURE", help="Of kvarter scan --survey --json, or of trace.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="MAKER/MODEL.yaml in any folder.")],
    unit: Annotated[int | None, typer.Option(min=0, max=255, help="Which of several Modbus devices.")] = None,
    meter: Annotated[str | None, typer.Option(metavar="SERIAL", help="Which of several meters.")] = None,
    key: Annotated[str | None, typer.Option(metavar="HEX", help="What opens encrypted telegrams.")] = None,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Begin a profile from what a device answered; its facts come from its document."""
    from drivers.catalog import Catalog
    from gateway.app.profiles_new import begin_profile
    from gateway.app.profiles_start import load_start
    from gateway.core.quantity import load_vocabulary

    vocabulary = load_vocabulary()
    start = load_start(source, unit=unit, meter=meter, key=_key(key))
    catalog = Catalog(vocabulary, tuple(folder or ()))
    text = begin_profile(start, output, catalog, came_from=source.name, vocabulary=vocabulary)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise ConfigError(f"{output}: exists already; it is not written over") from exc
    except OSError as exc:
        raise ConfigError(f"{output}: cannot be written: {exc.strerror}") from exc
    if as_json:
        typer.echo(json.dumps({"file": str(output)}, ensure_ascii=False))
        return
    typer.echo(f"{output}: begun; complete it from the device's document, then: kvarter profiles check {output}")


def _print(entries: "Sequence[Entry]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([entry.as_json() for entry in entries], indent=2, ensure_ascii=False))
    else:
        print_table(_COLUMNS, [entry.row() for entry in entries])


def _print_sheet(sheet: "Sheet") -> None:
    from rich.console import Console
    from rich.table import Table

    from gateway.app.profiles_show import COLUMNS
    from gateway.cli.console import WIDTH_OF_FILES

    table, before = Table(box=None, pad_edge=False, show_header=False), ""
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for heading, text in sheet.head():
        table.add_row("" if heading == before else heading, text)
        before = heading
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(table)
    typer.echo()
    print_table(COLUMNS, sheet.rows())


def _key(key: str | None) -> bytes | None:
    try:
        return bytes.fromhex(key) if key is not None else None
    except ValueError as exc:
        raise ConfigError("--key: write hexadecimal digits, 32 of them for a key of 128 bits") from exc
