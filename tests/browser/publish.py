"""Puts the pictures of the browser tests into docs: `make screenshots` runs those tests, then this.

python -m tests.browser.publish
"""

import sys
from pathlib import Path

from PIL import Image

from tests.browser.looking import PICTURES

DOCS = Path(__file__).parents[2] / "docs"
SCREENS = {
    "page": ("site-desktop-light", 1000),
    "history": ("history-desktop-light", 1340),
    "commissioning": ("commissioning-desktop-light", 1000),
}
"""Picture in docs → screenshot, and how much of it from its top."""
PHONES = ("site-phone-dark", "device-phone-dark", "history-phone-dark", "commissioning-phone-dark")
_PHONE_HEIGHT = 844
_GAP = 24


def publish() -> list[Path]:
    """Write the pictures that README and docs show; return them.

    Raises:
        FileNotFoundError: the browser tests did not run.
    """
    written = [_save(_cut(name, height), DOCS / f"{target}.png") for target, (name, height) in SCREENS.items()]
    return [*written, _save(_side_by_side([_cut(name, _PHONE_HEIGHT) for name in PHONES]), DOCS / "phones.png")]


def _cut(name: str, height: int) -> Image.Image:
    with Image.open(PICTURES / f"{name}.png") as whole:
        return whole.convert("RGB").crop((0, 0, whole.width, min(height, whole.height)))


def _side_by_side(images: list[Image.Image]) -> Image.Image:
    width = sum(image.width for image in images) + _GAP * (len(images) - 1)
    together = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        together.paste(image, (left, 0))
        left += image.width + _GAP
    return together


def _save(image: Image.Image, path: Path) -> Path:
    image.save(path, optimize=True)
    return path


if __name__ == "__main__":
    for each in publish():
        sys.stdout.write(f"written: {each.relative_to(DOCS.parent)}\n")
