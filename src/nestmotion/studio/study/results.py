"""The answers of a study with the models no longer hidden, for its report."""

from __future__ import annotations

import sqlite3

from nestmotion.evaluation.study_answers import (
    ASPECTS,
    Check,
    Preference,
    Rater,
    Score,
    StudyAnswers,
)
from nestmotion.studio.study.store import StudyStore

__all__ = ["LIKES_BROKEN", "read_answers"]

# A broken clip scored above this in naturalness is a check not passed.
LIKES_BROKEN = 2

_ANSWERED = """
SELECT q.rater, q.kind, q.purpose, p.text AS prompt, p.grouped, a.choice, a.text_match, a.naturalness,
       a.smoothness, a.answered_at - q.shown_at AS seconds, ma.label AS first, mb.label AS second
FROM answers a JOIN questions q USING (question) JOIN prompts p USING (prompt)
JOIN clips ca ON ca.clip = q.clip_a LEFT JOIN models ma ON ma.model = ca.model
LEFT JOIN clips cb ON cb.clip = q.clip_b LEFT JOIN models mb ON mb.model = cb.model
ORDER BY q.rater, q.position
"""
_RATERS = """
SELECT rater, count(*) AS asked, count(answered_at) AS answered
FROM questions LEFT JOIN answers USING (question) GROUP BY rater ORDER BY rater
"""


def read_answers(store: StudyStore) -> StudyAnswers:
    """All that has been answered so far; raters are named in order, r01, r02, ..."""
    with store.connection() as db:
        models = {
            row["label"]: f"{row['bundle']}, SHA-256 {row['digest']}"
            for row in db.execute("SELECT label, bundle, digest FROM models ORDER BY model")
        }
        prompts = db.execute("SELECT grouped FROM prompts ORDER BY prompt").fetchall()
        raters = [
            Rater(_name(row["rater"]), row["asked"], row["answered"]) for row in db.execute(_RATERS)
        ]
        rows = db.execute(_ANSWERED).fetchall()
    preferences = [_preference(r) for r in rows if r["kind"] == "pair" and r["purpose"] != "broken"]
    scores = [_score(r) for r in rows if r["kind"] == "scores" and r["purpose"] == "answer"]
    checks = [_check(r) for r in rows if r["purpose"] == "broken"]
    groups = list(dict.fromkeys(row["grouped"] for row in prompts))
    return StudyAnswers(models, groups, len(prompts), raters, preferences, scores, checks)


def _name(rater: int) -> str:
    return f"r{rater + 1:02d}"


def _preference(row: sqlite3.Row) -> Preference:
    chosen = row["first"] if row["choice"] == "a" else row["second"]
    return Preference(
        _name(row["rater"]),
        row["prompt"],
        row["grouped"],
        row["first"],
        row["second"],
        chosen,
        row["purpose"] == "repeat",
        row["seconds"],
    )


def _score(row: sqlite3.Row) -> Score:
    values = {aspect: row[aspect] for aspect in ASPECTS}
    return Score(
        _name(row["rater"]), row["prompt"], row["grouped"], row["first"], values, row["seconds"]
    )


def _check(row: sqlite3.Row) -> Check:
    if row["kind"] == "scores":
        passed = row["naturalness"] <= LIKES_BROKEN
    else:
        passed = (row["first"] if row["choice"] == "a" else row["second"]) is not None
    return Check(_name(row["rater"]), passed, row["seconds"])
