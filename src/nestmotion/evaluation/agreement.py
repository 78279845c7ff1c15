"""Krippendorff's alpha: how far raters agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from nestmotion.evaluation.intervals import Estimate

__all__ = ["Level", "alpha_estimate", "krippendorff_alpha"]

# nominal: values are the same or not; ordinal: ranks, such as scores of 1 to 5.
Level = Literal["nominal", "ordinal"]
_RESAMPLES = 1000


def krippendorff_alpha(units: Sequence[Sequence[int]], level: Level) -> float:
    """Alpha of the values that raters gave to each unit: 1 is full agreement, 0 that of chance.

    Any number of raters, any of them missing anywhere; units with one value tell nothing. NaN when no
    two values can be paired or all values are the same. Krippendorff, "Computing Krippendorff's
    Alpha-Reliability" (2011), from the coincidences of values within units.
    """
    return _alpha(_coincidences(units), level)


def alpha_estimate(units: Sequence[Sequence[int]], level: Level, rng: np.random.Generator) -> Estimate:
    """Alpha with the 95% percentile interval of resampled units."""
    each = _coincidences(units)
    drawn = (
        rng.multinomial(len(each), np.full(len(each), 1 / len(each)), size=_RESAMPLES)
        if len(each)
        else ()
    )
    values = [_alpha(each * weight[:, None, None], level) for weight in drawn]
    kept = [v for v in values if not np.isnan(v)]
    low, high = np.percentile(kept, [2.5, 97.5]) if kept else (np.nan, np.nan)
    return Estimate(_alpha(each, level), float(low), float(high))


def _coincidences(units: Sequence[Sequence[int]]) -> Float[np.ndarray, "u v v"]:
    """Ordered pairs of values within each unit, each unit weighing as much as it has values."""
    paired = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in paired for value in unit})
    found = np.zeros((len(paired), len(values), len(values)))
    for u, unit in enumerate(paired):
        count = np.array([sum(value == v for value in unit) for v in values], dtype=float)
        found[u] = (np.outer(count, count) - np.diag(count)) / (len(unit) - 1)
    return found


def _alpha(each: Float[np.ndarray, "u v v"], level: Level) -> float:
    observed = each.sum(axis=0)
    count = observed.sum(axis=0)
    if level == "nominal":
        distance = 1.0 - np.eye(len(count))
    else:
        # Values between two ranks, those of the ranks themselves counted half.
        middle = np.cumsum(count) - count / 2
        distance = np.subtract.outer(middle, middle) ** 2
    expected = (np.outer(count, count) * distance).sum()
    if expected <= 0:
        return float("nan")
    return float(1 - (count.sum() - 1) * (observed * distance).sum() / expected)
