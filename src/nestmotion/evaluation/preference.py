"""Shares, strengths and mean scores from people's answers, and how sure they are.

Answers of one rater are alike, and so are answers about one prompt. All intervals take both into
account: an estimate is written as a sum of what each answer adds to it (its influence), and the
variance of that sum is clustered two ways (Cameron, Gelbach and Miller 2011), with quantiles of
Student's t for as many raters as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import choix
import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from nestmotion.evaluation.intervals import Estimate
from nestmotion.evaluation.study_answers import Preference

__all__ = ["Clusters", "Share", "mean_estimate", "share_estimate", "strengths", "win_share"]

_NONE = Estimate(float("nan"), float("nan"), float("nan"))
# Added to each pair of models, half a win on either side: keeps strengths finite where one always won.
_PRIOR_WINS = 0.5
_MOST_ROUNDS = 10_000


@dataclass(frozen=True)
class Clusters:
    """Which rater and which prompt each of n answers comes from, as numbers from 0."""

    rater: Int[np.ndarray, "n"]
    prompt: Int[np.ndarray, "n"]

    @classmethod
    def of(cls, raters: Sequence[str], prompts: Sequence[str]) -> Clusters:
        return cls(*(np.unique(np.array(names), return_inverse=True)[1] for names in (raters, prompts)))

    @property
    def quantile(self) -> float:
        """Of Student's t, for 95% intervals."""
        return float(stats.t.ppf(0.975, self.freedom))

    @property
    def freedom(self) -> int:
        return max(len(np.unique(self.rater)) - 1, 1)

    def variance(self, influence: Float[np.ndarray, "n"]) -> float:
        """Of the sum of the influences: by raters, plus by prompts, less what both count, but not less
        than that of independent answers."""
        alone = _clustered(np.arange(len(influence)), influence)
        both = _clustered(self.rater, influence) + _clustered(self.prompt, influence) - alone
        return max(both, alone)


@dataclass(frozen=True)
class Share:
    """How often one model was preferred to another. p_value: of no preference, two-sided."""

    answers: int
    share: Estimate
    p_value: float


def _clustered(cluster: Int[np.ndarray, "n"], influence: Float[np.ndarray, "n"]) -> float:
    sums = np.bincount(cluster, influence)
    count = len(sums)
    return float(sums @ sums) * count / (count - 1) if count > 1 else 0.0


def mean_estimate(values: Float[np.ndarray, "n"], clusters: Clusters) -> Estimate:
    """Mean with its 95% interval; NaN without values."""
    if len(values) == 0:
        return _NONE
    mean = float(values.mean())
    half = clusters.quantile * clusters.variance((values - mean) / len(values)) ** 0.5
    return Estimate(mean, mean - half, mean + half)


def share_estimate(won: Float[np.ndarray, "n"], clusters: Clusters) -> Share:
    """Share of ones among zeros and ones, with Wilson's 95% interval for the number of independent
    answers that would have the same variance (Franco and others 2019), and the p-value of the test that
    the interval inverts: it is below 0.05 when the interval leaves one half out."""
    count = len(won)
    if count == 0:
        return Share(0, _NONE, float("nan"))
    share = float(won.mean())
    variance = clusters.variance((won - share) / count)
    n = min(count, share * (1 - share) / variance) if variance > 0 else count
    c = clusters.quantile
    middle = (share + c * c / (2 * n)) / (1 + c * c / n)
    half = c / (1 + c * c / n) * (share * (1 - share) / n + c * c / (4 * n * n)) ** 0.5
    p_value = 2 * stats.t.sf(abs(share - 0.5) * 2 * n**0.5, clusters.freedom)
    return Share(
        count, Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0)), float(p_value)
    )


def win_share(preferences: Sequence[Preference], model: str, against: str | None = None) -> Share:
    """How often a model was preferred, against one other or against all."""
    others = {against} if against is not None else None
    own = [
        p
        for p in preferences
        if model in (p.first, p.second) and (others is None or others & {p.first, p.second})
    ]
    won = np.array([p.chosen == model for p in own], dtype=float)
    return share_estimate(won, _clusters(own))


def strengths(preferences: Sequence[Preference], models: Sequence[str]) -> list[Estimate]:
    """Bradley-Terry strengths, in natural logarithms with mean 0: a model is preferred to another with
    the odds exp(difference).

    Fitted by choix (Luce spectral ranking, Maystre and Grossglauser 2015); the intervals are those of
    its maximum-likelihood equations.
    """
    if not preferences:
        return [_NONE] * len(models)
    index = {model: k for k, model in enumerate(models)}
    winner = np.array([index[p.chosen] for p in preferences])
    loser = np.array([index[p.other] for p in preferences])
    wins = np.full((len(models), len(models)), _PRIOR_WINS)
    np.fill_diagonal(wins, 0.0)
    np.add.at(wins, (winner, loser), 1.0)
    strength = choix.ilsr_pairwise_dense(wins, max_iter=_MOST_ROUNDS)
    chance = 1 / (1 + np.exp(np.subtract.outer(strength, strength)))  # of losing: row against column
    # Negative Hessian of the log-likelihood: a graph Laplacian, so that its inverse keeps mean 0.
    weight = (wins + wins.T) * chance * (1 - chance)
    inverse = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    influence = (inverse[:, winner] - inverse[:, loser]) * chance[winner, loser]
    clusters = _clusters(preferences)
    variance = np.array([clusters.variance(row) for row in influence])
    # Not less than what the equations give for independent answers, also where all are the same.
    half = clusters.quantile * np.maximum(variance, np.diag(inverse)) ** 0.5
    return [Estimate(float(s), float(s - h), float(s + h)) for s, h in zip(strength, half, strict=True)]


def _clusters(preferences: Sequence[Preference]) -> Clusters:
    return Clusters.of([p.rater for p in preferences], [p.prompt for p in preferences])
