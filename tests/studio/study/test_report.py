"""Simulated raters answer a study over HTTP; its report finds the models in the order planted."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.evaluation.study_tables import study_tables
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.results import read_answers
from simulated_raters import Rater, key, serve
from synthetic_study import MODELS

# In an order that is neither that of the names nor that of the bundles.
LIKING = {"zebramodel": 1.0, "quokkamodel": 0.2, "walrusmodel": -1.0}
CARELESS = {13: "first", 14: "random"}


@pytest.fixture(scope="module")
def answered(made, tmp_path_factory):
    """13 careful raters, two careless ones, and one who stops after five questions."""
    folder = tmp_path_factory.mktemp("answered") / "study"
    shutil.copytree(made.folder, folder)
    store, rng = StudyStore(folder), np.random.default_rng(0)
    secrets = key(store)
    with serve(store) as client:
        for number, (token, _) in enumerate(store.links()):
            # People differ in what they like.
            own = {model: liking + rng.normal(scale=0.3) for model, liking in LIKING.items()}
            rater = Rater(client, token, secrets, own, rng, CARELESS.get(number, "careful"))
            rater.answer_all(most=5 if number == 15 else None)
    return store


@pytest.fixture(scope="module")
def tables(answered):
    return study_tables(read_answers(answered))


def test_models_come_in_the_planted_order(tables):
    found = [one.model for one in tables.models]
    assert found == list(LIKING)
    best, middle, last = (one.strength for one in tables.models)
    assert best.low > last.high
    planted = LIKING["zebramodel"] - LIKING["walrusmodel"]
    assert best.value - last.value == pytest.approx(planted, abs=0.7)
    assert best.value > middle.value > last.value
    for one in tables.models:
        assert one.strength.low < one.strength.value < one.strength.high


def test_clear_preferences_are_claimed(tables):
    pairs = {(pair.first, pair.second): pair for pair in tables.pairs}
    clear = pairs["zebramodel", "walrusmodel"]
    assert clear.preferred == "zebramodel"
    assert clear.share.share.low > 0.6
    assert all(pair.adjusted >= pair.share.p_value for pair in tables.pairs)


def test_scores_follow_the_plan(tables):
    for one in tables.models:
        for estimate in one.scores.values():
            assert estimate.low <= 3 + LIKING[one.model] <= estimate.high


def test_careless_raters_are_found_and_left_out(tables, answered):
    out = {rater.name for rater in tables.raters if not rater.counted}
    assert out == {f"r{number + 1:02d}" for number in CARELESS}
    always_first = tables.raters[13]
    assert always_first.first_share == 1
    assert always_first.steady == 0
    careful = tables.raters[:13]
    assert all(rater.failed == 0 and rater.answered == rater.asked for rater in careful)
    assert np.mean([rater.steady for rater in careful]) > 0.6
    counted = sum(one.won.answers for one in tables.models) / 2
    own = read_answers(answered).preferences
    assert counted == sum(p.rater not in out and not p.repeat for p in own)
    assert tables.side.share.low < 0.5 < tables.side.share.high


def test_groups_of_prompts(tables):
    assert list(tables.groups) == ["locomotion", "gestures"]
    for own in tables.groups.values():
        assert [one.model for one in own] == list(LIKING)
        assert own[0].won.share.value > own[2].won.share.value
        assert own[0].scores["text_match"].value > own[2].scores["text_match"].value
    both = sum(own[0].clips_scored for own in tables.groups.values())
    assert both == tables.models[0].clips_scored


def test_raters_agree_more_than_by_chance(tables):
    found = {one.about: one for one in tables.agreement}
    assert list(found) == ["preference", "text match", "naturalness", "smoothness"]
    assert all(one.alpha.low > 0 for one in found.values())
    assert found["preference"].units == 12
    assert found["text match"].units == 12


def test_report(answered, tmp_path, capsys):
    out = tmp_path / "report"
    assert main(["study", "report", str(answered.folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.md'}\n"
    text = (out / "report.md").read_text("utf-8")
    assert "16 of 16 raters answered, 15 of them to the end" in text
    assert "broken clip is left out: r14, r15." in text
    assert text.index("| zebramodel |") < text.index("| walrusmodel |")
    figures = sorted(path.name for path in (out / "figures").iterdir())
    assert len(figures) == 5
    for name in figures:
        assert f"(figures/{name})" in text
        assert (out / "figures" / name).stat().st_size > 5000
    page = (out / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 5
    with (out / "preferences.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(read_answers(answered).preferences)
    assert {row["counted"] for row in rows if row["rater"] == "r14"} == {"False"}
    with (out / "models.csv").open() as file:
        strength = {
            row["model"]: float(row["value"])
            for row in csv.DictReader(file)
            if (row["group"], row["measure"]) == ("all", "strength")
        }
    assert sorted(strength, key=lambda model: -strength[model]) == list(LIKING)
    assert set(strength) == set(MODELS)
    for name in ("scores", "pairs", "agreement", "raters"):
        assert len((out / f"{name}.csv").read_text().splitlines()) > 3
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert main(["study", "report", str(answered.folder), "--out", str(out)]) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_report_of_a_study_that_has_hardly_begun(study, tmp_path):
    """One answer of one rater: nothing can be said, and nothing breaks."""
    with serve(study) as client:
        for (token, _), most in zip(study.links()[:2], (1, 2), strict=True):
            Rater(client, token, key(study), LIKING, np.random.default_rng(0)).answer_all(most)
    assert main(["study", "report", str(study.folder)]) == 0
    text = (study.folder / "report" / "report.md").read_text("utf-8")
    assert "2 of 16 raters answered, 0 of them to the end" in text
    assert "nan" not in text
