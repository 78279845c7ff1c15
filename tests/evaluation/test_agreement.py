"""Krippendorff's alpha, against the published example and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.evaluation.agreement import alpha_estimate, krippendorff_alpha

# Krippendorff (2011), section C: four observers, twelve units, some values missing.
EXAMPLE = [
    [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
]  # fmt: skip
LEVELS = pytest.mark.parametrize("level", ["nominal", "ordinal"])
UNITS = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=12)


def test_published_example():
    assert krippendorff_alpha(EXAMPLE, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(EXAMPLE, "ordinal") == pytest.approx(0.815, abs=5e-4)


@LEVELS
def test_full_agreement_is_one_and_guessing_about_zero(level):
    assert krippendorff_alpha([[k, k, k] for k in (1, 2, 5)], level) == 1
    guesses = np.random.default_rng(0).integers(1, 6, size=(2000, 3)).tolist()
    assert abs(krippendorff_alpha(guesses, level)) < 0.03


@LEVELS
def test_systematic_disagreement_is_below_zero(level):
    assert krippendorff_alpha([[1, 5]] * 20, level) < 0


@LEVELS
@pytest.mark.parametrize("units", [[], [[1], [2]], [[3, 3], [3, 3, 3]]])
def test_nothing_to_compare(units, level):
    assert math.isnan(krippendorff_alpha(units, level))
    assert math.isnan(alpha_estimate(units, level, np.random.default_rng(0)).low)


@LEVELS
@given(UNITS, st.randoms())
def test_order_of_units_and_of_raters_does_not_matter(level, units, random):
    mixed = [random.sample(unit, len(unit)) for unit in random.sample(units, len(units))]
    a, b = krippendorff_alpha(units, level), krippendorff_alpha(mixed, level)
    assert a == pytest.approx(b, nan_ok=True)


@given(UNITS)
def test_ordinal_alpha_heeds_ranks_only(units):
    stretched = [[value**3 for value in unit] for unit in units]
    a, b = krippendorff_alpha(units, "ordinal"), krippendorff_alpha(stretched, "ordinal")
    assert a == pytest.approx(b, nan_ok=True)


def test_interval_holds_the_value_and_shrinks_with_more_units():
    rng = np.random.default_rng(1)
    true = rng.integers(1, 6, size=400)
    units = np.clip(true[:, None] + rng.integers(-1, 2, size=(400, 3)), 1, 5).tolist()
    few = alpha_estimate(units[:30], "ordinal", rng)
    many = alpha_estimate(units, "ordinal", rng)
    for estimate in (few, many):
        assert estimate.low < estimate.value < estimate.high
    assert many.high - many.low < (few.high - few.low) / 2
