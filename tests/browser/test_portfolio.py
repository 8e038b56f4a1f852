"""The portfolio in a real browser: sorted by a click, and a site opened from it."""

import pytest
from playwright.async_api import async_playwright, expect

from gateway.web.portfolio_page import portfolio_page
from tests.browser.looking import CHROMIUM, LOOKS, SIZES, picture_async
from tests.fakes_web import running_page
from tests.web.test_portfolio import FakePortfolio

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_a_click_on_a_column_sorts(size: str, scheme: str) -> None:
    """The order changes with the column, turns round with a second click, and nobody is hindered."""
    async with running_page(pages=[portfolio_page(FakePortfolio())]) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport=SIZES[size], color_scheme="dark" if scheme == "dark" else "light")
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
        await picture_async(page, f"portfolio-{size}-{scheme}")
        await browser.close()
    assert complaints == []
