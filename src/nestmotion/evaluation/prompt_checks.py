"""Simple facts about generated motion that need no embedding: does it go where the prompt says?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from nestmotion.core import Motion
from nestmotion.evaluation.motion_facts import forward_m, travelled_m
from nestmotion.generate import TextToMotion

__all__ = ["CHECKS", "Check", "Share", "run_check"]


@dataclass(frozen=True)
class Check:
    """A prompt and the yes-or-no fact looked for in each of its samples."""

    prompt: str
    fact: str
    holds: Callable[[Motion], bool]


CHECKS = (
    Check("a person walks forward", "forward over 1 m", lambda m: forward_m(m) > 1.0),
    Check("a person stands still", "moves over 0.5 m", lambda m: travelled_m(m) > 0.5),
    Check("a person walks backwards", "backward over 1 m", lambda m: forward_m(m) < -1.0),
)


@dataclass(frozen=True)
class Share:
    """How many of the samples show the fact, with a 95% Wilson interval."""

    check: Check
    count: int
    samples: int

    def __str__(self) -> str:
        low, high = binomtest(self.count, self.samples).proportion_ci(0.95, "wilson")
        share = self.count / self.samples
        return (
            f"{self.check.prompt!r}: {self.check.fact}: {self.count} of {self.samples} = {share:.0%} "
            f"(95% interval {low:.0%} to {high:.0%})"
        )


def run_check(
    model: TextToMotion,
    check: Check,
    samples: int = 32,
    seconds: float = 5.0,
    seed: int = 0,
    guidance: float | None = None,
    steps: int | None = None,
) -> Share:
    """Generate the samples and count."""
    motions: Sequence[Motion] = model.generate(
        check.prompt, seconds, seed, samples, steps=steps, guidance=guidance
    )
    return Share(check, sum(check.holds(m) for m in motions), samples)
