"""Motions with known answers: the rest pose along a path, and single joints turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import place_on_ground
from nestmotion.core.rotations import quat_from_axis_angle, quat_from_yaw

__all__ = ["FPS", "SEAT", "SITS", "bent", "down_and_up", "folded", "glide"]

FPS = 20


def glide(
    ahead_m_s: float = 0.0, left_m_s: float = 0.0, turn_rad_s: float = 0.0, frames: int = 100
) -> Motion:
    """In the rest pose along a path, at constant speeds in the person's own frame."""
    yaw = turn_rad_s * np.arange(frames) / FPS
    step = np.stack(
        (
            left_m_s * np.cos(yaw) + ahead_m_s * np.sin(yaw),
            ahead_m_s * np.cos(yaw) - left_m_s * np.sin(yaw),
        )
    )
    root = np.zeros((frames, 3))
    root[1:, [0, 2]] = np.cumsum(step.T[:-1] / FPS, axis=0)
    quat = np.zeros((frames, 22, 4))
    quat[..., 3] = 1
    quat[:, 0] = quat_from_yaw(yaw)
    return place_on_ground(Motion(canonical_skeleton(), FPS, root, quat))


def bent(motion: Motion, joint: str, axis: Sequence[float], angle_rad: float, frames: slice) -> Motion:
    """With one joint turned during some frames."""
    quat = motion.quat_local_xyzw.copy()
    quat[frames, motion.skeleton.index(joint)] = quat_from_axis_angle(
        np.asarray(axis, dtype=float), np.asarray(angle_rad)
    )
    return replace(motion, quat_local_xyzw=quat)


SEAT = {"left_hip": -1.5, "right_hip": -1.5, "left_knee": 1.5, "right_knee": 1.5}


def folded(turns, height_m, share):
    """The standing body with joints turned about its left-right axis by a share of the angles, frame by
    frame, and the pelvis so much of the way down to a height."""
    motion = glide(frames=len(share))
    quat, root = motion.quat_local_xyzw.copy(), motion.root_m.copy()
    for name, angle in turns.items():
        quat[:, motion.skeleton.index(name)] = quat_from_axis_angle(
            np.array([1.0, 0.0, 0.0]), angle * np.asarray(share)
        )
    root[:, 1] += share * (height_m - root[:, 1])
    return replace(motion, root_m=root, quat_local_xyzw=quat)


def down_and_up(before, down, held, up, after):
    """Shares from 0 to 1 and back, for so many frames each."""
    return np.concatenate(
        (
            np.zeros(before),
            np.linspace(0, 1, down),
            np.ones(held),
            np.linspace(1, 0, up),
            np.zeros(after),
        )
    )


SITS = folded(SEAT, 0.45, down_and_up(30, 20, 40, 20, 30))
