"""The pictures of docs/studio.md, made anew and compared in kind with those in the docs.

`NESTMOTION_SCREENSHOTS=docs/images pytest tests/studio/page/test_screenshots.py` renews them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

PROMPT = "a person walks forward, then waves with the right hand"
DOCS = Path(__file__).parents[3] / "docs" / "images"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

pytestmark = pytest.mark.slow


@pytest.fixture
def keep(tmp_path):
    """Factory (studio, name, full_page): take a picture, check that it shows something, and that the
    docs have one of the same shape."""
    folder = Path(os.environ.get("NESTMOTION_SCREENSHOTS", tmp_path))

    def take(studio, name: str, full_page: bool = False) -> None:
        path = folder / name
        studio.picture()  # what was asked for last is drawn
        studio.page.screenshot(path=path, full_page=full_page)
        with Image.open(path) as image:
            few = image.convert("RGB").quantize(256, kmeans=2)
        few.save(path, optimize=True)
        assert len(np.unique(np.asarray(few))) > 120
        assert path.stat().st_size < 150_000
        with Image.open(DOCS / name) as kept:
            assert kept.size[0] == few.size[0]

    return take


def _at(studio, second: float) -> None:
    studio["#scrub"].fill(str(round(20 * second)))
    expect(studio["#clock"]).to_contain_text(f"{second:.2f} s")


def test_desktop(served, visit, keep) -> None:
    studio = visit(served.url, viewport={"width": 1280, "height": 800}).open()
    studio.make(PROMPT, seconds=6, samples=2)
    studio["#ghosts"].check()
    _at(studio, 5.0)
    studio["#nodes button"].last.click()
    _at(studio, 5.0)
    keep(studio, "studio-desktop.png")


def test_dark(served, visit, keep) -> None:
    studio = visit(served.url, viewport={"width": 1280, "height": 800}, color_scheme="dark").open()
    studio.make("a person walks forward, then sits down", seconds=6)
    studio["#nodes [data-level='2'] button"].last.click()
    studio["#phrase"].fill("then jumps")
    studio["#phrase"].press("Enter")
    studio.shown("a person walks forward, then jumps")
    _at(studio, 4.2)
    keep(studio, "studio-dark.png")


def test_phone(served, visit, keep) -> None:
    studio = visit(served.url, **PHONE).open()
    studio.make(PROMPT, seconds=6)
    studio["#settings"].evaluate("details => { details.open = false; }")
    _at(studio, 2.2)
    keep(studio, "studio-phone.png", full_page=True)
