"""How soon a browser that was never here shows the site of the demo, and from how many bytes.

python -m bench.paint [--times 7]
"""

import argparse
import json
import re
import sys
import tempfile
import urllib.request
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from bench.figures import Measured
from bench.processes import KVARTER, program, running, until

PATH = "/site/demo-district"
TIMES = 7
_WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
.reduce((sum, each) => sum + each.transferSize, 0)"""
_PAINTED = """() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()[0].startTime))
.observe({type: "paint", buffered: true}))"""


def measure(times: int = TIMES) -> Measured:
    """Return best and median of the first paint in milliseconds, and the weight of the page in kB."""
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "demo.log"
        options = ("--headless", "--listen", "127.0.0.1:0", "--data", Path(name) / "demo")
        with running([KVARTER, "demo", *options], log=log), sync_playwright() as playwright:
            until(lambda: "page: http" in log.read_text(encoding="utf-8"), "no page")
            found = re.search(r"page: (http://[0-9.:]+)", log.read_text(encoding="utf-8"))
            if found is None:
                raise RuntimeError("no address")
            address = found[1]
            until(lambda: not _silent(address), "a device of the demo does not answer")
            browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
            seen = [_first_sight(browser, address + PATH) for _ in range(times)]
            browser.close()
    paints = [paint_ms for paint_ms, _ in seen]
    figures = {"best_ms": min(paints), "median_ms": median(paints), "page_kb": max(size for _, size in seen) / 1000}
    return {"page_paint": {"kvarter": {name: round(value, 1) for name, value in figures.items()}}}


def _silent(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}/api/v1/sites", timeout=10) as answer:  # noqa: S310 - a loopback address
        (site,) = json.load(answer)
    return list(site["silent"])


def _first_sight(browser: Browser, url: str) -> tuple[float, int]:
    """Return after how many milliseconds a new browser paints the page, and how many bytes that took."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = context.new_page()
    page.goto(url)
    paint_ms, octets = float(page.evaluate(_PAINTED)), int(page.evaluate(_WEIGHT))
    context.close()
    return paint_ms, octets


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The first paint of the demo's site.")
    parser.add_argument("--times", type=int, default=TIMES, help="new browsers, one after the other")
    sys.stdout.write(json.dumps(measure(parser.parse_args().times), indent=2) + "\n")
