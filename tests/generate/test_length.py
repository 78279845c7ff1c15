"""Seconds from a sentence vector."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.generate.length import LengthModel


def _data(rows: int = 60, columns: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sentences = rng.normal(size=(rows, columns)) + rng.normal(size=columns)
    return sentences, 5 + sentences @ rng.normal(size=columns) + rng.normal(size=rows)


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 12),
    penalty=st.floats(0.01, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_fit_solves_ridge_regression_with_a_free_mean(rows, columns, penalty, seed):
    """Against LAPACK on the system with a column of ones and, for the penalty, rows below."""
    sentences, seconds = _data(rows, columns, seed)
    system = np.concatenate((sentences, np.ones((rows, 1))), axis=1)
    below = np.sqrt(penalty) * np.eye(columns, columns + 1)
    solution = np.linalg.lstsq(
        np.concatenate((system, below)), np.concatenate((seconds, np.zeros(columns))), rcond=None
    )[0]
    found = LengthModel.fit(sentences, seconds, penalty)
    assert np.abs(found.weight - solution[:-1]).max() < 1e-6
    assert found.bias == pytest.approx(solution[-1], abs=1e-6)


def test_much_penalty_leaves_the_mean():
    sentences, seconds = _data()
    model = LengthModel.fit(sentences, seconds, penalty=1e9)
    for sentence in sentences[:5]:
        assert model.predict(sentence, 0, 100) == pytest.approx(seconds.mean(), abs=0.06)


def test_what_is_linear_is_found():
    sentences, _ = _data()
    weight = np.arange(8) / 10
    model = LengthModel.fit(sentences, 3 + sentences @ weight, penalty=1e-9)
    assert np.abs(model.weight - weight).max() < 1e-6
    assert model.bias == pytest.approx(3)


def test_predictions_are_tenths_within_the_limits():
    model = LengthModel(np.array([1.0, 0.0]), 4.0)
    for offset, expected in [(-9.0, 1.0), (0.0, 4.0), (1.2345, 5.2), (0.06, 4.1), (50.0, 10.0)]:
        seconds = model.predict(np.array([offset, 7.0]), 1.0, 10.0)
        assert seconds == expected
        assert isinstance(seconds, float)


def test_survives_json():
    model = LengthModel.fit(*_data())
    again = LengthModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert np.abs(again.weight - model.weight).max() < 1e-6
    assert again.bias == model.bias
