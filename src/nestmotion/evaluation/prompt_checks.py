"""Simple facts about generated motion that need no embedding: does it do what the prompt says?

Each check names a prompt, a fact looked for in its samples, and the captions that say the same of a
real clip. The share of such clips that show the fact is what a perfect model would reach, more or less:
captions are long and at times wrong, and a fact is only a rough reading of the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from nestmotion.core import Motion
from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.source import Caption
from nestmotion.evaluation.motion_facts import (
    airborne_m,
    arms_raised_m,
    foot_lead_m,
    forward_m,
    hand_lead_m,
    leftward_m,
    root_drop_m,
    top_speed_m_s,
    travelled_m,
    turned_rad,
)
from nestmotion.generate import TextToMotion

__all__ = ["CHECKS", "Check", "Share", "real_share", "run_check"]


@dataclass(frozen=True)
class Check:
    """A prompt and the yes-or-no fact looked for in each of its samples.

    says, unless: a real clip says the same when one of its captions matches the regular expression
        `says` and none matches `unless` (upper and lower case alike); captions of a part are not heard.
    samples, seconds: how many are generated, and how long.
    """

    prompt: str
    fact: str
    holds: Callable[[Motion], bool]
    says: str
    unless: str = "$^"
    samples: int = 64
    seconds: float = 5.0

    def said_by(self, captions: Iterable[Caption]) -> bool:
        """Whether a clip's captions say what the prompt says."""
        texts = [c.text for c in captions if c.start_s is None]
        says, unless = (re.compile(p, re.IGNORECASE).search for p in (self.says, self.unless))
        return any(map(says, texts)) and not any(map(unless, texts))


TURNED_RAD = np.pi / 4


def _side_checks(side: str, other: str, turn: str, sign: int) -> tuple[Check, ...]:
    """The checks that name a side; `sign` is 1 for the left, the positive side of all facts."""
    counter, plain = r"\b(counter|anti)[- ]?clock", r"(?<!counter)(?<!anti)(?<![ri][- ])clock ?wise"
    this_way, other_way = (counter, plain) if sign > 0 else (plain, counter)
    the = r"(to )?(the |his |her |their )?"
    return (
        Check(
            f"a person raises the {side} hand",
            f"{side} wrist comes higher than {other}",
            lambda m: sign * hand_lead_m(m) > 0,
            rf"\b(rais|lift|wav|hold|held|put|reach|block)\w* (\w+ ){{0,3}}{side} (hand|arm)"
            rf"|{side} (hand|arm) (up|raised|uplifted|out|in the air)",
            rf"{other} (hand|arm)|both|{side} and {other}",
        ),
        Check(
            f"a person walks in a circle {turn}",
            f"turns over 45 degrees to the {side} in all",
            lambda m: sign * turned_rad(m) > TURNED_RAD,
            rf"^(?=.*\b(walk|jog|run|circle))(?!.*\b(arms?|hands?|head|half|spins?|swings?)\b).*{this_way}",
            rf"{other_way}|\b{other}\b",
        ),
        Check(
            f"a person turns to the {side}",
            f"turns over 45 degrees to the {side} in all",
            lambda m: sign * turned_rad(m) > TURNED_RAD,
            rf"\bturn(s|ing|ed)? {the}{side}\b",
            rf"\b{other}\b|around|turn(s|ing|ed)? back|over (a|some)|obstacle|stairs",
        ),
        Check(
            f"a person sidesteps to the {side}",
            f"over 0.2 m to its {side}",
            lambda m: sign * leftward_m(m) > 0.2,
            rf"(side ?-?step|sideways|shuffl|step)\w* (\w+ )?{the}{side}",
            rf"\b{other}\b|side to side|turn|{side} (leg|foot)",
        ),
        Check(
            f"a person kicks with the {side} leg",
            f"{side} ankle comes higher than {other}",
            lambda m: sign * foot_lead_m(m) > 0,
            rf"kick\w* (\w+ ){{0,4}}{side} (leg|foot)|{side} (leg|foot) kick",
            rf"{other} (leg|foot)|both|legs|feet|alternat",
        ),
    )


CHECKS = (
    Check(
        "a person walks forward",
        "forward over 1 m",
        lambda m: forward_m(m) > 1.0,
        r"^(a |the )?(person|man) (slowly |quickly )?walks? (straight )?forwards?( \w+ly)?\.?$",
        "back|turn",
    ),
    Check(
        "a person walks backwards",
        "backward over 1 m",
        lambda m: forward_m(m) < -1.0,
        r"walk(s|ed|ing)? (slowly )?back ?wards?",
        r"(?<!back)(?<!back )\bforwards?\b|turn|circle",
    ),
    Check(
        "a person stands still",
        "stays within 0.5 m",
        lambda m: travelled_m(m) <= 0.5,
        r"\bstand(s|ing)? (perfectly |completely )?(still|in place)",
        r"\b(walk|run|step|jump|hop|jog)",
    ),
    Check(
        "a person walks forward",
        "never over 1.8 m/s for a second",
        lambda m: top_speed_m_s(m) <= 1.8,
        r"\bwalks? (straight )?forwards?",
        r"\b(run|jog|sprint|jump)",
    ),
    Check(
        "a person runs forward",
        "over 1.8 m/s for a second",
        lambda m: top_speed_m_s(m) > 1.8,
        r"\b(runs|running|sprints|jogs|jogging) (straight |quickly )?(forward|ahead)",
        r"walk|in place|jump",
    ),
    Check(
        "a person raises both arms above the head",
        "both wrists above the neck at once",
        lambda m: arms_raised_m(m) > 0,
        r"\b(rais|lift|put|hold)\w* (both|his|her|their) (arms|hands) (up )?"
        r"(above|over (the|his|her|their) head|high)",
    ),
    Check(
        "a person turns around",
        "within 45 degrees of facing the other way",
        lambda m: np.cos(turned_rad(m)) < -np.cos(TURNED_RAD),
        r"\bturn(s|ed|ing)? (around|180)\b",
        r"again|twice|times|circles?|\bturn.*\b(turn|spin)|return|spin|and forth|goes back|stairs|"
        r"steps up",
    ),
    Check(
        "a person sits down on a chair",
        "root sinks by over 0.2 m",
        lambda m: root_drop_m(m) > 0.2,
        r"\bsits? down\b|\bsitting down\b",
    ),
    Check(
        "a person jumps",
        "both feet over 10 cm above the floor",
        lambda m: airborne_m(m) > 0.10,
        r"\bjump(s|ed|ing)?\b",
        "jumping jack|rope",
    ),
    *_side_checks("left", "right", "counterclockwise", 1),
    *_side_checks("right", "left", "clockwise", -1),
)


@dataclass(frozen=True)
class Share:
    """How many of the samples, or of the real clips, show the fact; with a 95% Wilson interval."""

    check: Check
    count: int
    samples: int

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of the share; (0, 1) when there is no sample."""
        if not self.samples:
            return 0.0, 1.0
        low, high = binomtest(self.count, self.samples).proportion_ci(0.95, "wilson")
        return float(low), float(high)

    @property
    def figures(self) -> str:
        """Such as "60 of 64, 94% (85 to 98)"."""
        if not self.samples:
            return "none"
        low, high = (100 * x for x in self.interval)
        share = self.count / self.samples
        return f"{self.count} of {self.samples}, {share:.0%} ({low:.0f} to {high:.0f})"

    def __str__(self) -> str:
        return f"{self.check.prompt!r}: {self.check.fact}: {self.figures}"


def run_check(
    model: TextToMotion,
    check: Check,
    samples: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    guidance: float | None = None,
    steps: int | None = None,
) -> Share:
    """Generate the samples (as many and as long as the check says when None) and count."""
    samples = check.samples if samples is None else samples
    seconds = check.seconds if seconds is None else seconds
    motions: Sequence[Motion] = model.generate(
        check.prompt, seconds, seed, samples, steps=steps, guidance=guidance
    )
    return Share(check, sum(check.holds(m) for m in motions), samples)


def real_share(corpus: PreparedCorpus, check: Check, folds: Sequence[int] = (1, 2, 3, 4)) -> Share:
    """How many of the real clips that say so show the fact; no clip of the test fold by default."""
    clips = [c for c in corpus.select(folds, captioned=True) if check.said_by(c.captions)]
    return Share(check, sum(check.holds(corpus.motion(clip)) for clip in clips), len(clips))
