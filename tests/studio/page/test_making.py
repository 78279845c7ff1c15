"""A person types, sees, and is told what goes wrong."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

NASTY = "a person <img src=x onerror=alert(1)> walks </title><script>alert(2)</script>"


def test_enter_makes_the_motion_that_the_server_made(studio, served) -> None:
    studio.make("a person walks forward", seconds=2, seed=7)
    (job, *_) = served.client.get("/v1/jobs").json()["jobs"]
    assert job["prompt"] == "a person walks forward"
    assert (job["recipe"]["seconds"], job["recipe"]["seed"], len(job["motions"])) == (2.0, 7, 1)
    expect(studio["#details"]).to_have_text("2.00 s · 40 frames at 20 a second · seed 7")
    expect(studio["#clock"]).to_have_text("0.00 s · frame 1 of 40")
    expect(studio["#view"]).to_have_attribute(
        "aria-label", "A mannequin moving: a person walks forward"
    )
    expect(studio["#history li"].first).to_contain_text("a person walks forward")


def test_it_plays_by_itself(served, visit) -> None:
    studio = visit(served.url, reduced_motion="no-preference").open().make()
    expect(studio["#clock"]).to_have_text(re.compile(r"frame ([5-9]|\d\d) of 40"))
    expect(studio["#play"]).to_have_accessible_name("Pause")


def test_length_is_judged_from_the_text_when_left_out(studio, served) -> None:
    studio["#prompt"].fill("a person jumps")
    studio["#prompt"].press("Enter")
    studio.shown("a person jumps")
    request = served.client.get("/v1/jobs").json()["jobs"][0]["request"]
    assert request.get("seconds") is None
    assert request.get("guidance") is None


def test_guidance_goes_to_the_server(studio, served) -> None:
    studio["#guidance"].fill("2.5")
    studio.make("a person kicks")
    assert served.client.get("/v1/jobs").json()["jobs"][0]["recipe"]["guidance"] == 2.5


def test_actions_one_after_another(studio, served) -> None:
    """By turns unless told otherwise, as the address says then."""
    studio["#by-turns"].uncheck()
    studio.make("a person walks, then sits down")
    fragment = studio.page.url.removeprefix(studio.url + "/")
    assert "by_turns=false" in fragment
    assert served.client.get("/v1/jobs").json()["jobs"][0]["recipe"]["by_turns"] is False
    studio.open("#prompt=a+person+jumps,+then+walks").shown("a person jumps, then walks")
    expect(studio["#by-turns"]).to_be_checked()
    jobs = served.client.get("/v1/jobs").json()["jobs"]
    assert [prompt[0] for prompt in jobs[0]["recipe"]["prompts"]] == [
        "a person jumps",
        "a person walks",
    ]
    studio.open(fragment).shown("a person walks, then sits down")
    expect(studio["#by-turns"]).not_to_be_checked()
    assert len(served.client.get("/v1/jobs").json()["jobs"]) == len(jobs)


def test_another_seed(studio) -> None:
    before = studio["#seed"].input_value()
    studio["#new-seed"].click()
    assert studio["#seed"].input_value() != before


def test_an_example_can_be_tried(studio) -> None:
    studio["[data-try]"].last.click()
    studio.shown("a person jumps up and down")
    expect(studio["#prompt"]).to_have_value("a person jumps up and down")


def test_a_prompt_is_text_and_never_markup(studio) -> None:
    studio.page.on("dialog", lambda dialog: pytest.fail(f"the prompt ran: {dialog.message}"))
    studio.make(NASTY)
    expect(studio["#history li"].first).to_contain_text(NASTY)
    assert studio["img, main script, .history script"].count() == 0
    studio["#nodes button"].last.hover()
    assert studio["#title > *"].evaluate_all("all => all.map(one => one.tagName)") == ["MARK"]
    expect(studio["#title"]).to_have_text(NASTY)


def test_what_the_model_cannot_read_is_told_in_one_line(studio) -> None:
    studio["#prompt"].fill("12345")
    studio["#prompt"].press("Enter")
    message = "the prompt is empty; say what the person does, e.g. 'a person waves'"
    expect(studio["#problem"]).to_have_text(message)
    expect(studio["#problem"]).to_have_role("alert")
    studio.make("a person walks")
    expect(studio["#problem"]).to_be_hidden()
    studio.complaints.clear()  # the browser logs the refusal


def test_numbers_out_of_range_stay_in_the_form(studio, served) -> None:
    before = served.client.get("/v1/jobs").json()["jobs"]
    studio["#prompt"].fill("a person walks")
    studio["#seconds"].fill("99")
    studio["#prompt"].press("Enter")
    assert studio["#seconds:invalid"].count() == 1
    assert served.client.get("/v1/jobs").json()["jobs"] == before


def test_a_prompt_in_another_language_is_doubted(studio) -> None:
    studio.make("eine Frau geht langsam vorwärts")
    expect(studio["#status"]).to_contain_text("most words of the prompt are unknown to the model")


def test_cancelling(studio, served) -> None:
    with served.busy():
        studio["#prompt"].fill("a person sits down")
        studio["#prompt"].press("Enter")
        expect(studio["#progress"]).to_be_visible()
        studio["#cancel"].click()
        expect(studio["#status"]).to_have_text("Cancelled.")
    expect(studio["#progress"]).to_be_hidden()
    expect(studio["#history li"].first).to_contain_text("cancelled")
    expect(studio["#history .open"].first).to_be_disabled()
    studio.make("a person walks")


def test_server_gone(serve, visit) -> None:
    with serve() as served:
        studio = visit(served.url).open()
        expect(studio["#guidance"]).to_have_attribute("placeholder", re.compile(r"\d"))
    studio["#prompt"].fill("a person walks")
    studio["#prompt"].press("Enter")
    expect(studio["#problem"]).to_have_text("the server does not answer; is it still running?")
    studio.complaints.clear()


def test_token_in_the_address(serve, visit) -> None:
    with serve(token="a-token-of-24-characters") as served:
        studio = visit(served.url).open("#token=a-token-of-24-characters")
        studio.make("a person walks")
        assert "token" not in studio.page.url
        with studio.page.expect_download() as download:
            studio["[data-format=bvh]"].click()
        assert download.value.path().read_text().startswith("HIERARCHY")


def test_token_asked_for(serve, visit) -> None:
    with serve(token="a-token-of-24-characters") as served:
        studio = visit(served.url).open()
        expect(studio["#token-dialog"]).to_be_visible()
        studio["#token"].fill("a-token-of-24-characters")
        studio["#token"].press("Enter")
        studio.make("a person walks")
        studio.page.reload()
        studio.shown("a person walks")
    studio.complaints.clear()


def test_transferred_size(studio) -> None:
    """What the page weighs, without the motion."""
    sizes = studio.page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".map(entry => [entry.name, entry.transferSize])"
    )
    total = sum(size for name, size in sizes if "/v1/" not in name)
    assert {name.rpartition("/")[2] for name, _ in sizes} > {"three.js", "viewer.js", "style.css", ""}
    assert 100_000 < total < 1_500_000
    assert all(name.startswith(studio.url) for name, _ in sizes)
