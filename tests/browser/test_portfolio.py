"""The portfolio in a real browser: sorted by a click, and a site opened from it."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from gateway.web.portfolio_page import portfolio_page
from tests.fakes_web import running_page
from tests.web.test_portfolio import FakePortfolio

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
CHROMIUM = "/usr/bin/chromium"

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_a_click_on_a_column_sorts(scheme: str, width: int) -> None:
    """The order changes with the column, turns round with a second click, and nothing complains."""
    async with running_page(pages=[portfolio_page(FakePortfolio())]) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(f"{served.url}/portfolio")
        names = page.locator("tbody th")
        await expect(names).to_have_text(["Alder", "Birch", "Cedar"])
        await page.get_by_role("link", name="Electricity kWh").click()
        await expect(names).to_have_text(["Birch", "Alder", "Cedar"])
        await page.get_by_role("link", name="Electricity kWh").click()
        await expect(names).to_have_text(["Alder", "Birch", "Cedar"])
        SHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SHOTS / f"portfolio-{scheme}.png", full_page=True)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        await browser.close()
    assert wide <= 0
    assert complaints == []
