"""The page of the past in a browser: what is drawn, moved, read out, compared and downloaded."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Download, Page, async_playwright, expect

from gateway.app.clock import SystemClock
from tests.browser.looking import CHROMIUM, LOOKS, SIZES, picture_async
from tests.web.past import END_MS, GAP_MS, PastFacts, page_of, samples_of_day, store_with

HOUR_MS = 3_600_000
SERIES = (
    "main_meter:elec_power_active,main_meter:elec_energy_import,"
    "heat_pump:hp_temp_sink_supply,heat_pump:hp_operating_mode"
)
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const name = one.id || one.dataset.span || one.dataset.move || one.className || one.textContent;
  return [name, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""
"""What has the focus, and whether one sees that."""
DAY = f"series={SERIES}&start={END_MS - 24 * HOUR_MS}&end={END_MS}"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store of the days that the tests look at."""
    path = tmp_path_factory.mktemp("past")
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    async with store_with(path, days=(1, 2, 8, 9)):
        pass


@asynccontextmanager
async def opened(folder: Path, query: str, **looks: object) -> AsyncIterator[Page]:
    """Yield the page as a browser shows it; it must not complain."""
    complaints: list[str] = []
    async with (
        store_with(folder, days=()) as store,
        page_of(PastFacts(store), SystemClock()) as address,
        async_playwright() as playwright,
    ):
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(timezone_id="America/Lima", **looks)  # type: ignore[arg-type]
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{address}/site/kvarter-1/history?{query}")
        await expect(page.locator("#legend tbody tr").first).to_be_visible()
        yield page
        await browser.close()
    assert complaints == []


async def span_of(page: Page) -> tuple[int, int]:
    """Return start and end that the address names."""
    start, end = await page.evaluate(
        "['start', 'end'].map((name) => Number(new URLSearchParams(location.search).get(name)))"
    )
    return start, end


async def content(download: Download) -> bytes:
    """Return what a browser has saved."""
    return await asyncio.to_thread(Path(await download.path()).read_bytes)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_the_page_fits_every_screen(folder: Path, size: str, scheme: str) -> None:
    """Nothing is wider than the screen, by day and by night, and axe finds nothing that hinders anybody."""
    async with opened(folder, f"{DAY}&compare=1", viewport=SIZES[size], color_scheme=scheme) as page:
        await expect(page.locator("#legend tbody tr")).to_have_count(4)
        await expect(page.locator("#said")).to_contain_text("min")
        await page.locator(".history-table summary").click()
        await expect(page.locator("#table tbody tr").first).to_be_visible()
        await picture_async(page, f"history-table-{size}-{scheme}")
        await page.locator(".history-table summary").click()
        await picture_async(page, f"history-{size}-{scheme}")


async def test_a_gap_is_no_value_and_a_value_is_one(folder: Path) -> None:
    """Under the pointer a gap says that there is no value, and an hour later there is one."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        box = await page.locator("#chart").bounding_box()
        assert box is not None
        left, width = box["x"] + 58, box["width"] - 58 - 14
        row = page.locator('tr[data-key="main_meter:elec_power_active"] .now')
        for at_ms, has_value in ((GAP_MS[0] + 90 * 60_000, False), (GAP_MS[1] + HOUR_MS, True)):
            share = (at_ms - (END_MS - 24 * HOUR_MS)) / (24 * HOUR_MS)
            await page.mouse.move(left + share * width, box["y"] + 100)
            await expect(row).to_have_text("no value") if not has_value else await expect(row).to_contain_text("W")


async def test_the_keyboard_moves_zooms_and_reads_out(folder: Path) -> None:
    """Everything the mouse does can be done by keys, and what is read is said to whoever cannot see it."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        start, end = await span_of(page)
        await page.locator("#chart").focus()
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#said")).to_contain_text("Active power")
        await page.keyboard.press("+")
        closer = await span_of(page)
        assert closer == (start + (end - start) // 4, end - (end - start) // 4)
        await page.keyboard.press("Shift+ArrowLeft")
        assert await span_of(page) == (closer[0] - (end - start) // 10, closer[1] - (end - start) // 10)
        await page.keyboard.press("-")
        assert (await span_of(page))[1] - (await span_of(page))[0] == end - start


async def test_the_hand_moves_the_time(folder: Path) -> None:
    """Dragging to the right shows what was before, by as much as the hand moved."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        start, _ = await span_of(page)
        box = await page.locator("#chart").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 300, box["y"] + 100)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 300 + (box["width"] - 72) / 4, box["y"] + 100, steps=5)
        await page.mouse.up()
        assert start - (await span_of(page))[0] == pytest.approx(6 * HOUR_MS, rel=0.01)


async def test_the_table_holds_what_is_drawn(folder: Path) -> None:
    """The table has one row per time with a value, in the local time of the site and not of the browser."""
    query = f"series=main_meter:elec_energy_import&start={GAP_MS[0] - HOUR_MS}&end={GAP_MS[1] + HOUR_MS}"
    async with opened(folder, query, viewport=SIZES["desktop"]) as page:
        await page.locator(".history-table summary").click()
        rows = page.locator("#table tbody tr")
        await expect(rows).to_have_count(8)
        await expect(rows.first).to_contain_text("09:00")
        await expect(rows.nth(4)).to_contain_text("13:00")
        await expect(rows.first).to_contain_text("kWh")


async def test_files_are_offered(folder: Path) -> None:
    """The picture is a PNG, and the file is the CSV of what is looked at."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        async with page.expect_download() as drawn:
            await page.locator("#png").click()
        picture = await content(await drawn.value)
        assert picture.startswith(b"\x89PNG")
        async with page.expect_download() as written:
            await page.locator("#csv").click()
        text = (await content(await written.value)).decode()
        assert text.startswith("time_utc,time_local,main_meter.elec_power_active [W]")
        assert len(text.splitlines()) == 1 + 1440 - 180


async def test_a_point_can_be_added_and_the_address_keeps_it(folder: Path) -> None:
    """What is chosen stands in the address, so that it can be sent to somebody else."""
    async with opened(folder, "series=main_meter:elec_power_active&span=3600", viewport=SIZES["phone"]) as page:
        await page.get_by_label("Voltage L1").check()
        await expect(page.locator("#legend tbody tr")).to_have_count(2)
        assert "main_meter:elec_power_active,main_meter:elec_voltage_l1" in page.url
        await expect(page.locator("#said")).to_contain_text("Nothing is stored")


async def test_the_week_before_stands_beside_it(folder: Path) -> None:
    """What was counted and measured a week before is shown for the whole and under the cursor."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        before = page.locator('tr[data-key="main_meter:elec_energy_import"] .before')
        await expect(before).to_be_empty()
        await page.get_by_label("Compare with the week before").check()
        then = [meter["elec_energy_import"] for _, meter, _ in samples_of_day(2)]
        await expect(before).to_contain_text("Σ")
        found = re.search(r"([0-9.]+)", await before.inner_text())
        assert found is not None
        assert float(found[1]) == pytest.approx(then[-1] - then[0], abs=0.05)
        assert "compare=1" in page.url
        box = await page.locator("#chart").bounding_box()
        assert box is not None
        at_ms = GAP_MS[0] + 90 * 60_000
        share = (at_ms - (END_MS - 24 * HOUR_MS)) / (24 * HOUR_MS)
        await page.mouse.move(box["x"] + 58 + share * (box["width"] - 72), box["y"] + 100)
        row = page.locator('tr[data-key="main_meter:elec_power_active"]')
        await expect(row.locator(".now")).to_have_text("no value")
        await expect(row.locator(".before")).to_contain_text("W")


async def test_closer_and_farther_by_buttons_and_wheel(folder: Path) -> None:
    """Zooming shows half or twice the time around the middle, and with Ctrl the wheel zooms around the pointer."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        start, end = await span_of(page)
        await page.locator('[data-move="closer"]').click()
        assert await span_of(page) == (start + (end - start) // 4, end - (end - start) // 4)
        await page.locator('[data-move="farther"]').click()
        assert await span_of(page) == (start, end)
        box = await page.locator("#chart").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 58, box["y"] + 100)
        await page.keyboard.down("Control")
        await page.mouse.wheel(0, -150)
        await page.keyboard.up("Control")
        await page.wait_for_function(
            "(end) => Number(new URLSearchParams(location.search).get('end')) < end", arg=end - HOUR_MS
        )
        assert (await span_of(page))[0] == pytest.approx(start, abs=HOUR_MS / 10)


async def test_the_whole_page_works_without_a_mouse(folder: Path) -> None:
    """From the first key on: another length, the week before, the picture, the drawing; one sees where one is."""
    async with opened(folder, DAY, viewport=SIZES["desktop"]) as page:
        reached: list[str] = []
        while "png" not in reached and len(reached) < 60:
            await page.keyboard.press("Tab")
            name, is_seen = await page.evaluate(FOCUSED)
            assert is_seen, name
            reached.append(name)
            if name == "604800":
                await page.keyboard.press("Enter")
                assert (await span_of(page))[1] - (await span_of(page))[0] == 7 * 24 * HOUR_MS
            if name == "compare":
                await page.keyboard.press("Space")
                await expect(page.locator("#legend thead")).to_contain_text("week before")
        assert {"skip", "3600", "604800", "earlier", "from", "to", "compare", "csv", "png"} <= set(reached)
        async with page.expect_download() as drawn:
            await page.keyboard.press("Enter")
        assert (await content(await drawn.value)).startswith(b"\x89PNG")
        await page.keyboard.press("Tab")
        assert (await page.evaluate(FOCUSED))[0] == "chart"
        await page.keyboard.press("End")
        await expect(page.locator("#said")).to_contain_text("Active power")
