"""Whole-motion operations: mirror, reverse, resample, turn and move, ground, concatenate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nestmotion.core.errors import SettingsError
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import quat_apply, quat_from_yaw, quat_multiply, quat_slerp
from nestmotion.core.skeleton import Skeleton

__all__ = [
    "canonicalize",
    "closed",
    "concatenate",
    "ground_height_m",
    "mirror",
    "move",
    "place_on_ground",
    "resample",
    "reverse",
]

GROUND_PERCENTILE = 5.0

# Nobody films people faster; a slip of the keyboard must not fill the memory.
MOST_FPS = 1000


def mirror(motion: Motion) -> Motion:
    """Reflect in the plane x = 0 and swap left and right joints, so that a wave of the left hand
    becomes a wave of the right hand and walking forward stays walking forward.

    A reflection keeps the x component of a rotation axis and flips the other two. Bone offsets must
    be symmetric, as the canonical skeleton's are; SettingsError otherwise.
    """
    sk = motion.skeleton
    swap = list(sk.mirror_indices)
    if not np.allclose(sk.offsets_m[swap] * (-1, 1, 1), sk.offsets_m, atol=1e-4):
        raise SettingsError("only a left-right symmetric skeleton can be mirrored")
    return replace(
        motion,
        root_m=motion.root_m * (-1, 1, 1),
        quat_local_xyzw=motion.quat_local_xyzw[:, swap] * (1, -1, -1, 1),
    )


def resample(motion: Motion, fps: float) -> Motion:
    """The same movement at another frame rate: slerp for rotations, linear for the root.

    First and last frame are sampled at their own times; the new last frame is the last that falls
    within the original. Of a loop also what is between the last frame and the first is sampled.
    """
    if not 0 < fps <= MOST_FPS:
        raise SettingsError(f"frames a second must be above 0 and at most {MOST_FPS}, not {fps:g}")
    if fps == motion.fps:
        return motion
    if motion.is_loop:
        lap = resample(closed(motion), fps)
        ends = len(lap) > 1 and (len(lap) - 1) / fps > motion.duration_s - 1e-6
        return (lap.frames(0, len(lap) - 1) if ends else lap).with_metadata(loop=True)
    last = len(motion) - 1
    count = int(np.floor(last / motion.fps * fps + 1e-6)) + 1
    at = np.minimum(np.arange(count) * (motion.fps / fps), last)
    low = np.minimum(at.astype(int), max(last - 1, 0))
    high, part = np.minimum(low + 1, last), at - low
    q = motion.quat_local_xyzw
    return replace(
        motion,
        fps=fps,
        root_m=motion.root_m[low] + (motion.root_m[high] - motion.root_m[low]) * part[:, None],
        quat_local_xyzw=quat_slerp(q[low], q[high], part[:, None]),
    )


def reverse(motion: Motion) -> Motion:
    """The movement backwards in time."""
    return replace(
        motion, root_m=motion.root_m[::-1].copy(), quat_local_xyzw=motion.quat_local_xyzw[::-1].copy()
    )


def move(motion: Motion, yaw_rad: float, shift_m: Sequence[float]) -> Motion:
    """Turn the whole motion about the world's vertical through the origin, then shift it."""
    turn = quat_from_yaw(np.asarray(float(yaw_rad)))
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_multiply(turn, quat[:, 0])
    root = quat_apply(turn, motion.root_m) + np.asarray(shift_m, dtype=float)
    return replace(motion, root_m=root, quat_local_xyzw=quat)


def closed(motion: Motion) -> Motion:
    """A loop and once more its first frame, on the place where the mean of the last and the first step
    leads: a frame longer, so that players who interpolate have a way back to the beginning."""
    turn, step = np.zeros(1), np.zeros((1, 3))
    if len(motion) > 1:
        yaw, root = motion.heading_rad[[0, 1, -2, -1]], motion.root_m[[0, 1, -2, -1]]
        steps = quat_apply(quat_from_yaw(-yaw[[0, 2]]), root[[1, 3]] - root[[0, 2]])
        turn, step = (yaw[[1, 3]] - yaw[[0, 2]]).mean(keepdims=True), steps.mean(0, keepdims=True)
    heading = motion.heading_rad[-1]
    x, _, z = motion.root_m[-1] + quat_apply(quat_from_yaw(heading[None]), step)[0]
    first = move(canonicalize(motion.frames(0, 1)), heading + turn[0], (x, 0.0, z))
    return concatenate([motion, first], align=False).without_metadata("loop")


def canonicalize(motion: Motion) -> Motion:
    """Turn and shift so that frame 0 stands over the origin with heading 0; heights are kept."""
    turned = move(motion, -motion.heading_rad[0], (0, 0, 0))
    x, _, z = turned.root_m[0]
    return move(turned, 0.0, (-x, 0.0, -z))


def ground_height_m(motion: Motion) -> float:
    """Height of the floor: a low percentile over frames of the lowest joint's height.

    A percentile and not the minimum, so that a frame of noise does not lift the whole motion.
    """
    return float(np.percentile(motion.positions_m[..., 1].min(axis=1), GROUND_PERCENTILE))


def place_on_ground(motion: Motion, clearance_m: float = 0.0) -> Motion:
    """Shift vertically so that the lowest joints rest `clearance_m` above y = 0."""
    return move(motion, 0.0, (0.0, clearance_m - ground_height_m(motion), 0.0))


def _same_skeleton(motions: Sequence[Motion]) -> Skeleton:
    if not motions:
        raise SettingsError("nothing to concatenate")
    if any(m.skeleton != motions[0].skeleton for m in motions):
        raise SettingsError("motions to concatenate must share one skeleton")
    if any(m.fps != motions[0].fps for m in motions):
        raise SettingsError("motions to concatenate must share one frame rate; resample first")
    return motions[0].skeleton


def concatenate(motions: Sequence[Motion], align: bool = True) -> Motion:
    """One motion after another. With `align`, each is turned and moved on the floor so that it starts
    where and facing as the one before ends; heights are kept."""
    skeleton = _same_skeleton(motions)
    parts = [motions[0]]
    for motion in motions[1:]:
        if align:
            end = parts[-1]
            start = canonicalize(motion)
            x, _, z = end.root_m[-1]
            motion = move(start, end.heading_rad[-1], (x, 0.0, z))
        parts.append(motion)
    return Motion(
        skeleton,
        motions[0].fps,
        np.concatenate([m.root_m for m in parts]),
        np.concatenate([m.quat_local_xyzw for m in parts]),
        motions[0].metadata,
    )
