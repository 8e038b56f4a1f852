"""The sign-in in a real browser: usable by everybody, and it leads to where one wanted to go."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from gateway.web.passwords import load_passwords, set_password
from tests.browser.looking import CHROMIUM, LOOKS, SIZES, picture_async
from tests.fakes_web import running_page

SECRET = "correct horse battery"  # noqa: S105 - of a test

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_signing_in_by_keyboard(tmp_path: Path, size: str, scheme: str) -> None:
    """A wrong password is said aloud, the right one leads on, and no picture of either hinders anybody."""
    set_password(tmp_path, "manager", SECRET)
    async with running_page(passwords=load_passwords(tmp_path)) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport=SIZES[size], color_scheme="dark" if scheme == "dark" else "light")
        page = await context.new_page()
        await page.goto(f"{served.url}/site/house/delivery")
        await expect(page.get_by_label("Password")).to_be_focused()
        await picture_async(page, f"login-{size}-{scheme}")
        await page.keyboard.type("not the password")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await picture_async(page, f"login-wrong-{size}-{scheme}")
        await page.get_by_label("Password").fill(SECRET)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/site/house/delivery")
        await browser.close()
