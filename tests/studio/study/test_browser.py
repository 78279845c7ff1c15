"""The rater's page in a real Chromium: three people answer a small study to its end.

`NESTMOTION_SCREENSHOTS=docs/images pytest tests/studio/study/test_browser.py` renews the pictures in
docs/study.md.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from nestmotion.evaluation.study_tables import study_tables
from nestmotion.studio.study.design import BROKEN, plan
from nestmotion.studio.study.prompts import StudyPrompt
from nestmotion.studio.study.results import read_answers
from nestmotion.studio.study.store import CLIPS, ModelFacts, StudyStore
from simulated_raters import Rater, key, serve

playwright_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
expect = playwright_api.expect

# Software drawing on a busy machine takes its time.
PATIENCE_MS = 120_000
DESKTOP = {"viewport": {"width": 1100, "height": 820}}
PHONE = {
    "viewport": {"width": 390, "height": 800},
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Until the clips have played a third of a second.
MOVING = """() => new Promise(done => {
  const time = document.getElementById('time');
  const look = () => time.valueAsNumber > 0.3 ? done() : requestAnimationFrame(look);
  look();
})"""
LIKING = {"quokkamodel": 3.0, "zebramodel": 0.0, "walrusmodel": -3.0}


@pytest.fixture
def small(made, tmp_path) -> StudyStore:
    """Three raters with five questions each, about the clips that are there already."""
    with made.connection() as db:
        models = [
            ModelFacts(*row)
            for row in db.execute("SELECT label, bundle, digest FROM models ORDER BY model")
        ]
        prompts = [
            (StudyPrompt(row["text"], row["grouped"]), row["seconds"])
            for row in db.execute("SELECT * FROM prompts ORDER BY prompt")
        ]
        clips = {
            (row["prompt"], BROKEN if row["model"] is None else row["model"]): row["clip"]
            for row in db.execute("SELECT * FROM clips")
        }
    asked = plan(3, len(prompts), 3, pairs=2, scores=1, broken=[2], rng=random.Random(1))
    shutil.copytree(made.folder / CLIPS, tmp_path / CLIPS)
    return StudyStore.create(tmp_path, models, prompts, clips, asked, {})


class Person:
    """One rater before the page."""

    def __init__(self, browser, client, token, secrets, settings, by_keyboard=False) -> None:
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if _bad(said) else None)
        self.mind = Rater(client, token, secrets, LIKING, np.random.default_rng(0))
        self.by_keyboard = by_keyboard
        self.link = f"{client.base_url}/r/{token}"
        self.state = lambda: client.get(f"/api/{token}").json()

    def open(self) -> None:
        self.page.goto(self.link)

    def ready(self) -> None:
        """Wait until the clips of the question are there and playing."""
        expect(self.page.locator("#loading")).to_be_hidden(timeout=PATIENCE_MS)

    def check(self) -> None:
        """axe-core finds nothing wrong."""
        found = axe_api.Axe().run(self.page, options=RULES).response
        assert len(found["passes"]) > 8
        assert [(p["id"], [n["html"] for n in p["nodes"]]) for p in found["violations"]] == []

    def picture(self, name: str, folder: Path) -> None:
        kept = os.environ.get("NESTMOTION_SCREENSHOTS")
        path = Path(kept or folder) / f"{name}.png"
        self.page.evaluate(MOVING)
        self.page.screenshot(path=path)
        assert path.stat().st_size > 10_000

    def answer(self) -> None:
        """What this rater thinks of the question before them."""
        question = self.state()["question"]
        wanted = self.mind.answer_to(self.mind.secrets[question["id"]])
        expect(self.page.locator("#prompt")).to_have_text(question["prompt"])
        if "choice" in wanted:
            expect(self.page.locator("#label-a")).to_have_text("A")
            expect(self.page.locator("#label-b")).to_have_text("B")
            if self.by_keyboard:
                self.page.keyboard.press({"a": "ArrowLeft", "b": "ArrowRight"}[wanted["choice"]])
            else:
                self.page.click(f"#choose-{wanted['choice']}")
        else:
            for aspect, points in wanted.items():
                self.page.check(f"input[name={aspect}][value='{points}']", force=True)
            if self.by_keyboard:
                self.page.keyboard.press("Enter")
            else:
                self.page.click("#send")

    def next_one(self, answered: int) -> bool:
        """Whether there is a next question, when so many are answered."""
        total = self.state()["total"]
        expect(self.page.locator("#count")).to_have_text(f"{answered} of {total}", timeout=PATIENCE_MS)
        if answered < total:
            self.ready()
        return answered < total


def _bad(said) -> bool:
    return said.type in ("error", "warning") and "GPU stall" not in said.text


@pytest.mark.slow
def test_three_raters(chromium, small, tmp_path):
    secrets = key(small)
    with serve(small) as client:
        tokens = [token for token, _ in small.links()]
        for number, (settings, by_keyboard) in enumerate(
            ((DESKTOP, False), (DESKTOP, True), (PHONE, False))
        ):
            person = Person(chromium, client, tokens[number], secrets, settings, by_keyboard)
            person.open()
            expect(person.page.locator("#intro")).to_be_visible()
            person.check()
            person.page.click("#begin")
            answered, seen = 0, set()
            while person.next_one(answered):
                kind = person.state()["question"]["kind"]
                purpose = secrets[person.state()["question"]["id"]].purpose
                if kind not in seen and number != 1 and purpose == "answer":
                    seen.add(kind)
                    person.check()
                    person.picture(
                        f"study-{kind}-{'phone' if settings is PHONE else 'desktop'}", tmp_path
                    )
                if answered == 2:  # the page loaded anew goes on with the same question
                    before = person.state()
                    person.open()
                    person.ready()
                    assert person.state() == before
                person.answer()
                answered += 1
            expect(person.page.locator("#done")).to_be_visible()
            assert "Thank you" in person.page.locator("#done").inner_text()
            person.open()
            expect(person.page.locator("#done")).to_be_visible()
            assert person.problems == []
            person.context.close()
    answers = read_answers(small)
    assert all(rater.answered == rater.asked for rater in answers.raters)
    assert all(check.passed for check in answers.checks)
    assert len(answers.checks) == 3 * 2
    assert [one.model for one in study_tables(answers).models] == list(LIKING)
    assert all(p.chosen == max((p.first, p.second), key=LIKING.get) for p in answers.preferences)


@pytest.mark.slow
def test_two_windows_and_a_link_that_is_none(chromium, small):
    """What one window answered, the other is told, and goes on with what is left."""
    secrets = key(small)
    with serve(small) as client:
        token = small.links()[0][0]
        first, second = (Person(chromium, client, token, secrets, DESKTOP) for _ in range(2))
        for person in (first, second):
            person.open()
            person.page.click("#begin")
            person.ready()
        first.answer()
        first.next_one(1)
        second.page.click("#choose-a")  # the same question once more: refused, and the page moves on
        second.next_one(1)
        expect(second.page.locator("#problem")).to_have_text("")
        assert small.progress(token).answered == 1
        page = first.context.new_page()
        page.goto(f"{client.base_url}/r/{'0' * 32}")
        expect(page.locator("h1")).to_have_text("This link is not one of ours")
        for person in (first, second):
            person.context.close()
