"""Reports of studies that lack something."""

from __future__ import annotations

import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.evaluation.study_answers import (
    ASPECTS,
    Check,
    Preference,
    Rater,
    Score,
    StudyAnswers,
)
from nestmotion.evaluation.study_report import write_study_report

MODELS = {"a": "A, SHA-256 0", "b": "B, SHA-256 1"}
RATERS = [Rater("r01", 4, 4), Rater("r02", 4, 2)]
PREFERENCES = [
    Preference(rater, prompt, "all", "a", "b", "a", False, 5.0)
    for rater in ("r01", "r02")
    for prompt in ("p", "q")
]
SCORES = [
    Score(rater, "p", "all", model, dict.fromkeys(ASPECTS, points), 5.0)
    for rater in ("r01", "r02")
    for model, points in (("b", 4), ("a", 2))
]


def _written(tmp_path, preferences=(), scores=(), checks=(), raters=RATERS):
    answers = StudyAnswers(MODELS, ["all"], 2, raters, preferences, scores, checks)
    path = write_study_report(answers, tmp_path)
    assert path == tmp_path / "report.md"
    figures = tmp_path / "figures"
    return path.read_text("utf-8"), sorted(
        p.name for p in figures.iterdir()
    ) if figures.exists() else []


def test_pairs_alone(tmp_path):
    text, figures = _written(tmp_path, preferences=PREFERENCES)
    assert figures == ["1-strengths.png", "2-pairs.png"]
    assert "| a over b | 4 | 1.00 (" in text
    assert "no difference shown" in text, "two raters show nothing"
    assert "## Scores" not in text
    assert "## By group" not in text


def test_scores_alone_put_the_best_first(tmp_path):
    text, figures = _written(tmp_path, scores=SCORES)
    assert figures == ["3-scores.png"]
    assert "## Preference" not in text
    assert text.index("| b | 2 | 4.00 (4.00 to 4.00)") < text.index("| a | 2 | 2.00")
    assert "| text match | ordinal | 2 | 1.00 (" in text


def test_nobody_is_counted(tmp_path):
    failed = [Check(rater, False, 5.0) for rater in ("r01", "r02")] * 2
    text, figures = _written(tmp_path, PREFERENCES, SCORES, failed)
    assert figures == []
    assert "is left out: r01, r02." in text
    assert "nan" not in text
    assert "| r02 | 2 of 4 | 0 of 2 | - | 1.00 | 5.00 | no |" in text


def test_one_check_may_be_failed(tmp_path):
    text, _ = _written(
        tmp_path, PREFERENCES, checks=[Check("r01", False, 5.0), Check("r01", True, 5.0)]
    )
    assert "is left out: nobody." in text


def test_nobody_has_answered(tmp_path):
    with pytest.raises(SettingsError, match="nobody has answered yet"):
        _written(tmp_path / "out", raters=[Rater("r01", 4, 0)])
    assert not (tmp_path / "out").exists()
