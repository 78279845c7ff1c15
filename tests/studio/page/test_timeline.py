"""The semantic tree under the timeline, and changes of one phrase's stretch."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from nestmotion.io import load_motion

PROMPT = "a person walks forward, then waves with the right hand"


@pytest.fixture
def tree(studio, served):
    """(page, nodes as the server tells them) of a motion of 4 s."""
    studio.make(PROMPT, seconds=4)
    (job, *_) = served.client.get("/v1/jobs?limit=1").json()["jobs"]
    return studio, served.client.get(job["motions"][0]["alignment"]).json()["nodes"]


def _percent(bar) -> tuple[float, float]:
    left, width = bar.evaluate("bar => [bar.style.left, bar.style.width]")
    return float(left.rstrip("%")), float(width.rstrip("%"))


def test_a_row_for_each_node_with_its_span(tree) -> None:
    studio, nodes = tree
    rows = studio["#nodes li"]
    assert rows.count() == len(nodes) > 4
    for row, node in zip(rows.all(), nodes, strict=True):
        name = row.get_by_role("button")
        expect(name).to_contain_text(node["text"])
        expect(name).to_contain_text(f"{node['start_s']:.1f} to {node['end_s']:.1f} seconds")
        left, width = _percent(row.locator(".track i"))
        assert left == pytest.approx(25 * node["start_s"], abs=0.01)
        assert width == pytest.approx(25 * (node["end_s"] - node["start_s"]), abs=0.01)


def test_a_row_is_as_dark_as_the_node_is_about_the_moment(tree) -> None:
    studio, nodes = tree
    strips = studio["#nodes .track b"]
    for strip, node in zip(strips.all(), nodes, strict=True):
        paint = strip.evaluate("strip => strip.style.backgroundImage")
        shown = [int(found) for found in re.findall(r"var\(--tone\) (\d+)", paint)]
        np.testing.assert_allclose(np.array(shown) / 100, node["weight"], atol=0.0051)


@pytest.mark.parametrize("by", ["pointer", "focus"])
def test_a_phrase_lights_up_its_frames(tree, by: str) -> None:
    studio, nodes = tree
    place, node = next(
        (k, node) for k, node in enumerate(nodes) if node["text"] == "with the right hand"
    )
    expect(studio["#lit"]).to_be_hidden()
    button = studio["#nodes button"].nth(place)
    if by == "pointer":
        button.hover()
    else:
        button.focus()
    expect(studio["#title mark"]).to_have_text(node["text"])
    left, width = _percent(studio["#lit"])
    assert left == pytest.approx(25 * node["start_s"], abs=0.01)
    assert width == pytest.approx(25 * (node["end_s"] - node["start_s"]), abs=0.01)
    if by == "pointer":
        studio["#prompt"].hover()
    else:
        studio["#prompt"].focus()
    expect(studio["#lit"]).to_be_hidden()
    expect(studio["#title mark"]).to_have_count(0)


def test_arrows_go_from_row_to_row(tree) -> None:
    studio, nodes = tree
    studio["#nodes button"].first.focus()
    for node in nodes[1:]:
        studio.page.keyboard.press("ArrowDown")
        expect(studio["#nodes button:focus"]).to_contain_text(node["text"])
    studio.page.keyboard.press("ArrowUp")
    expect(studio["#nodes button:focus"]).to_contain_text(nodes[-2]["text"])


def test_marks_count_code_points(studio) -> None:
    studio.make("a person 🚶 walks, then waves")
    button = studio["#nodes button"].last
    button.hover()
    text = button.locator("span").first.inner_text()
    expect(studio["#title mark"]).to_have_text(text)


def test_changing_a_phrase_keeps_the_rest(tree, served, tmp_path) -> None:
    studio, nodes = tree
    place = max(k for k, node in enumerate(nodes) if node["level"] == 2)
    studio["#nodes button"].nth(place).click()
    expect(studio["#phrase"]).to_have_value(nodes[place]["text"])
    studio["#phrase"].fill("then kicks")
    studio["#phrase"].press("Enter")
    studio.shown("a person walks forward, then kicks")
    assert studio["#tiles button"].all_inner_texts() == ["Before", "After"]
    expect(studio["#tiles button"].last).to_have_attribute("aria-pressed", "true")
    (after, before, *_) = served.client.get("/v1/jobs").json()["jobs"]
    assert after["kind"] == "edit"
    assert after["source"] == {"job": before["id"], "motion": 0}
    span = after["motions"][0]["changed"]
    left, width = _percent(studio["#changed"])
    assert left == pytest.approx(25 * span["start_s"], abs=0.01)
    assert width == pytest.approx(25 * (span["end_s"] - span["start_s"]), abs=0.01)
    kept = slice(0, round(20 * span["start_s"]))
    was, now = _downloaded(studio, tmp_path)
    assert np.abs(was.positions_m - now.positions_m)[kept].max() < 0.01
    assert np.abs(was.positions_m - now.positions_m).max() > 0.05


def test_of_a_phrase_that_stands_twice_the_one_clicked_is_changed(studio) -> None:
    studio.make("a person walks forward, then turns around, then walks forward")
    studio["#nodes button"].last.click()
    expect(studio["#phrase"]).to_have_value("forward")
    studio["#phrase"].fill("backwards")
    studio["#phrase"].press("Enter")
    studio.shown("a person walks forward, then turns around, then walks backwards")


def test_another_take_of_a_stretch(tree, served, tmp_path) -> None:
    studio, _ = tree
    studio["#nodes button"].nth(1).click()
    studio["#from"].fill("1")
    studio["#to"].fill("2")
    studio["#to"].press("Enter")
    expect(studio["#tiles button"]).to_have_text(["Before", "After"])
    (after, *_) = served.client.get("/v1/jobs").json()["jobs"]
    assert after["kind"] == "regenerate"
    assert (after["request"]["start_s"], after["request"]["end_s"]) == (1, 2)
    was, now = _downloaded(studio, tmp_path)
    moved = np.abs(was.positions_m - now.positions_m).max(axis=(1, 2))
    assert moved[:15].max() < 0.01
    assert moved[22:38].max() > 0.05


def _downloaded(studio, folder):
    """The motion before and after, as the person takes them away."""
    found = []
    for k, name in enumerate(("before", "after")):
        studio["#tiles button"].nth(k).click()
        expect(studio["#tiles button"].nth(k)).to_have_attribute("aria-pressed", "true")
        with studio.page.expect_download() as download:
            studio["[data-format=npz]"].click()
        download.value.save_as(folder / f"{name}.npz")
        found.append(load_motion(folder / f"{name}.npz"))
    return found


def test_a_phrase_that_cannot_be_changed_is_told(tree) -> None:
    studio, _ = tree
    studio["#nodes button"].nth(2).click()
    studio["#phrase"].fill("123 " * 200)
    studio["#phrase"].press("Enter")
    expect(studio["#problem"]).to_be_visible()
    expect(studio["#title"]).to_have_text(PROMPT)
    studio.complaints.clear()
