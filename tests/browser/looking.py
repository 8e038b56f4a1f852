"""How the tests look at a page: the browser, the sizes, what everybody must be able to use, and the pictures."""

import shutil
from itertools import product
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe as AsyncAxe
from axe_playwright_python.sync_playwright import Axe
from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Page, ViewportSize

CHROMIUM = shutil.which("chromium")
PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LOOKS = list(product(SIZES, ("light", "dark")))
"""Size and colours: every page is looked at in each of them."""
NARROW = "document.documentElement.scrollWidth <= innerWidth"
"""True where nothing is wider than the screen."""
_HINDERS = frozenset({"moderate", "serious", "critical"})


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page, and make sure that everybody can use what it shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    assert page.evaluate(NARROW), f"{name}: wider than the screen"
    assert hindrances(Axe().run(page).response) == [], name


async def picture_async(page: AsyncPage, name: str) -> None:
    """Do the same where the test waits by itself."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    assert await page.evaluate(NARROW), f"{name}: wider than the screen"
    assert hindrances((await AsyncAxe().run(page)).response) == [], name


def hindrances(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return rule, impact and element of everything that axe says hinders somebody."""
    return [
        (each["id"], each["impact"], node["html"])
        for each in found["violations"]
        if each["impact"] in _HINDERS
        for node in each["nodes"][:3]
    ]
