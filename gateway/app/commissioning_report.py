"""A sealed record → its files: JSON, HTML, and PDF where that can be made."""

from collections.abc import Mapping
from pathlib import Path

from gateway.app.commissioning_records import KeptRecord, record_name
from gateway.core.commissioning import CommissionedDevice, Commissioning, encode_sealed
from gateway.core.errors import ConfigError
from gateway.core.quantity import Kind, Vocabulary
from gateway.export.commissioning_report import commissioning_sheet
from gateway.export.html import render_html

SUFFIXES = ("json", "html", "pdf")
_ASKED = 3
_FIRST: Mapping[str, str] = {
    "electricity_meter": "elec_energy_import",
    "heat_meter": "heat_energy",
    "water_meter": "water_volume",
    "gas_meter": "gas_volume",
    "ev_charger": "ev_energy",
    "pv_inverter": "pv_energy",
    "heat_pump": "hp_elec_energy",
}
"""Kind of device → what its display shows first."""


def file_name(record: Commissioning, suffix: str) -> str:
    """Return what a file of the report is called."""
    return f"commissioning-{record.site}-{record_name(record)}.{suffix}"


def rendered(record: Commissioning, suffix: str, vocabulary: Vocabulary, *, language: str = "en") -> bytes:
    """Return one file of the report.

    Args:
        record: As it was sealed.
        suffix: json, html or pdf.
        vocabulary: Names the points.
        language: en, da, et or es.

    Raises:
        ConfigError: PDF is wanted and the extra for it is not installed.
    """
    if suffix == "json":
        return encode_sealed(record)
    sheet = commissioning_sheet(record, vocabulary, language=language)
    if suffix == "html":
        return render_html(sheet).encode()
    from gateway.export.pdf import render_pdf  # noqa: PLC0415 - an extra, and slow to load

    return render_pdf(sheet)


def write_report(
    folder: Path, kept: KeptRecord, vocabulary: Vocabulary, *, language: str = "en"
) -> tuple[list[Path], str]:
    """Write the files into a folder; return them, and why the PDF is not among them.

    Raises:
        ConfigError: the folder cannot be written.
    """
    written: list[Path] = []
    lacking = ""
    for suffix in SUFFIXES:
        try:
            content = rendered(kept.record, suffix, vocabulary, language=language)
        except ConfigError as exc:
            lacking = str(exc)
            continue
        path = folder / file_name(kept.record, suffix)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be written: {exc.strerror}; choose another folder with -o") from exc
        written.append(path)
    return written, lacking


def worth_comparing(device: CommissionedDevice, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the points of a device that its display most likely shows: its main counter first."""
    given = [point.name for point in device.points if point.value is not None]
    first = [name for name in (_FIRST.get(device.kind, ""),) if name in given]
    counters = [name for name in given if vocabulary[name].kind is Kind.COUNTER]
    gauges = [name for name in given if vocabulary[name].kind is Kind.GAUGE]
    return tuple(dict.fromkeys([*first, *gauges[:1], *counters, *gauges]))[:_ASKED]
