"""Symmetric systems whose matrix has five diagonals: least squares along time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["solve_pentadiagonal"]


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
