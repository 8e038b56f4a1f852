"""`kvarter commission`: every device read once, judged, compared with its display, and reported."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import uvloop

from gateway.cli.console import complain, print_table, say
from gateway.cli.progress import bar
from gateway.cli.questions import ask
from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app.commissioning import Inspection
    from gateway.core.commissioning import CommissionedDevice, Commissioning

EXIT_WRONG = 1


def commission(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="Site file.")],
    *,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who answers for it; asked for on a terminal.")] = None,
    display: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE.POINT=VALUE", help="What a device's own display shows."),
    ] = None,
    remark: Annotated[str, typer.Option(metavar="TEXT", help="Stands in the report.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the report goes.")] = Path(),
    language: Annotated[Literal["en", "da", "et", "es"], typer.Option(help="Of the report.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON, and ask nothing.")] = False,
) -> None:
    """Read every device once, compare with displays, and write the commissioning report.

    A running service lends its ports. The report is written also when something is wrong; the exit code is then 1.
    """
    from gateway.app.commissioning import begin_inspection, sealed

    inspection = begin_inspection(site, os.environ)
    typed = [_typed(text) for text in display or ()]
    for name, _, _ in typed:
        inspection.device(name)
    asks = not as_json and sys.stdin.isatty()

    devices = {device.id: device for device in _read(inspection)}
    faults: list[ConfigError] = []
    for name, point, text in typed:
        devices[name] = _checked(inspection, devices[name], point, text, faults=faults)
    if asks:
        typer.echo("Type what each display shows.")
        given = {(name, point) for name, point, _ in typed}
        devices = {name: _ask(inspection, device, given) for name, device in devices.items()}
    who = by or (ask("Commissioned by") if asks else os.environ.get("USER", "")) or "-"
    record = sealed(inspection, list(devices.values()), by=who, remark=remark)
    _keep(inspection, record, output, language=language)
    for fault in faults:
        complain(fault)
    if as_json:
        _print_json(record)
    else:
        _report(record)
    if faults or not record.passes:
        raise typer.Exit(EXIT_WRONG)


def _read(inspection: "Inspection") -> "list[CommissionedDevice]":
    """Return every device as it is now, and say of each at once how it went."""
    from gateway.app.commissioning import read_all

    with bar("reading", len(inspection.configuration.devices)) as progress:

        def seen(device: "CommissionedDevice") -> None:
            progress.say(f"{device.id}: {device.trouble or device.status.replace('_', ' ')}")
            progress.step()

        return uvloop.run(read_all(inspection, seen))


def _typed(text: str) -> tuple[str, str, str]:
    """Return device, point and value of one option.

    Raises:
        ConfigError: it has another form.
    """
    place, equals, value = text.partition("=")
    device, dot, point = place.strip().partition(".")
    if not (equals and dot and device and point and value.strip()):
        raise ConfigError(f"--display {text}: write DEVICE.POINT=VALUE, e.g. main_meter.elec_energy_import=10234.5")
    return device, point, value.strip()


def _checked(
    inspection: "Inspection", device: "CommissionedDevice", point: str, text: str, *, faults: list[ConfigError]
) -> "CommissionedDevice":
    from gateway.app.commissioning import check_display

    try:
        return device.with_display(check_display(inspection, device, point, text))
    except ConfigError as exc:
        faults.append(exc)
        return device


def _ask(inspection: "Inspection", device: "CommissionedDevice", given: set[tuple[str, str]]) -> "CommissionedDevice":
    """Return the device with what somebody in front of it reads off its display; an empty answer skips."""
    from gateway.app.commissioning_report import worth_comparing

    vocabulary = inspection.configuration.vocabulary
    for point in worth_comparing(device, vocabulary):
        if (device.id, point) not in given:
            device = _compared(inspection, device, point)
    return device


def _compared(inspection: "Inspection", device: "CommissionedDevice", point: str) -> "CommissionedDevice":
    """Return the device with one value that was typed in; no number, or one that deviates, may be typed again."""
    from gateway.app.commissioning import check_display, read_device

    quantity = inspection.configuration.vocabulary[point]
    compared, question = device, f"{device.title}: {quantity.labels['en']} [{quantity.unit}, Enter skips]"
    while text := ask(question, default=""):
        # Read again, so that what flowed since the first reading is not taken for a deviation.
        now = uvloop.run(read_device(inspection, device.id))
        try:
            check = check_display(inspection, now if now.answers else device, point, text)
        except ConfigError as exc:
            complain(exc)
            continue
        compared = device.with_display(check)
        verdict = "agrees" if check.agrees else "DEVIATES"
        typer.echo(f"  read {check.value:g}, deviation {check.deviation:g} {check.unit}: {verdict}")
        if check.agrees:
            break
        question = "  mistyped? Type it again [Enter keeps it]"
    return compared


def _keep(inspection: "Inspection", record: "Commissioning", output: Path, *, language: str) -> None:
    from gateway.app.commissioning_records import KeptRecord, keep_record, record_name
    from gateway.app.commissioning_report import write_report
    from gateway.app.folders import data_folder

    kept = KeptRecord(record_name(record), record)
    vocabulary = inspection.configuration.vocabulary
    written, lacking = write_report(output, kept, vocabulary, language=language)
    for path in written:
        typer.echo(str(path), err=True)
    if lacking:
        typer.echo(lacking, err=True)
    settings = inspection.configuration.site
    try:
        keep_record(data_folder(settings.data, settings.site, os.environ), record)
    except ConfigError as exc:
        typer.echo(f"not kept with the site: {exc}", err=True)


def _print_json(record: "Commissioning") -> None:
    from gateway.core.commissioning import seal

    tree = {"record": record.model_dump(mode="json"), "sha256": seal(record), "passes": record.passes}
    typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))


def _report(record: "Commissioning") -> None:
    rows = []
    for device in record.devices:
        compared = f"{sum(check.agrees for check in device.display)} of {len(device.display)}"
        result = "passed" if device.passes else "CHECK" if device.answers else "NO ANSWER"
        rows.append((device.id, f"{device.maker} {device.model}", device.serial_number or "-", compared, result))
    print_table(("device", "model", "serial number", "display agrees", "result"), rows)
    for device in record.devices:
        for sentence in _wrong(device):
            say(f"{device.id}: {sentence}")
    typer.echo("passed" if record.passes else "NOT passed")


def _wrong(device: "CommissionedDevice") -> list[str]:
    shown = [check for check in device.display if not check.agrees]
    return [
        *([device.trouble] if device.trouble else []),
        *(check.text for check in device.plausibility if not check.agrees),
        *(f"{each.point}: display {each.display:g}, read {each.value:g} {each.unit}" for each in shown),
        *(f"{point.name} = {point.value} {point.unit} is not plausible" for point in device.points if point.suspect),
    ]
