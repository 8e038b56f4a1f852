"""A whole commissioning in a real browser: from the scan to the PDF, against simulated devices."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from gateway.core.commissioning import decode_sealed
from tests.browser.looking import CHROMIUM, LOOKS, SIZES, picture
from tests.e2e.commands import RunningRole, kvarter, running, until

PATIENCE_MS = 20_000
VALUES = """\
elec_voltage_l1: 230.0
elec_voltage_l2: 231.0
elec_voltage_l3: 229.0
elec_voltage_l12: 399.0
elec_voltage_l23: 398.0
elec_voltage_l31: 397.0
elec_current_l1: 5.0
elec_current_l2: 5.0
elec_current_l3: 5.0
elec_power_active_l1: 1100.0
elec_power_active_l2: 1100.0
elec_power_active_l3: 1100.0
elec_power_active: 3300.0
elec_frequency: 50.0
elec_power_factor: 0.95
elec_energy_import: 10234.5
"""
SITE = """\
site: soenderborg-12   # do not change
name: Kløvermarken 12
timezone: Europe/Copenhagen
clock: trusted
data: {data}
web: {{listen: '127.0.0.1:0'}}
links: []
devices: []  # none yet
"""

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningRole]:
    """Yield a gateway with an empty site."""
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(data=tmp_path / "data"), encoding="utf-8")
    with running("run", site, log=tmp_path / "run.log") as role:
        until(lambda: "page: http" in role.log, what="the page")
        yield role


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[str]:
    """Yield the address of a simulated meter with fixed values."""
    values = tmp_path / "values.yaml"
    values.write_text(VALUES, encoding="utf-8")
    simulate = ("simulate", "eastron/sdm630", "--listen", "127.0.0.1:0", "--values", values)
    with running(*simulate, log=tmp_path / "meter.log") as role:
        until(lambda: " on 127.0.0.1:" in role.log, what="the simulated meter")
        yield role.log.split(" on ")[1].split()[0]


def address_of(service: RunningRole) -> str:
    """Return where the page is."""
    found = re.search(r"page: (http://\S+)", service.log)
    assert found
    return found[1].rstrip("/;")


def look_at_all(browser: Browser, url: str) -> None:
    """Look at a site with a device and a report in every size and colour, and at the report on paper."""
    for size, scheme in LOOKS:
        context = browser.new_context(viewport=SIZES[size], color_scheme="dark" if scheme == "dark" else "light")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        page.locator('details[data-device="main_meter"] summary').click()
        expect(page.locator(".findings li").first).to_be_visible()
        picture(page, f"commissioning-{size}-{scheme}")
        page.locator("#reports tbody th a").first.click()
        expect(page.get_by_role("heading", name="Kløvermarken 12")).to_be_visible()
        picture(page, f"commissioning-paper-{size}-{scheme}")
        context.close()


def test_a_site_is_commissioned_from_the_scan_to_the_paper(
    browser: Browser, service: RunningRole, meter: str, tmp_path: Path
) -> None:
    """Scan, pick, name, see it live, compare with the display, and save the report."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address_of(service)}/site/soenderborg-12/commissioning")
    picture(page, "commissioning-empty")
    page.get_by_label("Port or address").fill(meter)
    page.get_by_label("Only these units").fill("1-2")
    page.get_by_role("button", name="Scan").click()
    page.get_by_text("Eastron", exact=False).first.wait_for()
    picture(page, "commissioning-found")
    page.get_by_label("Id", exact=True).first.fill("main_meter")
    page.get_by_label("Name", exact=True).first.fill("Hovedmåler")
    page.get_by_label("Model on its label").first.select_option("eastron/sdm630")
    page.get_by_label("Role").first.select_option("grid")
    page.get_by_role("button", name="Add to the site").click()
    device = page.locator('details[data-device="main_meter"]')
    device.locator("summary").click()
    expect(device.get_by_text("10 234.5", exact=False).or_(device.get_by_text("10\u202f234.5")).first).to_be_visible()
    device.get_by_label("Quantity").select_option("elec_energy_import")
    device.get_by_label("On its display").fill("10.2345 MWh")
    device.get_by_role("button", name="Compare").click()
    expect(device.get_by_text("agrees", exact=True)).to_be_visible()
    picture(page, "commissioning-live")
    page.get_by_label("Your name").fill("A. Fitter")
    page.get_by_role("button", name="Read all and make the report").click()
    expect(page.get_by_role("cell", name="passed")).to_be_visible()
    picture(page, "commissioning-report")
    saved = {}
    for kind in ("PDF", "HTML", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind, exact=True).click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    assert saved["PDF"].read_bytes().startswith(b"%PDF-")
    record = decode_sealed(saved["JSON"].read_bytes())
    assert (record.by, record.passes, record.devices[0].display[0].agrees) == ("A. Fitter", True, True)
    page.locator("#reports tbody th a").click()
    expect(page.get_by_role("heading", name="Kløvermarken 12")).to_be_visible()
    page.close()
    look_at_all(browser, f"{address_of(service)}/site/soenderborg-12/commissioning")
    assert complaints == []
    text = (tmp_path / "site.yaml").read_text(encoding="utf-8")
    assert text.startswith("site: soenderborg-12   # do not change\n")
    assert "# none yet" in text
    assert kvarter("check", tmp_path / "site.yaml").returncode == 0


def test_the_page_is_usable_on_a_telephone_in_the_dark(browser: Browser, service: RunningRole, meter: str) -> None:
    """On a narrow screen nothing is wider than the screen, and each language shows its own words."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", locale="da-DK", device_scale_factor=2
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address_of(service)}/site/soenderborg-12/commissioning")
    page.get_by_label("Port eller adresse").fill(meter)
    page.get_by_label("Kun disse adresser").fill("1")
    page.get_by_role("button", name="Søg").click()
    page.get_by_role("button", name="Føj til ejendommen").wait_for()
    picture(page, "commissioning-phone-danish")
    context.close()


def test_names_are_shown_and_never_run(browser: Browser, meter: str, tmp_path: Path) -> None:
    """A device whose name is markup stands under that name on the page and in the report, and nothing of it runs."""
    nasty = 'Meter <img src=x onerror="alert(1)">'
    site, device = tmp_path / "site.yaml", f"{{id: a, profile: eastron/sdm630, link: b, unit_id: 1, label: '{nasty}'}}"
    text = SITE.format(data=tmp_path / "data").replace("devices: []", f"devices: [{device}]")
    site.write_text(text.replace("links: []", f"links: [{{id: b, tcp: '{meter}'}}]"), encoding="utf-8")
    with running("run", site, log=tmp_path / "run.log") as role:
        until(lambda: "page: http" in role.log, what="the page")
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto(f"{address_of(role)}/site/soenderborg-12/commissioning")
        expect(page.locator("details[data-device] summary")).to_contain_text(nasty)
        page.get_by_label("Your name").fill(nasty)
        page.get_by_role("button", name="Read all and make the report").click()
        page.locator("#reports tbody th a").click()
        expect(page.get_by_role("heading", name=nasty)).to_be_visible()
        assert page.locator("img").count() == 0
        page.close()


def test_what_is_wrong_is_said_in_words(browser: Browser, service: RunningRole) -> None:
    """A port that is none, and a scan of an address where nobody is, end with advice."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address_of(service)}/site/soenderborg-12/commissioning")
    page.get_by_label("Port or address").fill("nonsense")
    page.get_by_role("button", name="Scan").click()
    expect(page.get_by_role("alert")).to_contain_text("HOST:PORT")
    page.get_by_label("Port or address").fill("127.0.0.1:1")
    page.get_by_label("Only these units").fill("1")
    page.get_by_role("button", name="Scan").click()
    expect(page.get_by_text("Nobody has answered.")).to_be_visible()
    page.close()
