"""The plan of a study is balanced whatever its size."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.studio.study.design import BROKEN, Asked, check_prompts, plan

SIZES = st.fixed_dictionaries(
    {
        "models": st.integers(2, 5),
        "prompts": st.integers(1, 9),
        "raters": st.integers(1, 13),
        "pairs": st.integers(0, 40),
        "scores": st.integers(0, 20),
    }
).filter(lambda size: size["pairs"] + size["scores"] > 0)


def _plan(size: dict[str, int], checks: int, seed: int) -> tuple[list[list[Asked]], list[int]]:
    rng = random.Random(seed)
    broken = check_prompts(size["prompts"], checks, rng)
    return plan(**size, broken=broken, rng=rng), broken


def _spread(count: Counter, of: list) -> int:
    values = [count[one] for one in of]
    return max(values) - min(values)


@given(SIZES, st.integers(0, 5), st.integers(0, 2**32))
def test_models_prompts_and_sides_are_balanced(size, checks, seed):
    asked, _ = _plan(size, checks, seed)
    answers = [one for own in asked for one in own if one.purpose == "answer"]
    pairs = [one for one in answers if one.kind == "pair"]
    models = range(size["models"])
    couples = [(a, b) for a in models for b in models if a < b]
    if size["pairs"]:
        assert _spread(Counter(tuple(sorted(one.shown)) for one in pairs), couples) <= 1
        items = [(p, c) for p in range(size["prompts"]) for c in couples]
        assert _spread(Counter((one.prompt, tuple(sorted(one.shown))) for one in pairs), items) <= 1
        sides = Counter(one.shown for one in pairs)
        assert all(abs(sides[a, b] - sides[b, a]) <= 1 for a, b in couples)
        by_prompt = Counter((one.prompt, one.shown) for one in pairs)
        assert all(abs(by_prompt[p, (a, b)] - by_prompt[p, (b, a)]) <= 1 for p, (a, b) in items)
    if size["scores"]:
        clips = [(p, m) for p in range(size["prompts"]) for m in models]
        scored = Counter((one.prompt, *one.shown) for one in answers if one.kind == "scores")
        assert _spread(scored, clips) <= 1


@given(SIZES, st.integers(0, 5), st.integers(0, 2**32))
def test_every_rater_gets_what_was_settled(size, checks, seed):
    asked, broken = _plan(size, checks, seed)
    couples = size["models"] * (size["models"] - 1) // 2
    assert len(asked) == size["raters"]
    for own in asked:
        count = Counter((one.kind, one.purpose) for one in own)
        assert count["pair", "answer"] == min(size["pairs"], couples * size["prompts"])
        assert count["scores", "answer"] == min(size["scores"], size["models"] * size["prompts"])
        assert count["pair", "broken"] == (len(broken) if size["pairs"] else 0)
        assert count["scores", "broken"] == ((len(broken) + 1) // 2 if size["scores"] else 0)
        assert count["pair", "repeat"] <= len(broken)
        fresh = [(o.kind, o.prompt, tuple(sorted(o.shown))) for o in own if o.purpose == "answer"]
        assert len(set(fresh)) == len(fresh), "asked twice"
        # One kind after the other, not mixed.
        assert sum(a.kind != b.kind for a, b in pairwise(own)) <= 1


@given(SIZES, st.integers(0, 5), st.integers(0, 2**32))
def test_checks(size, checks, seed):
    asked, broken = _plan(size, checks, seed)
    for own in asked:
        spoiled = [one for one in own if one.purpose == "broken"]
        assert all(one.shown.count(BROKEN) == 1 for one in spoiled)
        assert {one.prompt for one in spoiled} <= set(broken)
        pairs = [one for one in spoiled if one.kind == "pair"]
        assert abs(sum(1 if one.shown[0] == BROKEN else -1 for one in pairs)) <= 1
        for place, one in enumerate(own):
            assert BROKEN not in one.shown or one.purpose == "broken"
            if one.purpose == "repeat":
                first = own.index(Asked("pair", "answer", one.prompt, one.shown[::-1]))
                assert place - first > 2


def test_repeats_are_there_when_there_is_room():
    asked, _ = _plan({"models": 3, "prompts": 8, "raters": 6, "pairs": 24, "scores": 0}, 4, 0)
    assert all(sum(one.purpose == "repeat" for one in own) == 4 for own in asked)


def test_half_the_raters_begin_with_pairs():
    asked, _ = _plan({"models": 2, "prompts": 3, "raters": 6, "pairs": 3, "scores": 3}, 1, 0)
    assert [own[0].kind for own in asked] == ["pair", "scores"] * 3


def test_orders_are_random():
    size = {"models": 3, "prompts": 8, "raters": 2, "pairs": 24, "scores": 0}
    (first, second), _ = _plan(size, 0, 0)
    assert {(one.prompt, *sorted(one.shown)) for one in first} == {
        (one.prompt, *sorted(one.shown)) for one in second
    }
    assert [one.prompt for one in first] != [one.prompt for one in second]
    (other, _), _ = _plan(size, 0, 1)
    assert first != other


@pytest.mark.parametrize(("prompts", "checks", "found"), [(5, 3, 3), (2, 4, 2), (3, 0, 0)])
def test_no_prompt_is_checked_twice(prompts, checks, found):
    chosen = check_prompts(prompts, checks, random.Random(0))
    assert len(chosen) == len(set(chosen)) == found
