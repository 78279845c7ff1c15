"""Foot contacts from joint positions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = ["foot_contacts"]

# A standing ankle is about 8 cm above the floor and a toe joint 2 cm; mocap noise and soft floors add
# some centimetres. A swinging foot passes the floor closely but at over 1 m/s.
HEIGHT_LIMIT_M = {"ankle": 0.14, "foot": 0.09}
SPEED_LIMIT_M_S = 0.35


def foot_contacts(motion: Motion) -> Bool[np.ndarray, "t 4"]:
    """Whether each of CONTACT_JOINTS is on the ground (y = 0): low, and slow from frame to frame.

    The speed of a frame is the smaller of the speeds to its neighbours, so that the first and the last
    frame of a stance count.
    """
    joints = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    position: Float[np.ndarray, "t 4 3"] = motion.positions_m[:, joints]
    limit = np.array([HEIGHT_LIMIT_M[name.split("_")[1]] for name in CONTACT_JOINTS])
    low = position[..., 1] < limit
    if len(motion) < 2:
        return low
    speed = np.linalg.norm(np.diff(position, axis=0), axis=-1) * motion.fps
    before = np.concatenate((speed[:1], speed))
    after = np.concatenate((speed, speed[-1:]))
    return low & (np.minimum(before, after) < SPEED_LIMIT_M_S)
