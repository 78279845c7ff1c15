"""Intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nestmotion.evaluation.intervals import (
    Estimate,
    estimate_mean,
    estimate_ratio,
    holm,
    jackknife,
    paired_difference,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def width(e: Estimate) -> float:
    return e.high - e.low


def test_of_independent_rows_it_is_student_s_interval(rng):
    values = rng.normal(3.0, 2.0, size=7)
    e = estimate_mean(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (e.low, e.high) == pytest.approx((interval.low, interval.high))
    alone = estimate_mean(values, [(k,) for k in range(7)])
    assert (alone.value, alone.low, alone.high) == pytest.approx((e.value, e.low, e.high))


def test_ninety_five_of_a_hundred_intervals_hold_the_truth(rng):
    held = 0
    for _ in range(300):
        e = estimate_mean(rng.exponential(2.0, size=100))
        held += e.low <= 2.0 <= e.high
    assert 0.89 < held / 300 < 0.98


def test_rows_of_one_source_count_once(rng):
    values = rng.normal(size=30)
    once, twelve_times = estimate_mean(values), estimate_mean(np.repeat(values, 12))
    told = estimate_mean(np.repeat(values, 12), [(k // 12,) for k in range(360)])
    assert (told.low, told.high) == pytest.approx((once.low, once.high))
    assert width(twelve_times) < 0.4 * width(once)


def test_nineteen_of_twenty_intervals_over_rows_of_two_sources_hold_the_truth(rng):
    held = alone = 0
    for _ in range(200):
        of_source = rng.normal(size=40)
        pairs = np.array([rng.choice(40, 2, replace=False) for _ in range(200)])
        values = of_source[pairs].sum(axis=1) + rng.normal(size=200)
        e, narrow = estimate_mean(values, pairs.tolist()), estimate_mean(values)
        held += e.low <= 0 <= e.high
        alone += narrow.low <= 0 <= narrow.high
    assert held / 200 > 0.88
    assert alone / 200 < 0.7


def test_sources_never_make_an_interval_narrower(rng):
    values = np.tile([1.0, -1.0], 20)
    told = estimate_mean(values, [(k // 2,) for k in range(40)])
    assert width(told) >= width(estimate_mean(values))


def test_one_source_says_nothing_of_how_sure_it_is():
    for e in (estimate_mean(np.array([2.0])), estimate_mean(np.array([1.0, 3.0]), [("a",), ("a",)])):
        assert e.value == 2
        assert np.isnan([e.low, e.high]).all()


def test_a_ratio_of_paired_values_is_surer_than_of_any(rng):
    b = rng.exponential(2.0, size=200)
    a = 0.9 * b + rng.normal(0.0, 0.05, size=200)
    e = estimate_ratio(a, b)
    assert e.value == pytest.approx(a.mean() / b.mean())
    assert 0.88 < e.low < e.value < e.high < 0.92
    assert width(estimate_ratio(rng.permutation(a), b)) > 10 * width(e)


def test_a_ratio_s_interval_is_that_of_resampled_rows(rng):
    a, b = rng.exponential(2.0, size=(2, 300))
    drawn = rng.integers(300, size=(4000, 300))
    low, high = np.percentile(a[drawn].mean(axis=1) / b[drawn].mean(axis=1), [2.5, 97.5])
    e = estimate_ratio(a, b)
    assert (e.low, e.high) == pytest.approx((low, high), rel=0.05)


def test_a_ratio_to_nothing_is_no_number():
    e = estimate_ratio(np.array([1.0, 2.0]), np.zeros(2))
    assert np.isnan([e.value, e.low, e.high]).all()


def test_what_could_not_be_measured_is_left_out():
    values, sources = np.array([1.0, np.nan, 3.0, 2.0]), [("a",), ("b",), ("b",), ("c",)]
    found = estimate_mean(values, sources)
    assert found == estimate_mean(np.array([1.0, 3.0, 2.0]), [("a",), ("b",), ("c",)])
    none = estimate_mean(np.array([np.nan]))
    assert np.isnan([none.value, none.low, none.high]).all()
    assert estimate_ratio(values, np.array([1.0, 1.0, np.nan, 1.0])).value == 1.5


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
    found = paired_difference(a, b)
    assert found.difference.low < 0.5 < found.difference.high
    assert found.p_value < 0.01
    other_way = paired_difference(b, a)
    assert other_way.difference.value == pytest.approx(-found.difference.value)
    assert other_way.p_value < 0.01


def test_two_alike_do_not_differ(rng):
    same = rng.normal(size=50)
    assert paired_difference(same, same).p_value == 1
    p = [paired_difference(*rng.normal(size=(2, 80))).p_value for _ in range(200)]
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
