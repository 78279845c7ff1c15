"""For everybody: axe-core's rules, keyboard, a phone's width, light and dark, little motion."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

PROMPT = "a person walks forward, then waves"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
# Rules of WCAG 2.2, levels A and AA, and axe's own good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def _violations(studio) -> list[str]:
    found = Axe().run(studio.page, options=RULES).response
    assert len(found["passes"]) > 10
    return [
        f"{problem['impact']}: {problem['id']}: {node['html']}"
        for problem in found["violations"]
        for node in problem["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_axe_finds_nothing(served, visit, scheme: str, phone: bool) -> None:
    studio = visit(served.url, color_scheme=scheme, **(PHONE if phone else {})).open()
    expect(studio["#guidance"]).to_have_attribute("placeholder", re.compile(r"\d"))
    assert _violations(studio) == []
    studio.make(PROMPT, samples=2)
    studio["#nodes button"].last.click()
    expect(studio["#edit"]).to_be_visible()
    assert _violations(studio) == []
    studio["#keys-button"].click()
    assert _violations(studio) == []


def test_everything_can_be_reached_by_keyboard(studio) -> None:
    studio.make(PROMPT, samples=2)
    studio["#nodes button"].last.click()
    studio["#prompt"].focus()
    seen = set()
    for _ in range(80):
        studio.page.keyboard.press("Tab")
        name = "() => document.activeElement.id || document.activeElement.textContent.trim()"
        seen.add(studio.page.evaluate(name))
    wanted = {
        "generate",
        "seed",
        "samples",
        "view",
        "Sample 1",
        "Sample 2",
        "play",
        "back",
        "next",
        "speed",
    }
    wanted |= {
        "loop",
        "follow",
        "grid",
        "path",
        "ghosts",
        "scrub",
        "phrase",
        "from",
        "to",
        "GLB",
        "share",
    }
    assert wanted <= seen


def test_a_motion_is_made_and_changed_without_a_mouse(studio) -> None:
    press = studio.page.keyboard.press
    studio.page.keyboard.type("a person walks forward, then waves")
    press("Enter")
    studio.shown(PROMPT)
    studio["#nodes button"].first.focus()
    for _ in range(studio["#nodes button"].count() - 1):
        press("ArrowDown")
    press("Enter")
    expect(studio["#edit"]).to_be_visible()
    while studio.page.evaluate("() => document.activeElement.id") != "phrase":
        press("Tab")
    press("Control+a")
    studio.page.keyboard.type("kicks")
    press("Enter")
    expect(studio["#tiles button"]).to_have_text(["Before", "After"])


def test_the_keys_are_told_and_the_dialog_closes(studio) -> None:
    studio["#keys-button"].click()
    expect(studio["#keys"]).to_contain_text("play or pause")
    studio.page.keyboard.press("Escape")
    expect(studio["#keys"]).to_be_hidden()
    expect(studio["#keys-button"]).to_be_focused()


@pytest.mark.parametrize("width", [320, 360, 600, 900])
def test_nothing_sticks_out(served, visit, width: int) -> None:
    studio = visit(served.url, viewport={"width": width, "height": 740}).open()
    studio.make("a person walks forward and " + "waves" * 20, samples=2)
    studio["#nodes button"].last.click()
    wide = studio.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= width


def test_the_stage_is_in_sight_on_a_phone_after_enter(served, visit) -> None:
    studio = visit(served.url, **PHONE).open().make(PROMPT)
    expect(studio["#stage"]).to_be_in_viewport(ratio=0.95)


def test_theme(served, visit) -> None:
    studio = visit(served.url, color_scheme="dark").open()
    root = studio["html"]
    expect(root).to_have_attribute("data-theme", "dark")
    studio.page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "light")
    studio["[data-toggle-theme]"].click()
    expect(root).to_have_attribute("data-theme", "dark")
    studio.page.reload()
    expect(root).to_have_attribute("data-theme", "dark")
    expect(studio["[data-toggle-theme]"]).to_have_text("Light theme")


def test_the_stage_follows_the_theme(studio) -> None:
    studio.make(PROMPT)
    light = studio.picture().mean()
    studio["[data-toggle-theme]"].click()
    assert studio.picture().mean() < light - 50


def test_who_asked_for_little_motion_gets_a_still_first_frame(studio) -> None:
    studio.make(PROMPT)
    expect(studio["#play"]).to_have_accessible_name("Play")
    expect(studio["#clock"]).to_have_text("0.00 s · frame 1 of 40")
