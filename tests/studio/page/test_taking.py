"""Files, links, and what was made before."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from nestmotion.io import load_motion

PROMPT = "a person walks forward, then waves"


def _take(studio, format_: str, folder):
    with studio.page.expect_download() as download:
        studio[f"[data-format={format_}]"].click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def _latest(served) -> dict:
    return served.client.get("/v1/jobs?limit=1").json()["jobs"][0]


@pytest.fixture
def truth(served, tmp_path):
    """Factory: the motion of the latest job, from the server itself."""

    def load(sample: int = 0):
        path = tmp_path / f"truth-{sample}.npz"
        path.write_bytes(served.client.get(_latest(served)["motions"][sample]["files"]["npz"]).content)
        return load_motion(path)

    return load


def test_files_hold_the_motion_on_the_stage(studio, truth, tmp_path) -> None:
    studio.make(PROMPT)
    expected = truth()
    for format_, tolerance_m in (("npz", 1e-9), ("glb", 1e-5), ("bvh", 1e-4)):
        path = _take(studio, format_, tmp_path)
        assert path.suffix == f".{format_}"
        found = load_motion(path)
        assert found.fps == pytest.approx(expected.fps)
        np.testing.assert_allclose(found.positions_m, expected.positions_m, atol=tolerance_m)


def test_the_html_file_plays(studio, chromium, tmp_path) -> None:
    studio.make(PROMPT)
    page = chromium.new_page()
    page.goto(_take(studio, "html", tmp_path).as_uri())
    expect(page.locator("h1")).to_have_text(PROMPT)
    expect(page.locator("#clock")).to_have_text(re.compile("frame [2-9] of 40"))
    page.close()


def test_files_are_of_the_chosen_sample(studio, truth, tmp_path) -> None:
    studio.make(PROMPT, samples=2)
    studio["#tiles button"].last.click()
    found = load_motion(_take(studio, "npz", tmp_path))
    np.testing.assert_array_equal(found.positions_m, truth(1).positions_m)
    assert np.abs(found.positions_m - truth(0).positions_m).max() > 0.01


def test_a_link_makes_the_same_motion_on_another_server(
    studio, serve, visit, truth, tmp_path_factory, tmp_path
) -> None:
    studio.make(PROMPT, samples=2, seed=5)
    studio["#tiles button"].last.click()
    expect(studio["#tiles button"].last).to_have_attribute("aria-pressed", "true")
    fragment = studio.page.url.removeprefix(studio.url + "/")
    assert "prompt=a+person+walks" in fragment
    assert re.search("bundle=[0-9a-f]{64}", fragment)
    with serve(folder=tmp_path_factory.mktemp("other")) as other:
        there = visit(other.url).open(fragment).shown(PROMPT)
        expect(there["#tiles button"].last).to_have_attribute("aria-pressed", "true")
        expect(there["#seed"]).to_have_value("5")
        found = load_motion(_take(there, "npz", tmp_path))
    np.testing.assert_array_equal(found.positions_m, truth(1).positions_m)


def test_a_link_to_a_change_makes_the_change_again(
    studio, serve, visit, truth, tmp_path_factory, tmp_path
) -> None:
    studio.make(PROMPT)
    studio["#nodes [data-level='2'] button"].last.click()
    studio["#phrase"].fill("then kicks")
    studio["#phrase"].press("Enter")
    changed = "a person walks forward, then kicks"
    studio.shown(changed)
    expect(studio["#share"]).to_be_enabled()
    with serve(folder=tmp_path_factory.mktemp("other")) as other:
        there = visit(other.url).open(studio.page.url.removeprefix(studio.url + "/")).shown(changed)
        assert there["#tiles button"].all_inner_texts() == ["Before", "After"]
        found = load_motion(_take(there, "npz", tmp_path))
    np.testing.assert_allclose(found.positions_m, truth().positions_m, atol=1e-6)


def test_opening_a_link_again_makes_nothing_anew(studio, served) -> None:
    studio.make(PROMPT)
    count = len(served.client.get("/v1/jobs?limit=200").json()["jobs"])
    studio.page.reload()
    studio.shown(PROMPT)
    assert len(served.client.get("/v1/jobs?limit=200").json()["jobs"]) == count


def test_a_link_of_another_model_is_told(served, visit) -> None:
    studio = visit(served.url).open(f"#prompt=a+person+jumps&seconds=2&seed=1&bundle={'0' * 64}")
    studio.shown("a person jumps")
    expect(studio["#status"]).to_have_text(
        "This link was made with another model: the motion is not the same."
    )


@pytest.mark.parametrize("fragment", ["#seed=5", "#prompt=", "#prompt=%20&edit={", "#nonsense"])
def test_a_link_without_a_prompt_makes_nothing(served, visit, fragment: str) -> None:
    count = len(served.client.get("/v1/jobs?limit=200").json()["jobs"])
    studio = visit(served.url).open(fragment)
    expect(studio["#guidance"]).to_have_attribute("placeholder", re.compile(r"\d"))
    expect(studio["#empty"]).to_be_visible()
    assert len(served.client.get("/v1/jobs?limit=200").json()["jobs"]) == count


def test_a_broken_link_is_told(served, visit) -> None:
    studio = visit(served.url).open("#prompt=a+person+walks&seconds=99&edit={broken&samples=x")
    expect(studio["#problem"]).to_contain_text("seconds")
    studio.complaints.clear()


def test_copying_the_link(served, visit) -> None:
    studio = visit(served.url, permissions=["clipboard-read", "clipboard-write"]).open()
    studio.make("a person waves")
    studio["#share"].click()
    expect(studio["#share"]).to_have_text("Link copied")
    assert studio.page.evaluate("() => navigator.clipboard.readText()") == studio.page.url


def test_history_is_kept_opened_and_forgotten(studio, served) -> None:
    studio.make("a person kicks").make("a person claps")
    studio.page.goto("about:blank")
    studio.open()
    items = studio["#history li"]
    expect(items.first).to_contain_text("a person claps")
    items.nth(1).locator(".open").click()
    studio.shown("a person kicks")
    expect(items.nth(1).locator(".open")).to_have_attribute("aria-current", "true")
    gone = _latest(served)["id"]
    items.first.get_by_role("button", name="Remove: a person claps").click()
    expect(items.first).to_contain_text("a person kicks")
    expect(items.first.locator(".open")).to_be_focused()
    assert served.client.get(f"/v1/jobs/{gone}").status_code == 404


def test_older_history(serve, visit) -> None:
    with serve() as served, served.busy():
        for seed in range(31):
            served.client.post("/v1/generate", json={"prompt": "a person waits", "seed": seed})
        studio = visit(served.url).open()
        expect(studio["#history li"]).to_have_count(30)
        studio["#older"].click()
        expect(studio["#history li"]).to_have_count(31)
        expect(studio["#older"]).to_be_hidden()
