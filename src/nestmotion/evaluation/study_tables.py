"""The tables of a study's report: who is counted, what was preferred, scored and agreed on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median
from typing import TypeVar

import numpy as np

from nestmotion.evaluation.agreement import Level, alpha_estimate
from nestmotion.evaluation.intervals import Estimate, holm
from nestmotion.evaluation.preference import (
    Clusters,
    Share,
    mean_estimate,
    share_estimate,
    strengths,
    win_share,
)
from nestmotion.evaluation.study_answers import ASPECTS, Preference, Score, StudyAnswers

__all__ = [
    "MOST_FAILED",
    "Agreement",
    "ModelResult",
    "PairResult",
    "RaterResult",
    "StudyTables",
    "study_tables",
]

# A rater who fails more checks than this is not counted: settled before any answer was given.
MOST_FAILED = 1

T = TypeVar("T")


@dataclass(frozen=True)
class RaterResult:
    """How one rater answered. steady: share of repeated pairs answered as before; first_share: how
    often clip A was preferred; None without such answers."""

    name: str
    asked: int
    answered: int
    checks: int
    failed: int
    steady: float | None
    first_share: float | None
    median_s: float | None

    @property
    def counted(self) -> bool:
        return self.failed <= MOST_FAILED and self.answered > 0


@dataclass(frozen=True)
class PairResult:
    """How often `first` was preferred to `second`. adjusted: p-value, Holm's correction over pairs."""

    first: str
    second: str
    share: Share
    adjusted: float

    @property
    def preferred(self) -> str | None:
        """The model of the two that is preferred with an adjusted p-value below 0.05."""
        if not self.adjusted < 0.05:
            return None
        return self.first if self.share.share.value > 0.5 else self.second


@dataclass(frozen=True)
class ModelResult:
    """One model within a group of prompts, or within all: Bradley-Terry strength, share of its pairs
    won, mean scores by aspect."""

    model: str
    strength: Estimate
    won: Share
    clips_scored: int
    scores: dict[str, Estimate]


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha. units: pairs or clips that two raters or more judged."""

    about: str
    level: Level
    units: int
    alpha: Estimate


@dataclass(frozen=True)
class StudyTables:
    """What the report shows. models: strongest first; groups: their results within each group."""

    raters: list[RaterResult]
    models: list[ModelResult]
    pairs: list[PairResult]
    groups: dict[str, list[ModelResult]]
    agreement: list[Agreement]
    side: Share


def study_tables(answers: StudyAnswers) -> StudyTables:
    """Everything in the report, from the answers of raters who are counted."""
    raters = [_rater(answers, rater.name, rater.asked, rater.answered) for rater in answers.raters]
    counted = {rater.name for rater in raters if rater.counted}
    kept = replace(
        answers,
        preferences=[p for p in answers.preferences if p.rater in counted and not p.repeat],
        scores=[s for s in answers.scores if s.rater in counted],
    )
    models = _models(kept, lambda group: True)
    order = [one.model for one in models]
    groups = {}
    if len(answers.groups) > 1:
        for group in answers.groups:
            found = {one.model: one for one in _models(kept, lambda g, group=group: g == group)}
            groups[group] = [found[model] for model in order]
    chose_first = np.array([p.chosen == p.first for p in kept.preferences], dtype=float)
    side = share_estimate(chose_first, _clusters(kept.preferences))
    return StudyTables(raters, models, _pairs(kept, order), groups, _agreement(kept), side)


def _rater(answers: StudyAnswers, name: str, asked: int, answered: int) -> RaterResult:
    own = [p for p in answers.preferences if p.rater == name]
    scores = [s for s in answers.scores if s.rater == name]
    checks = [c for c in answers.checks if c.rater == name]
    before = {(p.prompt, frozenset((p.first, p.second))): p.chosen for p in own if not p.repeat}
    steady = [
        before[key] == p.chosen
        for p in own
        if p.repeat and (key := (p.prompt, frozenset((p.first, p.second)))) in before
    ]
    sides = [p.chosen == p.first for p in own]
    seconds = [a.seconds for a in own] + [a.seconds for a in scores] + [a.seconds for a in checks]
    return RaterResult(
        name,
        asked,
        answered,
        len(checks),
        sum(not c.passed for c in checks),
        sum(steady) / len(steady) if steady else None,
        sum(sides) / len(sides) if sides else None,
        median(seconds) if seconds else None,
    )


def _models(answers: StudyAnswers, within: Callable[[str], bool]) -> list[ModelResult]:
    preferences = [p for p in answers.preferences if within(p.group)]
    scores = [s for s in answers.scores if within(s.group)]
    names = list(answers.models)
    found = []
    for name, strength in zip(names, strengths(preferences, names), strict=True):
        own = [s for s in scores if s.model == name]
        means = {a: mean_estimate(_values(own, a), _clusters(own)) for a in ASPECTS}
        found.append(ModelResult(name, strength, win_share(preferences, name), len(own), means))
    if preferences:
        return sorted(found, key=lambda one: -one.strength.value)
    return sorted(found, key=lambda one: -float(np.mean([e.value for e in one.scores.values()])))


def _values(scores: Sequence[Score], aspect: str) -> np.ndarray:
    return np.array([s.values[aspect] for s in scores], dtype=float)


def _clusters(answers: Sequence[Preference] | Sequence[Score]) -> Clusters:
    return Clusters.of([a.rater for a in answers], [a.prompt for a in answers])


def _pairs(answers: StudyAnswers, order: Sequence[str]) -> list[PairResult]:
    couples = [
        (a, b, found)
        for a, b in combinations(order, 2)
        if (found := win_share(answers.preferences, a, b)).answers
    ]
    adjusted = holm([share.p_value for _, _, share in couples])
    return [PairResult(a, b, share, p) for (a, b, share), p in zip(couples, adjusted, strict=True)]


def _agreement(answers: StudyAnswers) -> list[Agreement]:
    """Alpha of preferences, a pair of models of one prompt being a unit and the model preferred its
    value; and of each aspect's scores, a clip being a unit."""
    index = {model: k for k, model in enumerate(answers.models)}
    found = []
    chosen = _grouped(
        ((p.prompt, frozenset((p.first, p.second))), index[p.chosen]) for p in answers.preferences
    )
    if chosen:
        found.append(_alpha("preference", "nominal", chosen))
    for aspect, label in ASPECTS.items():
        values = _grouped(((s.prompt, s.model), s.values[aspect]) for s in answers.scores)
        if values:
            found.append(_alpha(label, "ordinal", values))
    return found


def _alpha(about: str, level: Level, units: list[list[int]]) -> Agreement:
    estimate = alpha_estimate(units, level, np.random.default_rng(0))
    return Agreement(about, level, sum(len(unit) > 1 for unit in units), estimate)


def _grouped(rows: Iterator[tuple[object, T]]) -> list[list[T]]:
    found: dict[object, list[T]] = defaultdict(list)
    for key, value in rows:
        found[key].append(value)
    return list(found.values())
