"""Smoothing along time, and smooth steps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Shaped

__all__ = ["gaussian_smooth", "share_beside", "smooth_step"]

TRUNCATE = 4.0


def smooth_step(x: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    """From 0 at 0 and below to 1 at 1 and above, level at both: 3 x^2 - 2 x^3 between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def share_beside(held: Bool[np.ndarray, "t"], fade_frames: float) -> Float[np.ndarray, "t"]:
    """0 at frames that are held, growing to 1 over so many frames beside them."""
    frames, there = np.arange(len(held)), np.flatnonzero(held)
    if not len(there):
        return np.ones(len(held))
    after = np.searchsorted(there, frames).clip(0, len(there) - 1)
    away = np.minimum(*(np.abs(frames - there[k]) for k in (after, np.maximum(after - 1, 0))))
    return smooth_step(away / fade_frames)


def gaussian_smooth(values: Shaped[np.ndarray, "t *d"], sigma: float) -> Shaped[np.ndarray, "t *d"]:
    """Convolve along the first axis with a Gaussian of `sigma` frames, cut off at 4 sigma.

    Beyond the ends the first and last value are repeated. Real or complex values. The same numbers as
    `scipy.ndimage.gaussian_filter1d(..., mode="nearest")`.
    """
    radius = int(TRUNCATE * sigma + 0.5)
    if radius == 0:
        return values
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    ends = [(radius, radius)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, ends, mode="edge").reshape(len(values) + 2 * radius, -1)
    columns = [np.convolve(column, kernel, mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1).reshape(values.shape)
