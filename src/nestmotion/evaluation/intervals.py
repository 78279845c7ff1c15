"""How sure a measure is: bootstrap over clips, jackknife for measures of whole sets, and Holm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = [
    "Comparison",
    "Estimate",
    "bootstrap_mean",
    "bootstrap_ratio",
    "holm",
    "jackknife",
    "paired_bootstrap",
]

RESAMPLES = 2000
JACKKNIFE_PARTS = 20
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A value and its 95% interval; all NaN when nothing could be measured."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Mean of a minus mean of b with its 95% interval, and the two-sided p-value of no difference."""

    difference: Estimate
    p_value: float


def _resampled_means(
    values: Float[np.ndarray, "n *k"], rng: np.random.Generator, resamples: int
) -> Float[np.ndarray, "r *k"]:
    n = len(values)
    # Weights of a resample are multinomial: n clips drawn with replacement.
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples) @ values / n


def bootstrap_mean(
    values: Float[np.ndarray, "n"], rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Mean over clips with the percentile interval of resampled clips (Efron and Tibshirani 1993).
    Clips whose value is NaN could not be measured and are left out."""
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if len(kept) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.percentile(_resampled_means(kept, rng, resamples), [2.5, 97.5])
    return Estimate(float(kept.mean()), float(low), float(high))


def bootstrap_ratio(
    a: Float[np.ndarray, "n"],
    b: Float[np.ndarray, "n"],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of a over mean of b with the percentile interval of cases resampled with both their values;
    b is not negative, and resamples in which it is nothing but zero are left out."""
    above, below = _resampled_means(np.stack((a, b), axis=1), rng, resamples).T
    low, high = np.percentile(above[below > 0] / below[below > 0], [2.5, 97.5])
    return Estimate(float(a.mean() / b.mean()), float(low), float(high))


def jackknife(
    measure: Callable[[Int[np.ndarray, "_"]], float],
    clips: int,
    rng: np.random.Generator,
    parts: int = JACKKNIFE_PARTS,
) -> Estimate:
    """A measure of a whole set, such as FID, given the indices of the clips to take.

    Leaving out each of g random parts in turn gives the variance (g - 1)/g sum (m_k - mean m)^2
    (Shao and Wu 1989). A bootstrap would not do: clips drawn twice look like too little diversity.
    """
    value = measure(np.arange(clips))
    part = rng.permutation(clips) % min(parts, clips)
    left = np.array([measure(np.flatnonzero(part != k)) for k in range(part.max() + 1)])
    spread = _NORMAL_95 * float(np.sqrt((len(left) - 1) * left.var()))
    return Estimate(value, value - spread, value + spread)


def paired_bootstrap(
    a: Float[np.ndarray, "n"],
    b: Float[np.ndarray, "n"],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Whether two models differ on the same clips: clips are resampled with both their values.

    The p-value is twice the share of resampled differences on the other side of zero, at least
    2 / (resamples + 1). Clips with a NaN in either are left out.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    difference = difference[~np.isnan(difference)]
    if len(difference) == 0:
        return Comparison(Estimate(np.nan, np.nan, np.nan), np.nan)
    means = _resampled_means(difference, rng, resamples)
    low, high = np.percentile(means, [2.5, 97.5])
    below, above = ((means <= 0).sum() + 1, (means >= 0).sum() + 1)
    p_value = min(1.0, 2 * min(below, above) / (resamples + 1))
    return Comparison(Estimate(float(difference.mean()), float(low), float(high)), float(p_value))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: of m claims, the k-th smallest times m - k + 1, never falling (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()
