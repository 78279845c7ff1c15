"""Playback, camera, and several motions side by side."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from pictures import differ

pytestmark = pytest.mark.slow


@pytest.fixture
def walking(studio):
    """A walk of 40 frames on the stage, standing at its first frame."""
    return studio.make("a person walks forward")


def at(studio, frame: int, frames: int = 40) -> None:
    expect(studio["#clock"]).to_have_text(f"{(frame - 1) / 20:.2f} s · frame {frame} of {frames}")


def test_steps_and_ends(walking) -> None:
    presses = ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home")
    for press, frame in zip(presses, (2, 3, 2, 40, 1), strict=True):
        walking["#view"].press(press)
        at(walking, frame)
    walking["#next"].click()
    at(walking, 2)
    walking["#back"].click()
    at(walking, 1)


def test_seeking_shows_the_pose_of_that_frame(walking) -> None:
    first = walking.picture()
    walking["#scrub"].fill("24")
    at(walking, 25)
    later = walking.picture()
    walking["#scrub"].fill("0")
    at(walking, 1)
    assert not differ(walking.picture(), first)
    assert differ(later, first)
    assert walking["#head"].evaluate("line => line.style.left") == "0%"


def test_clicking_the_time_line_seeks(walking) -> None:
    box = walking["#nodes .track"].first.bounding_box()
    walking["#scrub"].click(position={"x": 9 + 0.5 * box["width"], "y": 10})
    at(walking, 21)
    line, thumb = walking["#head"].bounding_box(), 0.5 * box["width"] + box["x"]
    assert abs(line["x"] + 1 - thumb) < 2


def test_space_plays_and_pauses(walking) -> None:
    walking["#view"].focus()
    walking["#view"].press(" ")
    expect(walking["#play"]).to_have_accessible_name("Pause")
    expect(walking["#clock"]).not_to_have_text(re.compile("frame 1 of"))
    walking["#view"].press(" ")
    expect(walking["#play"]).to_have_accessible_name("Play")
    still = walking["#clock"].inner_text()
    walking.picture()
    assert walking["#clock"].inner_text() == still


def test_without_loop_it_stops_at_the_end_and_starts_anew(walking) -> None:
    walking["#loop"].uncheck()
    walking["#speed"].select_option("2")
    walking["#play"].click()
    at(walking, 40)
    expect(walking["#play"]).to_have_accessible_name("Play")
    walking["#play"].click()
    expect(walking["#clock"]).not_to_have_text(re.compile("frame 40 of"))


def test_with_loop_it_goes_on(walking) -> None:
    walking["#view"].press("End")
    walking["#play"].click()
    expect(walking["#clock"]).to_have_text(re.compile("frame [1-3]?[0-9] of"))
    expect(walking["#play"]).to_have_accessible_name("Pause")


def test_every_switch_changes_the_picture(walking) -> None:
    walking["#view"].press("End")
    for name in ("grid", "path", "ghosts", "follow"):
        before = walking.picture()
        walking[f"#{name}"].click()
        changed = walking.picture()
        assert differ(changed, before), name
        walking[f"#{name}"].click()
        assert not differ(walking.picture(), before), name


def test_the_camera_turns_by_drag_and_by_keys_and_comes_back(walking) -> None:
    home, box = walking.picture(), walking["#view"].bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    walking.page.mouse.move(x, y)
    walking.page.mouse.down()
    walking.page.mouse.move(x + 90, y + 20)
    walking.page.mouse.up()
    dragged = walking.picture()
    walking["#reset"].click()
    assert differ(dragged, home)
    assert not differ(walking.picture(), home)
    for key in ("Shift+ArrowLeft", "Shift+ArrowUp", "+", "-"):
        walking["#view"].press(key)
        assert differ(walking.picture(), home), key
        walking["#view"].press("0")
        assert not differ(walking.picture(), home), key


def test_letters_work_on_the_stage_only(walking) -> None:
    for key, name in {"l": "loop", "f": "follow", "g": "grid", "p": "path", "t": "ghosts"}.items():
        before = walking[f"#{name}"].is_checked()
        walking["#view"].press(key)
        assert walking[f"#{name}"].is_checked() != before
        walking["#history .open"].first.press(key)
        assert walking[f"#{name}"].is_checked() != before
    walking["#view"].press("[")
    expect(walking["#speed"]).to_have_value("0.5")


def test_typing_moves_nothing(walking) -> None:
    walking["#prompt"].fill("")
    walking["#prompt"].press_sequentially("a b")
    walking["#prompt"].press("End")
    expect(walking["#prompt"]).to_have_value("a b")
    at(walking, 1)


def test_samples_stand_side_by_side_on_one_clock(studio, served) -> None:
    studio.make("a person jumps", samples=3)
    labels = studio["#tiles button"]
    assert labels.all_inner_texts() == ["Sample 1", "Sample 2", "Sample 3"]
    places = [label.bounding_box() for label in labels.all()]
    assert places[0]["x"] < places[1]["x"] < places[2]["x"]
    expect(labels.first).to_have_attribute("aria-pressed", "true")
    studio["#view"].press("End")
    at(studio, 40)
    # Every third of the stage changes with the one clock.
    last = np.array_split(studio.picture(), 3, axis=1)
    studio["#view"].press("Home")
    first = np.array_split(studio.picture(), 3, axis=1)
    assert all(differ(a, b) for a, b in zip(first, last, strict=True))


def test_choosing_another_sample(studio) -> None:
    studio.make("a person walks forward, then waves", samples=2)
    before = studio["#nodes i"].evaluate_all("all => all.map(one => one.style.left + one.style.width)")
    studio["#tiles button"].last.click()
    expect(studio["#tiles button"].last).to_have_attribute("aria-pressed", "true")
    expect(studio["#tiles button"].first).to_have_attribute("aria-pressed", "false")
    assert "sample=1" in studio.page.url
    after = studio["#nodes i"].evaluate_all("all => all.map(one => one.style.left + one.style.width)")
    assert len(after) == len(before)
    assert after != before


def test_two_prompts_compared(studio) -> None:
    studio.make("a person kicks").make("a person waves")
    studio["#history li"].nth(1).get_by_role("button", name="Compare").click()
    expect(studio["#tiles button"]).to_have_text(["", "a person kicks"])
    expect(studio["#title"]).to_have_text("a person kicks")
    studio["#tiles button"].first.click()
    expect(studio["#title"]).to_have_text("a person waves")
