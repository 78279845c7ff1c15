"""What is left between a scene's wishes and a motion."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.core.rotations import quat_apply, quat_from_yaw
from nestmotion.generate.path import path_frames
from nestmotion.generate.scene import Keyframe, Remaining, Scene, Target

__all__ = ["remaining", "seam_m"]

KEYFRAME_M, TARGET_M, PATH_M, HEADING_DEG, SEAM_M = 0.02, 0.02, 0.03, 5.0, 0.03


def remaining(motion: Motion, scene: Scene) -> tuple[Remaining, ...]:
    """The error of every wish of a complete scene (`complete_scene`) in a motion of it; wishes as they
    stand in the scene, also where nobody could meet them."""
    found = [_keyframe(motion, keyframe) for keyframe in scene.keyframes]
    found += [_target(motion, target) for target in scene.targets]
    if scene.path is not None:
        place, heading = path_frames(scene.path, len(motion), motion.fps)
        off = np.linalg.norm(motion.root_m[:, [0, 2]] - place, axis=1)
        found.append(_of("path", "path", off[np.isfinite(off)], PATH_M))
        turn = np.degrees(np.abs((motion.heading_rad - heading + np.pi) % (2 * np.pi) - np.pi))
        if np.isfinite(turn).any():
            found.append(_of("heading", "heading along the path", turn[np.isfinite(turn)], HEADING_DEG))
    if scene.in_place:
        off = np.linalg.norm((motion.root_m - motion.root_m[0])[:, [0, 2]], axis=1)
        found.append(_of("path", "staying in place", off, PATH_M))
    if scene.loop:
        found.append(_of("loop", "seam of the loop", seam_m(motion), SEAM_M))
    return tuple(found)


def _of(kind: str, name: str, errors: Float[np.ndarray, "n"], limit: float) -> Remaining:
    return Remaining(kind, name, float(errors.mean()), float(errors.max()), limit)


def _frame(motion: Motion, time_s: float) -> int:
    return min(round(time_s * motion.fps), len(motion) - 1)


def _keyframe(motion: Motion, keyframe: Keyframe) -> Remaining:
    frame = _frame(motion, keyframe.time_s)
    made, wanted = motion.frames(frame, frame + 1), keyframe.pose
    if not keyframe.placed:
        made, wanted = canonicalize(made), canonicalize(wanted)
    joints = [wanted.skeleton.index(name) for name in keyframe.joints] or slice(None)
    off = np.linalg.norm(made.positions_m[0, joints] - wanted.positions_m[0, joints], axis=-1)
    return _of("keyframe", f"keyframe at {keyframe.time_s:g} s", off, KEYFRAME_M)


def _target(motion: Motion, target: Target) -> Remaining:
    last = target.time_s if target.end_s is None else target.end_s
    there = motion.joint_m(target.joint)[_frame(motion, target.time_s) : _frame(motion, last) + 1]
    off = np.linalg.norm(there - np.array(target.position_m), axis=-1)
    return _of("target", f"{target.joint} at {target.time_s:g} s", off, TARGET_M)


def seam_m(motion: Motion) -> Float[np.ndarray, "j"]:
    """How far each joint's step from the last frame to the first differs from the mean of the steps
    before and after; in the heading frame, so that a loop may move on and turn."""
    turn = quat_from_yaw(-motion.heading_rad)[:, None]
    local = quat_apply(turn, motion.positions_m - (motion.root_m * (1, 0, 1))[:, None])
    before, across, after = local[-1] - local[-2], local[0] - local[-1], local[1] - local[0]
    return np.linalg.norm(across - (before + after) / 2, axis=-1)
