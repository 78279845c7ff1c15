"""Shares, strengths and means with intervals that know who answered and about which prompt."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nestmotion.evaluation.preference import (
    Clusters,
    mean_estimate,
    share_estimate,
    strengths,
    win_share,
)
from nestmotion.evaluation.study_answers import Preference

MODELS = ("a", "b", "c")


def _alone(count: int) -> Clusters:
    """Every answer of a rater and a prompt of its own."""
    return Clusters(np.arange(count), np.arange(count))


def _answer(rater: int, prompt: int, first: str, second: str, chosen: str) -> Preference:
    return Preference(f"r{rater}", f"p{prompt}", "all", first, second, chosen, False, 5.0)


def _simulated(rng, planted, raters=12, prompts=24, rater_noise=0.0, prompt_noise=0.0):
    """Every rater judges every prompt once, a random pair of models; odds as planted, shifted by what
    the rater and the prompt make of each model."""
    of_rater = rng.normal(scale=rater_noise, size=(raters, len(MODELS)))
    of_prompt = rng.normal(scale=prompt_noise, size=(prompts, len(MODELS)))
    found = []
    for r in range(raters):
        for p in range(prompts):
            i, j = rng.permutation(len(MODELS))[:2]
            liking = np.asarray(planted) + of_rater[r] + of_prompt[p]
            wins = rng.random() < 1 / (1 + np.exp(liking[j] - liking[i]))
            found.append(_answer(r, p, MODELS[i], MODELS[j], MODELS[i if wins else j]))
    return found


def test_independent_answers_give_wilsons_interval():
    won = np.array([1.0] * 30 + [0.0] * 10)
    found = share_estimate(won, _alone(40))
    p, n, c = 0.75, 40, stats.t.ppf(0.975, 39)
    n = n - 1  # the variance estimated from the answers themselves has n - 1
    half = c / (1 + c**2 / n) * math.sqrt(p * (1 - p) / n + c**2 / (4 * n**2))
    middle = (p + c**2 / (2 * n)) / (1 + c**2 / n)
    assert (found.share.low, found.share.high) == pytest.approx((middle - half, middle + half))


def test_answers_that_say_the_same_count_once():
    won = np.array([1.0] * 8 + [0.0] * 4)
    single = share_estimate(won, _alone(12))
    copies = Clusters(np.repeat(np.arange(12), 5), np.arange(60))
    assert share_estimate(np.repeat(won, 5), copies).share.low == pytest.approx(
        single.share.low, abs=0.01
    )
    assert share_estimate(np.repeat(won, 5), _alone(60)).share.low > single.share.low + 0.05


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(2, 8), st.integers(1, 8))
def test_share_and_its_interval(won, raters, prompts):
    n = len(won)
    clusters = Clusters.of([str(k % raters) for k in range(n)], [str(k % prompts) for k in range(n)])
    found = share_estimate(np.array(won, dtype=float), clusters)
    assert -1e-9 <= found.share.low <= found.share.value + 1e-9
    assert found.share.value - 1e-9 <= found.share.high <= 1 + 1e-9
    half_is_out = not found.share.low <= 0.5 <= found.share.high
    assert half_is_out == (found.p_value < 0.05)
    other = share_estimate(1.0 - np.array(won, dtype=float), clusters)
    assert other.share.low == pytest.approx(1 - found.share.high)
    assert other.p_value == pytest.approx(found.p_value)


def test_unanimous_answers_still_leave_doubt():
    found = share_estimate(np.ones(12), Clusters(np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)))
    assert found.share.high == 1
    assert found.share.low < 0.75


def test_no_answers():
    assert math.isnan(mean_estimate(np.zeros(0), _alone(0)).value)
    assert share_estimate(np.zeros(0), _alone(0)).answers == 0
    assert all(math.isnan(one.value) for one in strengths([], MODELS))


def test_strengths_of_a_known_case():
    wins = {
        ("a", "b"): 30,
        ("b", "a"): 10,
        ("b", "c"): 30,
        ("c", "b"): 10,
        ("a", "c"): 36,
        ("c", "a"): 4,
    }
    answers = [
        _answer(k, k, *sorted(pair), pair[0])
        for k, pair in enumerate(pair for pair, count in wins.items() for _ in range(count))
    ]
    a, b, c = strengths(answers, MODELS)
    # These counts fit odds of 3, 3 and 9 exactly, but for the half win that is added on either side.
    assert (a.value - b.value, b.value - c.value) == pytest.approx((math.log(3), math.log(3)), abs=0.06)
    assert a.value + b.value + c.value == pytest.approx(0, abs=1e-9)
    assert b.low < 0 < b.high < a.low


def test_strengths_stay_finite_where_one_model_always_wins():
    answers = [_answer(k % 3, k % 4, "a", "b", "a") for k in range(12)]
    first, second = strengths(answers, ("a", "b"))
    assert 1 < first.value < 3
    assert first.value == pytest.approx(-second.value)
    assert first.low < 0.5


def test_share_of_pairs_won():
    answers = [
        _answer(0, 0, "a", "b", "a"),
        _answer(1, 0, "b", "a", "a"),
        _answer(1, 1, "c", "a", "c"),
        _answer(0, 1, "b", "c", "b"),
    ]
    assert win_share(answers, "a").share.value == pytest.approx(2 / 3)
    assert (win_share(answers, "a", "b").share.value, win_share(answers, "a", "b").answers) == (1, 2)
    assert win_share(answers, "c", "b").share.value == 0


@pytest.mark.slow
def test_intervals_hold_what_was_planted():
    """Nineteen times of twenty, where raters differ in what they like and prompts in what they bring
    out. Intervals that took answers for independent would hold it less often."""
    planted, rng = (0.4, 0.0, -0.4), np.random.default_rng(0)
    crowd = _simulated(rng, planted, 400, 400, 0.6, 0.6)
    share, strength = win_share(crowd, "a", "c").share.value, strengths(crowd, MODELS)[0].value
    held, studies = {"share": 0, "strength": 0, "as if independent": 0}, 200
    for _ in range(studies):
        answers = _simulated(rng, planted, 12, 24, 0.6, 0.6)
        found, one = win_share(answers, "a", "c").share, strengths(answers, MODELS)[0]
        held["share"] += found.low <= share <= found.high
        held["strength"] += one.low <= strength <= one.high
        single = [replace(a, rater=str(k), prompt=str(k)) for k, a in enumerate(answers)]
        one = strengths(single, MODELS)[0]
        held["as if independent"] += one.low <= strength <= one.high
    assert held["share"] >= 0.9 * studies
    assert held["strength"] >= 0.9 * studies
    assert held["as if independent"] < held["strength"] - 0.1 * studies
