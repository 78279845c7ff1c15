"""Intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.evaluation.intervals import (
    bootstrap_mean,
    bootstrap_ratio,
    holm,
    jackknife,
    paired_bootstrap,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_bootstrap_interval_is_that_of_the_mean(rng):
    values = rng.normal(3.0, 2.0, size=400)
    e = bootstrap_mean(values, rng)
    assert e.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert (e.value - e.low, e.high - e.value) == pytest.approx((half, half), rel=0.12)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth(rng):
    held = 0
    for _ in range(300):
        e = bootstrap_mean(rng.exponential(2.0, size=100), rng, resamples=400)
        held += e.low <= 2.0 <= e.high
    assert 0.89 < held / 300 < 0.98


def test_a_ratio_of_paired_values_is_surer_than_of_any(rng):
    b = rng.exponential(2.0, size=200)
    a = 0.9 * b + rng.normal(0.0, 0.05, size=200)
    e = bootstrap_ratio(a, b, rng)
    assert e.value == pytest.approx(a.mean() / b.mean())
    assert 0.88 < e.low < e.value < e.high < 0.92
    shuffled = bootstrap_ratio(rng.permutation(a), b, rng)
    assert shuffled.high - shuffled.low > 10 * (e.high - e.low)


def test_a_ratio_to_what_is_mostly_zero_is_finite(rng):
    e = bootstrap_ratio(np.array([1.0, 1.0]), np.array([0.0, 2.0]), rng)
    assert (e.value, e.low, e.high) == (1.0, 0.5, 1.0)


def test_what_could_not_be_measured_is_left_out(rng):
    e = bootstrap_mean(np.array([1.0, np.nan, 3.0]), rng)
    assert e.value == 2
    none = bootstrap_mean(np.array([np.nan]), rng)
    assert np.isnan([none.value, none.low, none.high]).all()


def test_the_jackknife_of_a_mean_has_its_standard_error(rng):
    values = rng.normal(size=1000)
    e = jackknife(lambda k: float(values[k].mean()), 1000, rng)
    assert e.value == pytest.approx(values.mean())
    assert e.high - e.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(1000), rel=0.5)
    exact = jackknife(lambda k: float(values[k].mean()), 1000, rng, parts=1000)
    expected = 2 * 1.959964 * values.std(ddof=1) / np.sqrt(1000)
    assert exact.high - exact.low == pytest.approx(expected, rel=1e-6)


def test_pairing_finds_a_small_difference_that_the_spread_between_clips_would_hide(rng):
    hard = rng.normal(scale=10, size=200)
    a, b = hard + 0.5 + rng.normal(size=200), hard + rng.normal(size=200)
    found = paired_bootstrap(a, b, rng)
    assert found.difference.low < 0.5 < found.difference.high
    assert found.p_value < 0.01
    other_way = paired_bootstrap(b, a, rng)
    assert other_way.difference.value == pytest.approx(-found.difference.value)
    assert other_way.p_value < 0.01


def test_two_alike_do_not_differ(rng):
    same = rng.normal(size=50)
    assert paired_bootstrap(same, same, rng).p_value == 1
    p = [paired_bootstrap(*rng.normal(size=(2, 80)), rng, 400).p_value for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_holm_on_the_textbook_case():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_never_makes_a_claim_stronger_nor_reorders(p):
    adjusted = holm(p)
    assert all(a >= b and a <= 1 for a, b in zip(adjusted, p, strict=True))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
