"""The solver of five-diagonal systems against a dense one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.banded import smooth_correction, solve_pentadiagonal


@given(frames=st.integers(1, 40), seed=st.integers(0, 999))
def test_same_as_the_dense_solution(frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, right = rng.normal(size=(3, frames, 2, 3))
    diagonal = 5.0 + rng.uniform(size=(frames, 2, 3)) + 2 * (np.abs(first) + np.abs(second)).max()
    x = solve_pentadiagonal(diagonal, first, second, right)
    for b in np.ndindex(2, 3):
        at = (slice(None), *b)
        upper = np.diag(first[at][: frames - 1], 1)
        if frames > 2:
            upper = upper + np.diag(second[at][: frames - 2], 2)
        dense = np.diag(diagonal[at]) + upper + upper.T
        np.testing.assert_allclose(x[at], np.linalg.solve(dense, right[at]), atol=1e-10)


@given(frames=st.integers(3, 130), seed=st.integers(0, 999), blend=st.sampled_from([1.0, 6.0, 80.0]))
def test_a_smooth_correction_is_the_least(frames: int, seed: int, blend: float) -> None:
    """The least squares themselves, stacked and given to LAPACK, with firm places in a soft curve."""
    rng = np.random.default_rng(seed)
    wanted, step = rng.normal(size=(2, frames, 1))
    weight = np.where(rng.uniform(size=(frames, 1)) < 0.1, 1e8, 0.0)
    hold = 1e4 * (rng.uniform(size=(frames, 1)) < 0.2)
    found = smooth_correction((weight, wanted), blend, [(hold, step)])[:, 0]
    bend, one = np.diff(np.eye(frames), 2, axis=0), np.eye(frames)
    root, lock = np.sqrt(weight), np.sqrt(hold[:-1])
    rows = (one, blend**2 * bend, root * one, lock * np.diff(one, axis=0))
    right = (np.zeros(frames), np.zeros(frames - 2), (root * wanted)[:, 0], -(lock * step[:-1])[:, 0])
    least = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    np.testing.assert_allclose(found, least, atol=1e-4)


def test_its_arguments_are_left_as_they_are() -> None:
    arrays = [np.full((5, 1), value) for value in (4.0, 1.0, 0.5, 2.0)]
    copies = [a.copy() for a in arrays]
    solve_pentadiagonal(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
