"""Facts of one motion, each a number with a unit; they need no reference and no embedding."""

from __future__ import annotations

import numpy as np

from nestmotion.core import Motion
from nestmotion.features import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = ["foot_slide_mm", "forward_m", "mean_jerk_m_s3", "travelled_m"]


def forward_m(motion: Motion) -> float:
    """Distance the root goes along its own heading, in metres: each step over the floor projected on
    the heading of its frame, summed; negative for walking backwards."""
    step = np.diff(motion.root_m[:, [0, 2]], axis=0)
    yaw = motion.heading_rad[:-1]
    return float((step * np.stack((np.sin(yaw), np.cos(yaw)), axis=1)).sum())


def travelled_m(motion: Motion) -> float:
    """Largest distance over the floor from where the root started, in metres."""
    path = motion.root_m[:, [0, 2]]
    return float(np.linalg.norm(path - path[0], axis=1).max())


def mean_jerk_m_s3(motion: Motion) -> float:
    """Length of the third difference of joint positions times fps^3, mean over joints and frames."""
    jerk = np.diff(motion.positions_m, n=3, axis=0) * motion.fps**3
    return float(np.linalg.norm(jerk, axis=-1).mean()) if len(jerk) else 0.0


def foot_slide_mm(motion: Motion) -> float:
    """How far standing feet slide over the floor, in mm a frame, averaged over the frame steps at both
    ends of which the foot joint is in contact (features/contacts.py); NaN when no foot ever stands."""
    joints = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    contact = foot_contacts(motion)
    stands = contact[1:] & contact[:-1]
    step = np.linalg.norm(np.diff(motion.positions_m[:, joints][..., [0, 2]], axis=0), axis=-1)
    return float(step[stands].mean() * 1000) if stands.any() else float("nan")
