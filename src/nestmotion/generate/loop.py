"""Loops that have no seam, and motion in place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.edit import closed, concatenate, move
from nestmotion.core.rotations import (
    quat_conjugate,
    quat_from_rotation_vector,
    quat_from_yaw,
    quat_multiply,
    quat_to_rotation_vector,
)
from nestmotion.core.smoothing import smooth_step
from nestmotion.features.place import Place

__all__ = ["close", "in_place", "with_neighbours"]

# Over this time what is left of the seam is shared out, to both sides.
CLOSE_S = 0.5


def in_place(motion: Motion, frame: int = 0) -> Motion:
    """The motion as on a treadmill from a frame on: the root stays over its place there, feet slide
    under it."""
    root = motion.root_m.copy()
    root[frame:, [0, 2]] = root[frame, [0, 2]]
    return replace(motion, root_m=root)


def with_neighbours(motion: Motion) -> Motion:
    """Three laps of a loop as one motion, the middle one where it is: each goes on where the one before
    ends, at the mean of its last and its first speed."""
    lap = _lap(motion)
    before, after = (
        move(motion, place.yaw_rad, (place.x_m, 0.0, place.z_m)) for place in (lap.inverse(), lap)
    )
    return concatenate([before, motion, after], align=False)


def close(motion: Motion) -> Motion:
    """The motion with rotations and heights that go on from the last frame to the first.

    The last frame with the mean of the last and the first step should be the first frame; half of what
    is missing is added before the seam and half taken off after it, fading out over CLOSE_S.
    """
    fade = smooth_step(1 - np.arange(len(motion)) / (CLOSE_S * motion.fps))
    share = (fade[::-1] - fade) / 2
    turn, rise = _missing(motion)
    root = motion.root_m.copy()
    root[:, 1] += share * rise
    quat = _level(motion)
    quat = quat_multiply(quat, quat_from_rotation_vector(share[:, None, None] * turn))
    quat[:, 0] = quat_multiply(quat_from_yaw(motion.heading_rad), quat[:, 0])
    return replace(motion, root_m=root, quat_local_xyzw=quat)


def _level(motion: Motion) -> Float[np.ndarray, "t j 4"]:
    """Local rotations, the root's without its heading."""
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_multiply(quat_from_yaw(-motion.heading_rad), quat[:, 0])
    return quat


def _missing(motion: Motion) -> tuple[Float[np.ndarray, "j 3"], float]:
    """Rotation vectors and height by which the first frame is ahead of where the last one leads."""
    quat, height = _level(motion), motion.root_m[:, 1]

    def step(a: int, b: int) -> Float[np.ndarray, "j 3"]:
        return quat_to_rotation_vector(quat_multiply(quat_conjugate(quat[a]), quat[b]))

    mean = (step(-2, -1) + step(0, 1)) / 2
    leads = quat_multiply(quat[-1], quat_from_rotation_vector(mean))
    turn = quat_to_rotation_vector(quat_multiply(quat_conjugate(leads), quat[0]))
    rise = height[0] - height[-1] - (height[-1] - height[-2] + height[1] - height[0]) / 2
    return turn, float(rise)


def _lap(motion: Motion) -> Place:
    """From the beginning of one lap to that of the next."""
    return Place.at(closed(motion), len(motion)) @ Place.at(motion, 0).inverse()
