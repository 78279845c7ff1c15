"""How sure a measure is: means of rows that may share recordings, measures of whole sets, and Holm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

__all__ = [
    "Comparison",
    "Estimate",
    "Sources",
    "estimate_mean",
    "estimate_ratio",
    "holm",
    "jackknife",
    "paired_difference",
]

JACKKNIFE_PARTS = 20
_NORMAL_95 = 1.959964

# What each row is made of: recordings, captions, cases. Rows that share one are not independent.
Sources = Sequence[Collection[Hashable]]


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


def estimate_mean(values: Float[np.ndarray, "n"], sources: Sources | None = None) -> Estimate:
    """Mean over rows with Student's interval; rows that are NaN could not be measured and are left out.

    sources: what each row is made of; without them rows are independent. The variance counts rows
    that share a source as dependent (Aronow, Samii and Assenova, "Cluster-robust variance estimation
    for dyadic data", 2015; with one source a row the usual one of clusters), and is never below that
    of independent rows. With a single source there is no interval: low and high are NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    (kept,), sources = _measured((array,), sources)
    return _estimate(*_moments(kept, kept - kept.mean(), sources)) if len(kept) else _NOTHING


def estimate_ratio(
    a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"], sources: Sources | None = None
) -> Estimate:
    """Mean of a over mean of b, both of the same rows; the interval by linearisation, so that it holds
    what is unsure about either. NaN where b is zero on the mean. Sources as in estimate_mean."""
    (a, b), sources = _measured((np.asarray(a, dtype=float), np.asarray(b, dtype=float)), sources)
    if not len(a) or b.mean() == 0:
        return _NOTHING
    ratio = a.mean() / b.mean()
    _, error, freedom = _moments(a, (a - ratio * b) / b.mean(), sources)
    return _estimate(float(ratio), error, freedom)


def paired_difference(
    a: Float[np.ndarray, "n"], b: Float[np.ndarray, "n"], sources: Sources | None = None
) -> Comparison:
    """Whether two models differ on the same rows, by Student's t of the rows' differences. Rows with a
    NaN in either are left out. Sources as in estimate_mean."""
    (difference,), sources = _measured((np.asarray(a, dtype=float) - np.asarray(b),), sources)
    if not len(difference):
        return Comparison(_NOTHING, np.nan)
    mean, error, freedom = _moments(difference, difference - difference.mean(), sources)
    if error == 0:
        return Comparison(_estimate(mean, error, freedom), 1.0 if mean == 0 else 0.0)
    p_value = 2 * float(stats.t.sf(abs(mean) / error, freedom)) if freedom else np.nan
    return Comparison(_estimate(mean, error, freedom), p_value)


_NOTHING = Estimate(np.nan, np.nan, np.nan)


def _measured(
    columns: Sequence[np.ndarray], sources: Sources | None
) -> tuple[list[np.ndarray], Sources | None]:
    """Without the rows that are NaN in any column."""
    kept = np.flatnonzero(~np.isnan(np.stack(columns)).any(axis=0))
    return [c[kept] for c in columns], None if sources is None else [sources[k] for k in kept.tolist()]


def _moments(
    values: Float[np.ndarray, "n"], errors: Float[np.ndarray, "n"], sources: Sources | None
) -> tuple[float, float, int]:
    """Mean of the values, its standard error when rows are off by `errors`, degrees of freedom."""
    n = len(values)
    alone, count = float(errors @ errors), n
    variance = alone
    if sources is not None:
        names = {name: k for k, name in enumerate(dict.fromkeys(s for row in sources for s in row))}
        member = np.zeros((n, len(names)), dtype=np.float32)
        for row, own in enumerate(sources):
            member[row, [names[s] for s in own]] = 1
        count = min(n, len(names))
        variance = max(alone, float(errors @ (member @ member.T > 0) @ errors))
    few = count / (count - 1) if count > 1 else np.nan
    return float(values.mean()), float(np.sqrt(few * variance)) / n, count - 1


def _estimate(value: float, error: float, freedom: int) -> Estimate:
    reach = float(stats.t.ppf(0.975, freedom)) * error if freedom else np.nan
    return Estimate(value, value - reach, value + reach)


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


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: of m claims, the k-th smallest times m - k + 1, never falling (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()
