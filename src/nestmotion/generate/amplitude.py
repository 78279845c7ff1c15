"""Movements as large as real ones.

A network that expects the mean of what may come moves less than people do, at every time scale and by
about the same factor (docs/adr/0022). So how far joints turn from where they are on the mean of about a
second is turned up, as one turns up a band of an equaliser (Bruderlin and Williams, "Motion Signal
Processing", SIGGRAPH 1995).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.rotations import (
    quat_conjugate,
    quat_from_rotation_vector,
    quat_multiply,
    quat_to_rotation_vector,
    unroll_signs,
)
from nestmotion.core.smoothing import gaussian_smooth
from nestmotion.features.parts import PARTS

__all__ = ["Amplitude", "amplified", "slow_turns"]

# Standard deviation of the Gaussian that makes the slow mean.
SLOW_S = 0.5


@dataclass(frozen=True)
class Amplitude:
    """How many times as far as the network says hips, knees and ankles turn, and all joints above the
    pelvis. The pelvis itself, which places the body in the world, moves as it says."""

    legs: float = 1.0
    upper: float = 1.0


def amplified(
    motion: Motion, amplitude: Amplitude, share: Float[np.ndarray, "t"] | None = None
) -> Motion:
    """The motion with turns about their slow mean, as rotation vectors, made so many times as large.

    share: of that, 0 to 1, frame by frame; all of it when None. An amplitude of 1 changes nothing.
    """
    gain = np.ones(len(motion.skeleton))
    for part, joints in PARTS.items():
        rows = [motion.skeleton.index(name) for name in joints if name != "pelvis"]
        gain[rows] = amplitude.legs if part == "legs" else amplitude.upper
    if (gain == 1.0).all():
        return motion
    slow, turn = slow_turns(motion, SLOW_S)
    more = np.ones(len(motion)) if share is None else share
    factor = 1.0 + more[:, None, None] * (gain[:, None] - 1.0)
    return replace(
        motion, quat_local_xyzw=quat_multiply(slow, quat_from_rotation_vector(factor * turn))
    )


def slow_turns(
    motion: Motion, slow_s: float
) -> tuple[Float[np.ndarray, "t j 4"], Float[np.ndarray, "t j 3"]]:
    """Local rotations on the mean of a Gaussian of `slow_s` seconds (xyzw), and the rotation
    vectors, in radians, from there to where the joints are."""
    quat = unroll_signs(motion.quat_local_xyzw)
    slow = gaussian_smooth(quat, slow_s * motion.fps)
    slow /= np.linalg.norm(slow, axis=-1, keepdims=True)
    return slow, quat_to_rotation_vector(quat_multiply(quat_conjugate(slow), quat))
