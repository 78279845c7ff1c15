"""Facts of one motion, each a number with a unit; they need no reference and no embedding.

Signs: left is positive, and so is counterclockwise as seen from above, which is the same way round:
with Y up and heading 0 along +Z, a growing heading turns towards +X, the person's left.
"""

from __future__ import annotations

import numpy as np

from nestmotion.core import Motion
from nestmotion.features import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = [
    "airborne_m",
    "arms_raised_m",
    "foot_lead_m",
    "foot_slide_mm",
    "forward_m",
    "hand_lead_m",
    "leftward_m",
    "mean_jerk_m_s3",
    "root_drop_m",
    "top_speed_m_s",
    "travelled_m",
    "turned_rad",
]


def forward_m(motion: Motion) -> float:
    """Distance the root goes along its own heading, in metres: each step over the floor projected on
    the heading of its frame, summed; negative for walking backwards."""
    step = np.diff(motion.root_m[:, [0, 2]], axis=0)
    yaw = motion.heading_rad[:-1]
    return float((step * np.stack((np.sin(yaw), np.cos(yaw)), axis=1)).sum())


def leftward_m(motion: Motion) -> float:
    """Distance the root goes to its own left, in metres, as `forward_m` counts the way ahead."""
    step = np.diff(motion.root_m[:, [0, 2]], axis=0)
    yaw = motion.heading_rad[:-1]
    return float((step * np.stack((np.cos(yaw), -np.sin(yaw)), axis=1)).sum())


def turned_rad(motion: Motion) -> float:
    """Heading of the last frame less that of the first, whole turns counted; positive to the left."""
    return float(motion.heading_rad[-1] - motion.heading_rad[0])


def top_speed_m_s(motion: Motion) -> float:
    """Greatest length of the root's path over the floor within a second (or the whole motion, when it
    is shorter, as a speed); 0 for a single frame."""
    step = np.linalg.norm(np.diff(motion.root_m[:, [0, 2]], axis=0), axis=1)
    window = min(round(motion.fps), len(step))
    if not window:
        return 0.0
    return float(np.convolve(step, np.full(window, motion.fps / window), mode="valid").max())


def _lead_m(motion: Motion, joint: str) -> float:
    left, right = (motion.joint_m(f"{side}_{joint}")[:, 1].max() for side in ("left", "right"))
    return float(left - right)


def hand_lead_m(motion: Motion) -> float:
    """Highest height of the left wrist less that of the right one, over the whole motion."""
    return _lead_m(motion, "wrist")


def foot_lead_m(motion: Motion) -> float:
    """Highest height of the left ankle less that of the right one, over the whole motion."""
    return _lead_m(motion, "ankle")


def arms_raised_m(motion: Motion) -> float:
    """How far the lower wrist comes above the neck, at the frame where it comes highest."""
    wrists = np.minimum(motion.joint_m("left_wrist")[:, 1], motion.joint_m("right_wrist")[:, 1])
    return float((wrists - motion.joint_m("neck")[:, 1]).max())


def root_drop_m(motion: Motion) -> float:
    """How far the root sinks below a height that it had before: the greatest fall over all frames."""
    height = motion.root_m[:, 1]
    return float((np.maximum.accumulate(height) - height).max())


def airborne_m(motion: Motion) -> float:
    """Height of the lowest foot joint above the floor (y = 0), at the frame where it is highest."""
    joints = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    return float(motion.positions_m[:, joints, 1].min(axis=1).max())


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
