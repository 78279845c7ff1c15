"""Contrast of pairs, by cases whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.models.contrast import TEMPERATURE, contrast, same_text

N = 6
NONE = torch.zeros(N, N, dtype=torch.bool)
ONE = torch.ones(N)


def _random(seed: int, rows: int = N) -> torch.Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))


def test_pairs_that_match_cost_nothing():
    own = torch.eye(N)
    assert float(contrast(own, own, NONE, ONE)) == pytest.approx(0, abs=1e-5)
    assert float(contrast(own, 3 * own, NONE, ONE)) == pytest.approx(0, abs=1e-5)


def test_all_alike_is_chance():
    same = _random(0)[:1].expand(N, -1)
    other = _random(1)[:1].expand(N, -1)
    assert float(contrast(same, other, NONE, ONE)) == pytest.approx(np.log(N), rel=1e-5)


def test_pairs_that_are_exchanged_cost_the_whole_temperature():
    own = torch.eye(N)
    found = float(contrast(own, own.roll(1, 0), NONE, ONE))
    assert found == pytest.approx(1 / TEMPERATURE, rel=1e-3)


@given(seed=st.integers(0, 2**32 - 1))
def test_by_its_formula(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, N, 5)).astype(np.float32)
    alike, weight = rng.random((N, N)) < 0.2, rng.random(N).astype(np.float32)
    weight[rng.integers(N)] = 0
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    odds = np.exp(unit[0] @ unit[1].T / TEMPERATURE)
    out = alike | (weight == 0)[None] | (weight == 0)[:, None]
    odds[out & ~np.eye(N, dtype=bool)] = 0
    right = np.diag(odds)
    loss = -(np.log(right / odds.sum(axis=1)) + np.log(right / odds.sum(axis=0))) / 2
    expected = (loss * weight).sum() / weight.sum()
    found = contrast(*map(torch.from_numpy, (a, b, alike, weight)))
    assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_what_is_left_out_is_no_wrong_match():
    """Two pairs are twins: with them left out there is nothing wrong."""
    own = torch.eye(N)
    own[1] = own[0]
    alike = NONE.clone()
    alike[0, 1] = alike[1, 0] = True
    assert float(contrast(own, own, NONE, ONE)) == pytest.approx(2 * np.log(2) / N, rel=1e-4)
    assert float(contrast(own, own, alike, ONE)) == pytest.approx(0, abs=1e-5)
    every = torch.ones(N, N, dtype=torch.bool)
    assert float(contrast(_random(0), _random(1), every, ONE)) == pytest.approx(0, abs=1e-6)


def test_a_pair_of_weight_zero_changes_nothing():
    a, b = _random(0), _random(1)
    weight = ONE.clone()
    weight[2] = 0
    found = contrast(a, b, NONE, weight)
    kept = [0, 1, 3, 4, 5]
    alone = contrast(a[kept], b[kept], NONE[:5, :5], ONE[:5])
    torch.testing.assert_close(found, alone)
    a[2], b[2] = 9.0, -9.0
    torch.testing.assert_close(contrast(a, b, NONE, weight), found)


def test_weights_weigh():
    a, b = _random(0), _random(1)
    torch.testing.assert_close(contrast(a, b, NONE, 7 * ONE), contrast(a, b, NONE, ONE))
    wrong = torch.eye(N)
    wrong[0], wrong[1] = torch.eye(N)[1], torch.eye(N)[0]
    loss = [
        float(contrast(torch.eye(N), wrong, NONE, torch.tensor([w, w, 1.0, 1.0, 1.0, 1.0])))
        for w in (0.01, 1.0, 100.0)
    ]
    assert loss == sorted(loss)
    assert loss[2] > 10 * loss[0]
    assert float(contrast(a, b, NONE, 0 * ONE)) == 0


def test_texts_are_the_same_within_an_angle():
    angle = torch.tensor([0.0, 0.1, 0.6, 3.1])
    vectors = torch.stack((angle.cos(), angle.sin()), dim=1) * torch.tensor(
        [[1.0], [5.0], [2.0], [1.0]]
    )
    assert same_text(vectors).tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    assert same_text(vectors, 0.8)[0].tolist() == [True, True, True, False]
