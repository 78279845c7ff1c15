"""The database: one answer to a question, and a rater who comes back goes on."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.results import read_answers
from nestmotion.studio.study.store import AlreadyAnsweredError, NotFoundError, WrongKindError

POINTS = {"text_match": 1, "naturalness": 2, "smoothness": 3}


def _answer(store, token, question):
    values = {"choice": "a"} if question.kind == "pair" else POINTS
    return store.answer(token, question.name, question.kind, values)


def test_a_rater_goes_on_where_they_stopped(study):
    (token, progress), (other, _), *_ = study.links()
    seen = []
    for done in range(progress.total):
        now = study.progress(token)
        assert (now.answered, now.question) == (done, StudyStore(study.folder).progress(token).question)
        seen.append(now.question.name)
        then = _answer(study, token, now.question)
        assert then == study.progress(token)
    assert len(set(seen)) == progress.total
    assert study.progress(token).question is None
    assert study.progress(other).answered == 0


def test_one_answer_to_a_question_also_when_many_arrive_at_once(study):
    token = study.links()[0][0]
    question = study.progress(token).question
    taken, refused = [], []

    def send():
        try:
            _answer(study, token, question)
            taken.append(1)
        except AlreadyAnsweredError:
            refused.append(1)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)
    assert study.progress(token).answered == 1


def test_a_question_is_nobody_elses_and_not_to_be_seen_early(study):
    (mine, _), (theirs, _), *_ = study.links()
    question = study.progress(mine).question
    with pytest.raises(NotFoundError):
        study.clip(theirs, question.name, "a")
    with pytest.raises(NotFoundError):
        _answer(study, theirs, question)
    with pytest.raises(WrongKindError):
        study.answer(mine, question.name, "scores", POINTS)
    with study.connection() as db:
        (later,) = db.execute(
            "SELECT question FROM questions WHERE rater = 0 AND position = 1"
        ).fetchone()
    with pytest.raises(NotFoundError):
        study.answer(mine, later, "pair", {"choice": "a"})
    with pytest.raises(NotFoundError):
        study.clip(mine, question.name, "c")
    with pytest.raises(NotFoundError):
        study.progress("")


@pytest.mark.parametrize(
    "values",
    [
        {"choice": "c"},
        {"choice": None},
        {**POINTS, "smoothness": 6},
        {"text_match": 1},
        {**POINTS, "choice": "a"},
    ],
)
def test_the_database_itself_refuses_what_is_no_answer(study, values):
    token = study.links()[0][0]
    with pytest.raises(sqlite3.IntegrityError):
        study.answer(token, study.progress(token).question.name, "pair", values)
    assert study.progress(token).answered == 0


def test_time_counts_from_the_first_showing(study):
    clock = [100.0]
    store = StudyStore(study.folder, now=lambda: clock[0])
    token = store.links()[0][0]
    question = store.progress(token).question
    clock[0] = 130.0
    assert store.progress(token).question == question  # the page loaded anew
    clock[0] = 142.5
    _answer(store, token, question)
    answers = read_answers(store)
    (one,) = [*answers.preferences, *answers.scores, *answers.checks]
    assert one.seconds == 42.5
    assert (answers.raters[0].answered, answers.raters[1].answered) == (1, 0)


def test_folders_that_hold_no_study(tmp_path, study):
    with pytest.raises(
        SettingsError, match=r"study.sqlite: missing; make a study with: nestmotion study create$"
    ):
        StudyStore(tmp_path)
    with study.connection() as db:
        db.execute("UPDATE facts SET value = '9' WHERE name = 'format'")
    with pytest.raises(SettingsError, match="a study of version 9, this nestmotion reads 1; use the"):
        StudyStore(study.folder)
    (study.folder / "study.sqlite").write_text("not a database, but long enough to be looked at" * 40)
    with pytest.raises(SettingsError, match=r"not a study \(file is not a database\)"):
        StudyStore(study.folder)
