"""The commissioning report: the same facts on paper and in the browser, in four languages."""

import base64
import re
import tomllib
import zlib
from importlib.resources import files
from typing import get_args

import pytest

from gateway.core.commissioning import (
    CommissionedDevice,
    CommissionedPoint,
    Commissioning,
    DisplayCheck,
    PlausibilityCheck,
    seal,
)
from gateway.core.quantity import load_vocabulary
from gateway.export.commissioning_report import commissioning_sheet
from gateway.export.html import content_policy, render_html
from gateway.export.pdf import render_pdf
from gateway.export.sheet import Heading, Row, Sheet, Table, Tone

CHECK = DisplayCheck(
    point="elec_energy_import",
    unit="kWh",
    display=10234.5,
    value=10240.0,
    deviation=5.5,
    deviation_percent=0.0537,
    allowed=0.2,
    reason="resolution",
    agrees=False,
    time_ms=1,
)
METER = CommissionedDevice(
    id="main_meter",
    label='<script>alert("x")</script> Måler',
    profile="eastron/sdm630",
    profile_digest="4b3b6078",
    maker="Eastron",
    model="SDM630-Modbus V2",
    kind="electricity_meter",
    serial_number="80116355",
    link="rs485_1",
    port="/dev/ttyUSB0, 9600 8N1",
    unit_id=1,
    settings={"ct_ratio": 20.0},
    status="ok",
    time_ms=1_795_373_523_847,
    points=(
        CommissionedPoint(name="elec_energy_import", unit="kWh", value=10240.0, raw=(0x4620, 0)),
        CommissionedPoint(name="elec_voltage_l1", unit="V", value=230.100006, raw=(0x4366, 0x199A)),
        CommissionedPoint(name="elec_frequency", unit="Hz", value=None),
    ),
    plausibility=(
        PlausibilityCheck(text="L1: P = 1100 W, so cos φ = 0.96", points=("elec_power_active_l1",), agrees=True),
    ),
    display=(CHECK,),
)
SILENT = METER.model_copy(
    update={
        "id": "charger",
        "label": "",
        "status": "no_answer",
        "trouble": "charger: no answer from unit 1",
        "points": (),
        "plausibility": (),
        "display": (),
    }
)
RECORD = Commissioning(
    site="test-site",
    name="Kløvermarken 12",
    timezone="Europe/Copenhagen",
    by="A. Fitter",
    time_ms=1_795_373_523_847,
    software="kvarter 0.1.0",
    vocabulary=1,
    catalogue="bbf41917",
    site_file="00" * 32,
    devices=(METER, SILENT),
)


def sheet(language: str = "en", record: Commissioning = RECORD) -> Sheet:
    """Return the report."""
    return commissioning_sheet(record, load_vocabulary(), language=language)


def test_the_page_holds_every_fact() -> None:
    """Serials, profile versions, settings, values, deviation and seal stand in the HTML."""
    page = render_html(sheet())
    wanted = ("80116355", "4b3b6078", "CT 20", "10234.5 kWh", "5.5 kWh", "cos φ = 0.96", "4366 199a", seal(RECORD))
    assert [fact for fact in wanted if fact not in page] == []
    assert "Not passed: 2 of 2" in page
    assert "charger: no answer from unit 1" in page


def test_names_are_escaped() -> None:
    """A device name is text, whatever stands in it."""
    page = render_html(sheet())
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_needs_nothing_else() -> None:
    """There is no script, no link and no picture, and its policy allows exactly its style."""
    page = render_html(sheet())
    assert not re.search(r"<(script|link|img|iframe)|url\(|https?://|@import", page)
    assert "sha256-" in content_policy()
    assert "unsafe" not in content_policy()


@pytest.mark.parametrize("language", ["en", "da", "et", "es"])
def test_paper_is_equal_for_equal_records(language: str) -> None:
    """A record gives the same PDF each time, in each language, with one page at least for each device."""
    first, second = (render_pdf(sheet(language)) for _ in range(2))
    assert first == second
    assert first.startswith(b"%PDF-1.")
    assert len(re.findall(rb"/Type\s*/Page\b", first)) >= 3


def test_what_no_font_has_does_not_stop_the_paper() -> None:
    """Names in other scripts, control characters and markup give a PDF all the same."""
    strange = METER.model_copy(update={"label": "仪表 \u0000 <b>& ΔT ≤ 5\u202f000 Ω 🔥 " + "x" * 500})
    record = RECORD.model_copy(update={"devices": (strange,), "name": "", "remark": "\n\t</para>"})
    assert render_pdf(sheet("da", record)).startswith(b"%PDF-")


def test_many_points_go_over_pages() -> None:
    """A device with hundreds of points is no reason to fail."""
    many = METER.model_copy(update={"points": METER.points * 150})
    pdf = render_pdf(sheet("en", RECORD.model_copy(update={"devices": (many,)})))
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 8


def test_good_devices_pass() -> None:
    """Without a fault the verdict is good and every row says so."""
    good = METER.model_copy(update={"display": (CHECK.model_copy(update={"agrees": True}),)})
    found = sheet("en", RECORD.model_copy(update={"devices": (good,)}))
    assert (found.tone, found.verdict) == ("good", "Passed: every device answers and every check agrees")
    table = next(block for block in found.blocks if isinstance(block, Table))
    assert table.rows[0].tone == "good"


def test_numbers_speak_the_language() -> None:
    """The decimal sign is the reader's, and no digit is shown that no meter means."""
    danish = render_html(sheet("da"))
    assert "230,1" in danish
    assert "230,100" not in danish
    assert "2026-11-22 19:52:03 CET" in danish


def test_every_word_stands_in_four_languages() -> None:
    """No text of the report lacks a language."""
    texts = tomllib.loads(files("gateway.export").joinpath("commissioning.toml").read_text(encoding="utf-8"))
    assert {key for key, each in texts.items() if set(each) != {"en", "da", "et", "es"}} == set()


def test_columns_fill_the_page() -> None:
    """Widths add up to one, and each row has as many cells as there are columns."""
    tables = [block for block in sheet().blocks if isinstance(block, Table)]
    assert all(sum(table.widths) == pytest.approx(1) for table in tables)
    rows: list[tuple[Row, int]] = [(row, len(table.columns)) for table in tables for row in table.rows]
    assert all(len(row.cells) == count for row, count in rows)
    assert all(row.tone in get_args(Tone) for row, _ in rows)
    assert sum(isinstance(block, Heading) and block.new_page for block in sheet().blocks) == 2


def test_names_keep_their_letters_on_paper() -> None:
    """Š and Ž stand as they are, Ł in a font of its own; ő, which no font has, is written without its marks."""

    def paper(name: str) -> bytes:
        named = METER.model_copy(update={"label": name})
        return render_pdf(sheet("et", RECORD.model_copy(update={"devices": (named,)})))

    assert b"Vera" not in paper("Šiauliai, Žemyna").replace(b"/Author (Kvarter)", b"")
    assert b"Vera" in paper("Łódka")
    assert _streams(paper("Gerg\u0151 \u4e2d")) == _streams(paper("Gergo ?"))
    assert _streams(paper("Šiauliai")) != _streams(paper("Siauliai"))


def _streams(document: bytes) -> list[bytes]:
    """Return what is drawn on the pages, without the seal, which tells names apart."""
    pages = [
        zlib.decompress(base64.a85decode(each, adobe=False)) for each in re.findall(rb"stream\s+(\S+?)~>", document)
    ]
    return [line for page in pages for line in page.splitlines() if not re.search(rb"[0-9a-f]{16}", line)]
