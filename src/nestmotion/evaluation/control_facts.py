"""What is measured of controlled motion: how far it is from what was asked, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize, ground_height_m
from nestmotion.core.rotations import quat_apply, quat_from_yaw
from nestmotion.evaluation import measures
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3
from nestmotion.evaluation.motion_inputs import FPS

__all__ = [
    "TRANSITION_S",
    "drift_in_place_cm",
    "heading_error_deg",
    "joint_error_cm",
    "outside_change_cm",
    "path_error_cm",
    "posture",
    "quality",
    "seam",
    "transition",
]

# Length of a transition about the moment at which one text ends and the next begins (FlowMDM: Barquero
# et al., CVPR 2024).
TRANSITION_S = 1.5


def joint_error_cm(
    motion: Motion, reference: Motion, frames: Sequence[int], joints: Sequence[int] | None = None
) -> float:
    """Mean over frames and joints (None for all) of the distance of joints in the world."""
    rows = slice(None) if joints is None else list(joints)
    made, wanted = (m.positions_m[list(frames)][:, rows] for m in (motion, reference))
    return float(np.linalg.norm(made - wanted, axis=-1).mean() * 100)


def path_error_cm(motion: Motion, reference: Motion) -> float:
    """Mean over all frames of the distance of the roots over the floor."""
    off = (motion.root_m - reference.root_m)[:, [0, 2]]
    return float(np.linalg.norm(off, axis=1).mean() * 100)


def heading_error_deg(motion: Motion, reference: Motion) -> float:
    """Mean over all frames of the angle between the headings."""
    off = motion.heading_rad - reference.heading_rad
    return float(np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi).mean()))


def quality(
    motion: Motion, limit_m_s: Float[np.ndarray, "j"], reference: Motion | None = None
) -> dict[str, float]:
    """Smoothness, feet and jumps of a motion at 20 fps, and drift and smoothness against a reference.
    limit_m_s: the speed of each joint above which a step is a jump."""
    found = {
        "mean_jerk": mean_jerk_m_s3(motion),
        "peak_jerk": measures.peak_jerk_m_s3(motion.positions_m, FPS),
        "foot_slide": foot_slide_mm(motion),
        "skating_ratio": measures.skating_ratio(motion.positions_m),
        "jump_rate": measures.jump_rate(motion.positions_m, FPS, limit_m_s),
    }
    if reference is not None:
        paths = [canonicalize(m).root_m[:, [0, 2]] for m in (motion, reference)]
        found["drift"] = measures.drift_cm(*paths)
        found["smoothness_error"] = measures.smoothness_error_m_s3(
            motion.positions_m, reference.positions_m, FPS
        )
    return found


def transition(motion: Motion, frame: int, usual_m_s3: float) -> dict[str, float]:
    """Peak jerk and area under jerk of the TRANSITION_S about a frame. usual_m_s3: mean over frames of
    real motion of its largest joint's jerk."""
    half = round(TRANSITION_S * FPS / 2)
    around = motion.positions_m[max(frame - half, 0) : frame + half]
    return {
        "peak_jerk": measures.peak_jerk_m_s3(around, FPS),
        "area_under_jerk": measures.area_under_jerk_m_s2(around, FPS, usual_m_s3),
    }


def seam(motion: Motion) -> dict[str, float]:
    """How a loop's last frame goes over into its first, in cm, mean over joints, seen from the root's
    place and heading.

    seam_pose: from where the last step would lead to the first pose. seam_velocity: between the steps
    before and after the seam. typical_step: mean length of a step.
    """
    turn = quat_from_yaw(-motion.heading_rad)[:, None]
    local = quat_apply(turn, motion.positions_m - (motion.root_m * (1, 0, 1))[:, None])
    step = np.diff(local, axis=0)

    def mean_cm(offset: np.ndarray) -> float:
        return float(np.linalg.norm(offset, axis=-1).mean() * 100)

    return {
        "seam_pose": mean_cm(local[0] - (local[-1] + step[-1])),
        "seam_velocity": mean_cm(step[0] - step[-1]),
        "typical_step": mean_cm(step),
    }


def drift_in_place_cm(motion: Motion) -> float:
    """Largest distance of the root over the floor from where it began."""
    return float(np.linalg.norm((motion.root_m - motion.root_m[0])[:, [0, 2]], axis=1).max() * 100)


def posture(motion: Motion) -> dict[str, float]:
    """What may drift slowly over minutes: root_height and floor (lowest joint's height), cm; tilt,
    the mean angle in degrees of the line from pelvis to neck with the vertical; pace, m/s."""
    trunk = motion.joint_m("neck") - motion.joint_m("pelvis")
    upright = trunk[:, 1] / np.linalg.norm(trunk, axis=1)
    step = np.linalg.norm(np.diff(motion.root_m[:, [0, 2]], axis=0), axis=1)
    return {
        "root_height": float(motion.root_m[:, 1].mean() * 100),
        "floor": ground_height_m(motion) * 100,
        "tilt": float(np.degrees(np.arccos(np.clip(upright, -1, 1))).mean()),
        "pace": float(step.mean() * motion.fps),
    }


def outside_change_cm(before: Motion, after: Motion, first: int, past: int) -> dict[str, float | None]:
    """Mean distance of joints outside the frames first to past (excluded), of equally long clips.

    outside: with what follows the stretch seen from the place and heading of its own first frame, for
    an edit carries it along. outside_world: in the world. None when there is no frame outside.
    """
    total = len(before)
    if past - first >= total:
        return {"outside": None, "outside_world": None}
    world = np.linalg.norm(before.positions_m - after.positions_m, axis=-1).mean(axis=1) * 100
    own = world.copy()
    if past < total:
        ends = [canonicalize(m.frames(past, total)).positions_m for m in (before, after)]
        own[past:] = np.linalg.norm(ends[0] - ends[1], axis=-1).mean(axis=1) * 100
    outside = np.ones(total, dtype=bool)
    outside[first:past] = False
    return {"outside": float(own[outside].mean()), "outside_world": float(world[outside].mean())}
