"""Curves of a motion and stretches of time in them: what rules about movements are written with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion

__all__ = ["local", "runs", "smooth"]


def smooth(values: Float[np.ndarray, "t *d"], frames: int) -> Float[np.ndarray, "t *d"]:
    """Mean over so many frames around each."""
    frames = min(frames | 1, (len(values) - 1) | 1)
    padded = np.pad(values, ((frames // 2, frames // 2), *((0, 0),) * (values.ndim - 1)), mode="edge")
    total = np.cumsum(np.concatenate((np.zeros_like(padded[:1]), padded)), axis=0)
    return (total[frames:] - total[:-frames]) / frames


def runs(mask: Bool[np.ndarray, "t"]) -> Iterator[tuple[int, int]]:
    """Start and stop of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def local(motion: Motion, joint: str) -> Float[np.ndarray, "t 3"]:
    """Where a joint is seen from the pelvis: left, up, ahead, in metres, in the frame's own heading."""
    x, y, z = (motion.joint_m(joint) - motion.root_m).T
    sin, cos = np.sin(motion.heading_rad), np.cos(motion.heading_rad)
    return np.stack((x * cos - z * sin, y, x * sin + z * cos), axis=1)
