"""What people answered in a study, with the models no longer hidden: all that its report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ASPECTS", "Check", "Preference", "Rater", "Score", "StudyAnswers"]

# What clips are scored for, 1 to 5, and how the report names it.
ASPECTS = {"text_match": "text match", "naturalness": "naturalness", "smoothness": "smoothness"}


@dataclass(frozen=True)
class Rater:
    """One of the people asked: how many questions there were for them, and how many they answered."""

    name: str
    asked: int
    answered: int


@dataclass(frozen=True)
class Preference:
    """One pair judged. first, second: models of clip A and clip B. repeat: the pair was judged before
    with sides swapped, and this answer only tells how steady the rater is. seconds: from the question's
    first showing to its answer."""

    rater: str
    prompt: str
    group: str
    first: str
    second: str
    chosen: str
    repeat: bool
    seconds: float

    @property
    def other(self) -> str:
        """The model not chosen."""
        return self.second if self.chosen == self.first else self.first


@dataclass(frozen=True)
class Score:
    """One clip scored. values: 1 to 5 by aspect."""

    rater: str
    prompt: str
    group: str
    model: str
    values: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class Check:
    """An attention check with a clip broken on purpose."""

    rater: str
    passed: bool
    seconds: float


@dataclass(frozen=True)
class StudyAnswers:
    """Everything a study has gathered so far.

    models: labels in the order in which they were named, and of each what it is: its bundle's name and
    digest. groups: of prompts, in order.
    """

    models: Mapping[str, str]
    groups: Sequence[str]
    prompts: int
    raters: Sequence[Rater]
    preferences: Sequence[Preference]
    scores: Sequence[Score]
    checks: Sequence[Check]
