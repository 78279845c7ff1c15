"""The studio's page in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pictures import decoded

# A change is drawn with the next picture; this waits for the one after.
BLUR_AND_DRAW = """() => {
  document.activeElement.blur();
  return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
WALK = "a person walks forward, then waves with the right hand"

# Pictures are drawn by the processor here, which other tests may need at the same time.
expect.set_options(timeout=60_000)


class Studio:
    """The page as a person uses it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if _bad(said) else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(60_000)

    def open(self, fragment: str = "") -> Studio:
        self.page.goto(self.url + "/" + fragment)
        return self

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def make(self, prompt: str = WALK, seconds: float = 2, samples: int = 1, seed: int = 0) -> Studio:
        """Type a prompt, press Enter, and wait until the motion is on the stage."""
        self["#settings"].evaluate("details => { details.open = true; }")
        for field, value in {"seconds": seconds, "samples": samples, "seed": seed}.items():
            self[f"#{field}"].fill(str(value))
        self["#prompt"].fill(prompt)
        self["#prompt"].press("Enter")
        return self.shown(prompt)

    def shown(self, prompt: str) -> Studio:
        """Wait until the motion of a prompt is on the stage."""
        expect(self["#title"]).to_have_text(prompt)
        expect(self["#clock"]).to_have_text(re.compile(r"frame \d+ of \d\d"))
        expect(self["#progress"]).to_be_hidden()
        return self

    def picture(self) -> np.ndarray:
        """The stage as it looks now, (height, width, 3), neither focused nor under the pointer."""
        self.page.mouse.move(2, 2)
        self.page.evaluate(BLUR_AND_DRAW)
        return decoded(self["#view"].screenshot())


def _bad(said) -> bool:
    return said.type in ("error", "warning") and "GPU stall" not in said.text


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Studio]]:
    """Factory (url, **context): a fresh visitor's page. At the end no script may have failed and the
    page's security policy not have been broken."""
    contexts, visits = [], []

    def start(url: str, **settings) -> Studio:
        settings = {"viewport": {"width": 900, "height": 640}, "reduced_motion": "reduce"} | settings
        contexts.append(chromium.new_context(**settings))
        visits.append(Studio(contexts[-1].new_page(), url))
        return visits[-1]

    yield start
    complaints = [text for visit in visits for text in visit.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def studio(served, visit) -> Studio:
    """The page of the module's server, opened by a person whose system asks for little motion, so that
    it does not play by itself."""
    return visit(served.url).open()
