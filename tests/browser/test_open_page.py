"""A page that is left open: it says when nothing comes any more, recovers by itself, and does not grow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import SystemRandom

import pytest
from playwright.async_api import Page, async_playwright, expect

from gateway.core.quantity import load_vocabulary
from gateway.web.facts import TraceLine
from gateway.web.passwords import Passwords
from gateway.web.server import Application, Surroundings, listening
from tests.browser.looking import CHROMIUM
from tests.fakes import FakeClock
from tests.fakes_web import ENERGY, POWER, FakeFacts, device, every_page, running_page

EVENTS = 300
CHANGED = frozenset({("house", "main_meter")})

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(120),
]


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """Yield an empty page that reads English."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield await (await browser.new_context(locale="en-GB")).new_page()
        await browser.close()


@asynccontextmanager
async def serving(facts: FakeFacts, port: int) -> AsyncIterator[int]:
    """Serve facts at a port for the block; 0 draws one."""
    around = Surroundings(facts, load_vocabulary(), FakeClock(), SystemRandom(), frozenset())
    async with listening(Application(around, Passwords({}), every_page()).make(), "127.0.0.1", port) as found:
        yield found


def showing(value: float) -> FakeFacts:
    """Return facts whose meter shows so many watts."""
    return FakeFacts(known=[device(points=(replace(POWER, value=value), ENERGY))])


async def counted(page: Page) -> dict[str, float]:
    """Return how many nodes and listeners the browser keeps, those that are in no document as well."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
    await session.detach()
    return {name: metrics[name] for name in ("Nodes", "JSEventListeners")}


async def test_a_gateway_that_starts_anew_is_found_again() -> None:
    """While it is away a banner says how old the page is; when it is back the page shows what it says now."""
    async with browsing() as page:
        await page.clock.install()
        async with serving(showing(111.0), 0) as port:
            await page.goto(f"http://127.0.0.1:{port}/site/house")
            await expect(page.locator(".large .value")).to_contain_text("111")
            await expect(page.locator("#stale")).to_be_hidden()
        await page.clock.fast_forward(20_000)
        await expect(page.locator("#stale")).to_contain_text("No news from the gateway for")
        async with serving(showing(222.0), port):
            await page.clock.fast_forward(6_000)
            await expect(page.locator(".large .value")).to_contain_text("222", timeout=30_000)
            await expect(page.locator("#stale")).to_be_hidden()
            await expect(page.locator("body")).not_to_have_class("stale")


@pytest.mark.parametrize("path", ["/site/house", "/site/house/device/main_meter"])
async def test_an_open_page_does_not_grow(path: str) -> None:
    """After hundreds of updates the browser keeps as many nodes and listeners as before, over one connection."""
    async with running_page() as served, browsing() as page:
        facts = served.facts
        await page.goto(served.url + path)
        await tell(facts, page, 1)
        before = await counted(page)
        for number in range(2, EVENTS):
            facts.known = [device(points=(replace(POWER, value=float(number)), ENERGY))]
            facts.changes.put_nowait(CHANGED)
        await tell(facts, page, EVENTS)
        after = await counted(page)
        assert after["JSEventListeners"] == before["JSEventListeners"]
        assert after["Nodes"] <= before["Nodes"] * 1.05
        assert (facts.watching, served.application.door.streams) == (1, 1)


async def tell(facts: FakeFacts, page: Page, value: int) -> None:
    """Let the meter show a value, and return when the page does."""
    facts.known = [device(points=(replace(POWER, value=float(value)), ENERGY))]
    facts.changes.put_nowait(CHANGED)
    shown = page.locator('.large .value, [data-f="v-elec_power_active"]').first
    await expect(shown).to_contain_text(str(value))


async def test_a_trace_keeps_its_newest_frames_only() -> None:
    """However many frames pass, the list holds three hundred, the newest first."""
    async with running_page() as served, browsing() as page:
        await page.goto(f"{served.url}/site/house/buses")
        await page.locator("details[data-trace] summary").click()
        for number in range(400):
            served.facts.frames.put_nowait(TraceLine("2026-11-22T19:00:00.123Z", "out", "modbus", f"no {number}", "01"))
        await expect(page.locator(".trace li .said").first).to_have_text("no 399")
        await expect(page.locator(".trace li")).to_have_count(300)
