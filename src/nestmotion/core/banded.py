"""Symmetric systems whose matrix has five diagonals: least squares along time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

__all__ = ["smooth_correction", "solve_pentadiagonal"]


def solve_pentadiagonal(
    diagonal: Float[np.ndarray, "t *b"],
    first: Float[np.ndarray, "t *b"],
    second: Float[np.ndarray, "t *b"],
    right: Float[np.ndarray, "t *b"],
) -> Float[np.ndarray, "t *b"]:
    """x with M x = right, for symmetric positive definite M, one such system for each place in *b.

    M[t, t] = diagonal[t], M[t, t+1] = first[t], M[t, t+2] = second[t]; what stands in the last one or
    two rows of `first` and `second` is not read. Linear in T: the factors M = L D L^T (Golub and Van
    Loan, Matrix Computations, section 4.3) have two diagonals below the main one.
    """
    frames = len(diagonal)
    d, x = diagonal.copy(), right.copy()
    below, below2 = np.zeros_like(d), np.zeros_like(d)  # L[t+1, t] and L[t+2, t]
    coupling = first.copy()  # L[t+1, t] D[t]
    for t in range(frames - 1):
        below[t] = coupling[t] / d[t]
        d[t + 1] -= coupling[t] * below[t]
        x[t + 1] -= below[t] * x[t]
        if t + 2 < frames:
            below2[t] = second[t] / d[t]
            d[t + 2] -= second[t] * below2[t]
            coupling[t + 1] -= second[t] * below[t]
            x[t + 2] -= below2[t] * x[t]
    x /= d
    for t in range(frames - 2, -1, -1):
        x[t] -= below[t] * x[t + 1]
        if t + 2 < frames:
            x[t] -= below2[t] * x[t + 2]
    return x


def smooth_correction(
    places: tuple[Float[np.ndarray, "t *b"], Float[np.ndarray, "t *b"]],
    blend_frames: float,
    steps: Sequence[tuple[Float[np.ndarray, "t *b"], Float[np.ndarray, "t *b"]]] = (),
) -> Float[np.ndarray, "t *b"]:
    """The curve d that minimises, for each place in *b,

        sum |d|^2 + blend_frames^4 |d''|^2 + sum g |d - e|^2 + sum w |d[t+1] - d[t] + step[t]|^2

    over (g, e) = `places` and all (w, step) in `steps`: it takes the places to e and the steps to zero
    where their weights are large, is zero far from there, and smooth in between. d'' is the second
    difference. Zero when all weights are.
    """
    bend = blend_frames**4
    weight, wanted = places
    diagonal, right = 1.0 + weight, weight * wanted
    first, second = np.zeros_like(diagonal), np.zeros_like(diagonal)
    for w, step in steps:
        w, pull = w[:-1], w[:-1] * step[:-1]
        diagonal[:-1] += w
        diagonal[1:] += w
        first[:-1] -= w
        right[:-1] += pull
        right[1:] -= pull
    if len(diagonal) > 2:
        for k, factor in enumerate((1.0, 4.0, 1.0)):
            diagonal[k : len(diagonal) - 2 + k] += bend * factor
        first[:-2] -= 2 * bend
        first[1:-1] -= 2 * bend
        second[:-2] += bend
    return solve_pentadiagonal(diagonal, first, second, right)
