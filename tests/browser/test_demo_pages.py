"""The pages of the demo's district in a browser: every size, by day and by night, for everybody, fast and fresh."""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.looking import CHROMIUM, LOOKS, PICTURES, SIZES, picture
from tests.e2e.commands import RunningRole, running, until

SITE = "/site/demo-district"
PAGES = {"site": SITE, "device": f"{SITE}/device/main_meter", "buses": f"{SITE}/buses", "delivery": f"{SITE}/delivery",
         "nothing": "/nowhere"}  # fmt: skip
DEVICES = 13
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const name = one === document.body ? "" : one.getAttribute("href") ?? one.value ?? one.className;
  return [name, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""
"""What has the focus, and whether one sees that."""
WEIGHT = """() => Object.fromEntries(
  [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map((each) => [new URL(each.name).pathname, each.transferSize]))"""
"""What a page has loaded, and how many bytes came for each."""
LARGEST_BYTES = 150_000

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("demo"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRole]:
    log = tmp_path_factory.mktemp("demo") / "demo.log"
    with running("demo", "--headless", "--listen", "127.0.0.1:0", log=log) as role:
        until(lambda: "page: " in role.log, what="the page")
        until(lambda: not silent(address_of(role)), what="every device", patience_s=60)
        yield role


def address_of(role: RunningRole) -> str:
    found = re.search(r"page: (http://[0-9.:]+)/", role.log)
    assert found is not None, role.log
    return found[1]


def silent(address: str) -> list[str]:
    """The devices that have not answered yet."""
    with urllib.request.urlopen(f"{address}/api/v1/sites", timeout=10) as answer:  # noqa: S310 - a loopback address
        (site,) = json.load(answer)
    return list(site["silent"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Browser, url: str, size: str = "desktop", **looks: str) -> Iterator[Page]:
    """A page as a browser shows it; it must not complain."""
    complaints: list[str] = []
    context = browser.new_context(viewport=SIZES[size], **{"locale": "en-GB", **looks})  # type: ignore[arg-type]
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(url)
    if answer is not None and answer.status == 404:
        complaints.clear()
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize(("name", "look"), list(product(PAGES, LOOKS)))
def test_pages_fit_every_screen_and_everybody(
    demo: RunningRole, browser: Browser, name: str, look: tuple[str, str]
) -> None:
    """Nothing is wider than the screen, axe finds nothing that hinders anybody, and a picture is kept."""
    size, scheme = look
    with opened(browser, address_of(demo) + PAGES[name], size, color_scheme=scheme) as page:
        expect(page.locator("h1")).to_be_visible()
        picture(page, f"{name}-{size}-{scheme}")


@pytest.mark.parametrize("name", sorted({*PAGES, "history"} - {"nothing"}))
def test_every_page_is_light(demo: RunningRole, browser: Browser, name: str) -> None:
    """A browser that was never here needs less than 150 kB for any page; `make bench` says how soon it paints."""
    with opened(browser, address_of(demo) + {**PAGES, "history": f"{SITE}/history"}[name]) as page:
        expect(page.locator("h1")).to_be_visible()
        sizes = page.evaluate(WEIGHT)
    assert {"style.css", "page.js"} <= {path.rpartition("/")[2] for path in sizes}
    assert all(sizes.values())
    assert sum(sizes.values()) < LARGEST_BYTES


def test_values_move_and_ages_count(demo: RunningRole, browser: Browser) -> None:
    """An open page shows new values without being loaded again."""
    with opened(browser, f"{address_of(demo)}{SITE}/device/main_meter") as page:
        value = page.locator('[data-f="v-elec_power_active"]')
        before = value.inner_text()
        expect(value).not_to_have_text(before, timeout=30_000)
        expect(page.locator("#stale")).to_be_hidden()


def test_a_page_whose_gateway_is_gone_says_so(demo: RunningRole, browser: Browser) -> None:
    """When nothing is heard for a quarter of a minute, a banner says how old the page is, and it goes by itself."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.clock.install()
    page.goto(address_of(demo) + SITE)
    expect(page.locator(".cards .card")).to_have_count(13)
    context.set_offline(True)
    page.route("**/live/**", lambda route: route.abort())
    page.clock.fast_forward(20_000)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#stale")).to_contain_text("No news from the gateway for")
    context.close()


def test_a_trace_runs_while_it_is_open(demo: RunningRole, browser: Browser) -> None:
    """Opening the trace of a bus shows its frames, annotated, until it is stopped."""
    with opened(browser, address_of(demo) + PAGES["buses"]) as page:
        card = page.locator("#cabinet")
        card.locator("details[data-trace] summary").click()
        expect(card.locator(".trace li").nth(3)).to_be_visible(timeout=20_000)
        assert "unit" in card.locator(".trace li .said").first.inner_text()
        card.locator("[data-stop]").click()
        page.screenshot(path=PICTURES / "trace-desktop-light.png")


def test_everything_is_reached_by_keyboard(demo: RunningRole, browser: Browser) -> None:
    """The first key leads to the content, and the navigation and each card can be reached and opened."""
    with opened(browser, address_of(demo) + SITE) as page:
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            name, is_seen = page.evaluate(FOCUSED)
            assert is_seen or name == "", name
            reached.add(name)
        assert {f"{SITE}/history", f"{SITE}/buses", f"{SITE}/delivery", "da", "es"} <= reached
        assert sum("/device/" in name for name in reached) == DEVICES
        page.reload()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert "/device/main_meter" in str(page.evaluate("document.activeElement.href"))
        page.keyboard.press("Enter")
        page.wait_for_url("**/device/main_meter")


@pytest.mark.parametrize(("language", "word"), [("da", "Busser"), ("et", "Siinid"), ("es", "Entrega")])
def test_the_page_speaks_the_browsers_language(demo: RunningRole, browser: Browser, language: str, word: str) -> None:
    """A browser that asks for Danish, Estonian or Spanish gets it."""
    with opened(browser, address_of(demo) + SITE, locale=language) as page:
        expect(page.locator("nav")).to_contain_text(word)
        page.screenshot(path=PICTURES / f"site-desktop-{language}.png", full_page=True)
