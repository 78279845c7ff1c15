"""Who is asked what: balanced over models, prompts, sides and raters, in an order of each rater's own.

Every rater gets a run of a fixed cycle of pairs (and one of clips), so that however many raters there
are, every pair of models is asked equally often, give or take one, every prompt too, and every pair is
shown in both orders. Attention checks stand between the questions that count.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd
from typing import Literal, TypeVar

__all__ = ["BROKEN", "Asked", "Kind", "Purpose", "check_prompts", "plan"]

# Stands for a model where the clip shown is one that was broken on purpose.
BROKEN = -1

T = TypeVar("T")
Kind = Literal["pair", "scores"]
# answer: counts; repeat: a pair of before, sides swapped; broken: one clip is visibly broken.
Purpose = Literal["answer", "repeat", "broken"]


@dataclass(frozen=True)
class Asked:
    """One question to one rater. shown: index of the model of clip A and, of a pair, of clip B."""

    kind: Kind
    purpose: Purpose
    prompt: int
    shown: tuple[int, ...]


def check_prompts(prompts: int, checks: int, rng: random.Random) -> list[int]:
    """The prompts of which one clip is broken on purpose."""
    return rng.sample(range(prompts), min(checks, prompts))


def plan(
    models: int,
    prompts: int,
    raters: int,
    pairs: int,
    scores: int,
    broken: Sequence[int],
    rng: random.Random,
) -> list[list[Asked]]:
    """The questions of every rater, in the order in which that rater gets them.

    pairs, scores: questions of a kind to each rater that count; at most all there are. broken: prompts
    with a broken clip: each rater gets that many pairs with one, that many of the own pairs again with
    sides swapped, and half as many broken clips to score. Half of the raters begin with the pairs.
    """
    pair_runs = _pair_runs(models, prompts, raters, pairs, rng)
    score_runs = _runs(_cycle(list(range(models)), prompts, rng), raters, scores)
    found = []
    for rater in range(raters):
        parts = []
        if pairs:
            checks = _broken_pairs(broken, models, rater, rng)
            parts.append(_with_repeats([*pair_runs[rater], *checks], len(broken), rng))
        if scores:
            asked = [Asked("scores", "answer", prompt, (m,)) for prompt, m in score_runs[rater]]
            chosen = rng.sample(list(broken), (len(broken) + 1) // 2)
            asked += [Asked("scores", "broken", prompt, (BROKEN,)) for prompt in chosen]
            rng.shuffle(asked)
            parts.append(asked)
        if rater % 2:
            parts.reverse()
        found.append([one for part in parts for one in part])
    return found


def _cycle(choices: Sequence[T], prompts: int, rng: random.Random) -> list[tuple[int, T]]:
    """All of prompts times choices: prompts in rows, the choices in turn.

    Where a row would begin with a choice that its first prompt has had, one choice is passed over;
    until there all choices came equally often, so that any beginning of the cycle has them so, give or
    take one.
    """
    order, count = list(range(prompts)), len(choices)
    rng.shuffle(order)
    start, same_start = rng.randrange(count), count // gcd(prompts, count)
    return [
        (prompt, choices[(start + row // same_start + row * prompts + k) % count])
        for row in range(count)
        for k, prompt in enumerate(order)
    ]


def _runs(cycle: Sequence[T], raters: int, length: int) -> list[list[T]]:
    """The cycle, dealt out: every rater goes on where the one before stopped."""
    length = min(length, len(cycle))
    return [[cycle[(r * length + k) % len(cycle)] for k in range(length)] for r in range(raters)]


def _pair_runs(
    models: int, prompts: int, raters: int, pairs: int, rng: random.Random
) -> list[list[Asked]]:
    """Pairs with their sides: along the cycle a pair of models changes sides each time, and each time
    round the cycle the same prompt is shown the other way round."""
    couples = list(combinations(range(models), 2))
    cycle = _cycle(couples, prompts, rng)
    start = {couple: rng.randrange(2) for couple in couples}
    seen, swapped = Counter[tuple[int, int]](), dict[tuple[int, tuple[int, int]], int]()
    for prompt, couple in cycle:
        swapped[prompt, couple] = (start[couple] + seen[couple]) % 2
        seen[couple] += 1
    runs = []
    for run in _runs(cycle, raters, pairs):
        asked = []
        for prompt, couple in run:
            shown = couple[::-1] if swapped[prompt, couple] else couple
            swapped[prompt, couple] ^= 1
            asked.append(Asked("pair", "answer", prompt, shown))
        runs.append(asked)
    return runs


def _broken_pairs(broken: Sequence[int], models: int, rater: int, rng: random.Random) -> list[Asked]:
    """Each broken clip beside a model's own, the broken one as often A as B."""
    sides = [k % 2 for k in range(len(broken))]
    rng.shuffle(sides)
    asked = []
    for k, (prompt, side) in enumerate(zip(broken, sides, strict=True)):
        model = (rater + k) % models
        shown = (BROKEN, model) if side else (model, BROKEN)
        asked.append(Asked("pair", "broken", prompt, shown))
    return asked


def _with_repeats(asked: list[Asked], repeats: int, rng: random.Random) -> list[Asked]:
    """In random order, and in the second half some pairs of the first with their sides swapped; at
    least two other questions lie between."""
    rng.shuffle(asked)
    half = (len(asked) + 1) // 2
    first, second = asked[:half], asked[half:]
    own = [one for one in first[: max(half - 2, 0)] if one.purpose == "answer"]
    for one in rng.sample(own, min(repeats, len(own))):
        second.append(Asked("pair", "repeat", one.prompt, one.shown[::-1]))
    rng.shuffle(second)
    return [*first, *second]
