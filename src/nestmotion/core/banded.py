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
    two rows of `first` and `second` is not read. Two rows a block, M has three diagonals of blocks, and
    every second block is eliminated until one is left (odd-even reduction; Golub and Van Loan, Matrix
    Computations, section 4.5): Gaussian elimination in another order, linear in T, and all blocks of a
    round at once.
    """
    frames, shape = len(diagonal), diagonal.shape[1:]
    blocks = (frames + 1) // 2

    def rows(values: np.ndarray, count: int, fill: float = 0.0) -> np.ndarray:
        """`count` rows of values and then `fill`, two a block: (2, B, blocks)."""
        padded = np.full((2 * blocks, *shape), fill)
        padded[:count] = values[:count]
        return padded.reshape(blocks, 2, -1).transpose(1, 2, 0)

    d, r = rows(diagonal, frames, 1.0), rows(right, frames)
    f, s = rows(first, frames - 1), rows(second, max(frames - 2, 0))
    block = np.stack((d[0], f[0], f[0], d[1])).reshape(2, 2, *d[0].shape)
    across = np.stack((s[0], np.zeros_like(s[0]), f[1], s[1])).reshape(block.shape)
    x = _solve_blocks(block, across[..., :-1], r[:, None])[:, 0]
    return x.transpose(2, 0, 1).reshape(2 * blocks, *shape)[:frames]


def _solve_blocks(
    block: Float[np.ndarray, "2 2 b n"],
    across: Float[np.ndarray, "2 2 b n-1"],
    right: Float[np.ndarray, "2 1 b n"],
) -> Float[np.ndarray, "2 1 b n"]:
    """x with across[k-1]^T x[k-1] + block[k] x[k] + across[k] x[k+1] = right[k] for the blocks k, which
    are along the last axis."""
    if block.shape[-1] == 1:
        return _times(_inverse(block), right)
    before, after = across[..., 0::2], across[..., 1::2]
    # Of the blocks that are eliminated here all have one before them, and the first ones one after.
    odds, later = before.shape[-1], after.shape[-1]
    inverse = _inverse(block[..., 1::2])
    to_left, alone = _times(inverse, before.swapaxes(0, 1)), _times(inverse, right[..., 1::2])
    to_right, back = _times(inverse[..., :later], after), after.swapaxes(0, 1)
    left, value = block[..., 0::2].copy(), right[..., 0::2].copy()
    left[..., :odds] -= _times(before, to_left)
    value[..., :odds] -= _times(before, alone)
    left[..., 1:] -= _times(back, to_right)
    value[..., 1:] -= _times(back, alone[..., :later])
    x = np.empty_like(right)
    x[..., 0::2] = _solve_blocks(left, -_times(before[..., :later], to_right), value)
    x[..., 1::2] = alone - _times(to_left, x[..., 0::2][..., :odds])
    x[..., 1::2][..., :later] -= _times(to_right, x[..., 2::2])
    return x


def _times(
    a: Float[np.ndarray, "2 2 *b"], b: Float[np.ndarray, "2 c *b"]
) -> Float[np.ndarray, "2 c *b"]:
    """Products of small matrices, which stand along the first two axes: there NumPy is fast."""
    return a[:, :1] * b[0] + a[:, 1:] * b[1]


def _inverse(m: Float[np.ndarray, "2 2 *b"]) -> Float[np.ndarray, "2 2 *b"]:
    """Of symmetric matrices."""
    (a, b), (_, d) = m
    return np.stack((d, -b, -b, a)).reshape(m.shape) / (a * d - b * b)


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
