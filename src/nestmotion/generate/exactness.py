"""The exactness pass: a sampled motion is brought to what was asked for, smoothly and on its feet.

Sampling comes near to wishes; this pass meets them. Every correction is worked out at the frames that
have a wish and reaches the others along the smallest smooth curve (core/banded.py), so that the motion
between keeps its character.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.core.banded import smooth_correction
from nestmotion.core.fitting import LIMBS
from nestmotion.core.pose_ik import ITERATIONS, solve_poses
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_rotation_vector,
    quat_from_yaw,
    quat_multiply,
    quat_to_rotation_vector,
)
from nestmotion.core.smoothing import gaussian_smooth
from nestmotion.features import foot_contacts
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.features.parts import PARTS
from nestmotion.generate.plan import Plan, Points

__all__ = ["held_feet", "meet", "pointed", "with_kept"]

# A place that must be met outweighs all else.
FIRM = 1e8

# Over which time corrections fade out beside their frame: the root's, a pose's, a limb's.
ROOT_S, POSE_S, LIMB_S = 0.5, 0.3, 0.25

# A limb that has far to go takes longer.
LIMB_M_S = 1.0

# Along a path only what is slower than a step is corrected, so that the root's sway stays: with this
# weight and fading over PATH_S, changes of 0.7 Hz are halved.
PATH, PATH_S = 400.0, 1.0

# A target is never taken to be farther from shoulder or hip than the limb is long and so much more,
# about what leaning and a step bring.
LEAN_M = 0.6

# What a standing foot weighs against the joint that is brought to its place, and over which time
# (standard deviation) it comes to stand.
FOOT, CONTACT_S = 0.3, 0.2


def meet(motion: Motion, plan: Plan) -> Motion:
    """The motion of a plan brought to its wishes: place and heading of the root, then whole poses, then
    single joints by inverse kinematics."""
    motion = _turned(motion, plan)
    motion = _shifted(motion, plan)
    motion = _posed(motion, plan)
    return pointed(motion, plan)


def _points_m(points: Points, motion: Motion) -> Float[np.ndarray, "k 3"]:
    """Where the points are in the world, the relative ones by the motion's root."""
    root, yaw = motion.root_m[points.frame], motion.heading_rad[points.frame]
    turned = quat_apply(quat_from_yaw(yaw), points.position_m) + root * (1, 0, 1)
    return np.where(points.relative[:, None], turned, points.position_m)


def _spread(
    wanted: Float[np.ndarray, "t c"], weight: Float[np.ndarray, "t"], blend_frames: float
) -> Float[np.ndarray, "t c"]:
    """`wanted` where there is weight, fading out elsewhere."""
    return smooth_correction((np.repeat(weight[:, None], wanted.shape[1], 1), wanted), blend_frames)


def _whole(plan: Plan) -> Bool[np.ndarray, "t"]:
    """Frames whose pose is given as a whole."""
    whole = np.zeros(plan.frames, dtype=bool)
    whole[list(plan.poses)] = True
    for first, kept in plan.kept:
        if not kept.parts:
            whole[first : first + len(kept.motion)] = True
    return whole


def _root_weight(plan: Plan, given: Bool[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    """Firm at poses and kept stretches, soft along a path."""
    firm = _whole(plan)
    for first, kept in plan.kept:
        if "legs" in kept.parts:
            firm[first : first + len(kept.motion)] = True
    return np.where(given, np.where(firm, FIRM, PATH), 0.0)


def _blend(weight: Float[np.ndarray, "t"], fps: float) -> float:
    return (PATH_S if (weight == PATH).any() else ROOT_S) * fps


def _turned(motion: Motion, plan: Plan) -> Motion:
    """Every frame turned about its own vertical to the heading that it should have."""
    given = np.isfinite(plan.heading)
    off = np.nan_to_num(plan.heading) - motion.heading_rad
    off = np.where(given, (off + np.pi) % (2 * np.pi) - np.pi, 0.0)
    weight = _root_weight(plan, given)
    yaw = _spread(off[:, None], weight, _blend(weight, motion.fps))[:, 0]
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_multiply(quat_from_yaw(yaw), quat[:, 0])
    return replace(motion, quat_local_xyzw=quat)


def _shifted(motion: Motion, plan: Plan) -> Motion:
    """The root moved over the floor to where it should be."""
    given = np.isfinite(plan.place).all(axis=1)
    off = np.where(given[:, None], np.nan_to_num(plan.place) - motion.root_m[:, [0, 2]], 0.0)
    weight = _root_weight(plan, given)
    root = motion.root_m.copy()
    root[:, [0, 2]] += _spread(off, weight, _blend(weight, motion.fps))
    return replace(motion, root_m=root)


def _posed(motion: Motion, plan: Plan) -> Motion:
    """Heights and rotations brought to whole poses and kept stretches. The heading stays."""
    weight, quat = np.zeros(plan.frames), motion.quat_local_xyzw.copy()
    height = motion.root_m[:, 1].copy()
    stretches = [(first, kept.motion) for first, kept in plan.kept if not kept.parts]
    for first, pose in [*stretches, *((t, k.pose) for t, k in plan.poses.items())]:
        there = slice(first, min(first + len(pose), plan.frames))
        count = there.stop - first
        face = quat_from_yaw(motion.heading_rad[there] - pose.heading_rad[:count])
        quat[there] = pose.quat_local_xyzw[:count]
        quat[there, 0] = quat_multiply(face, quat[there, 0])
        height[there] = pose.root_m[:count, 1]
        weight[there] = FIRM
    return _changed(motion, quat, height - motion.root_m[:, 1], weight, POSE_S)


def _changed(
    motion: Motion,
    quat: Float[np.ndarray, "t j 4"],
    shift_m: Float[np.ndarray, "t"] | Float[np.ndarray, "t 3"],
    weight: Float[np.ndarray, "t"],
    blend_s: float,
) -> Motion:
    """The motion with the rotations `quat` and the root shifted where there is weight, fading out
    elsewhere. shift_m: of the height alone, or of the place."""
    if not weight.any():
        return motion
    turn = quat_to_rotation_vector(quat_multiply(quat_conjugate(motion.quat_local_xyzw), quat))
    shift = shift_m if shift_m.ndim == 2 else shift_m[:, None] * (0, 1, 0)
    change = np.concatenate((turn.reshape(len(turn), -1), shift), axis=1)
    change = _spread(change, weight, blend_s * motion.fps).reshape(len(turn), -1, 3)
    change = _bounded(change, weight > 0)
    root = motion.root_m + change[:, -1]
    root[:, 1] = _no_higher(root[:, 1], motion.root_m[:, 1], weight > 0)
    return replace(
        motion,
        root_m=root,
        quat_local_xyzw=quat_multiply(
            motion.quat_local_xyzw, quat_from_rotation_vector(change[:, :-1])
        ),
    )


def _no_higher(
    height: Float[np.ndarray, "t"], before: Float[np.ndarray, "t"], firm: Bool[np.ndarray, "t"]
) -> Float[np.ndarray, "t"]:
    """Heights no higher than they were, or than the frames beside them that have a wish: who jumps
    beside a high target would be lifted on top of the jump."""
    frames = np.flatnonzero(firm)
    after = np.searchsorted(frames, np.arange(len(height)))
    beside = height[frames[np.clip(np.stack((after - 1, after)), 0, len(frames) - 1)]].max(axis=0)
    return np.minimum(height, np.maximum(before, beside))


def _bounded(
    change: Float[np.ndarray, "t k 3"], firm: Bool[np.ndarray, "t"]
) -> Float[np.ndarray, "t k 3"]:
    """Changes that are nowhere larger than at the frames beside them that have a wish: a curve that
    ends steeply would swing on."""
    frames = np.flatnonzero(firm)
    after = np.searchsorted(frames, np.arange(len(change)))
    beside = frames[np.clip(np.stack((after - 1, after)), 0, len(frames) - 1)]
    length = np.linalg.norm(change, axis=-1)
    most = length[beside].max(axis=0)
    return change * np.minimum(1.0, most / np.maximum(length, 1e-12))[..., None]


def pointed(motion: Motion, plan: Plan, iterations: int = ITERATIONS) -> Motion:
    """Single joints brought to their places by inverse kinematics, standing feet staying theirs.
    iterations: as for `solve_poses`."""
    points = plan.points
    if not len(points):
        return motion
    frames = np.unique(points.frame)
    row = np.searchsorted(frames, points.frame)
    target = motion.positions_m[frames].copy()
    weight = np.zeros(target.shape[:2])
    feet = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    # Contacts come and go; poses solved frame by frame must not jump with them.
    contact = gaussian_smooth(foot_contacts(motion).astype(float), CONTACT_S * motion.fps)
    weight[:, feet] = FOOT * contact[frames]
    for joints in (feet[:2], feet[2:]):  # a foot that has a target is free to go there
        sent = row[np.isin(points.joint, joints)]
        weight[sent[:, None], joints] = 0.0
    target[row, points.joint] = _approached(_points_m(points, motion), points, motion)
    weight[row, points.joint] = 1.0
    pose = motion.root_m[frames], motion.quat_local_xyzw[frames]
    root, quat = solve_poses(motion.skeleton, *pose, target, weight, iterations)
    given, wanted = FIRM * _whole(plan), motion.quat_local_xyzw.copy()
    shift = np.zeros((len(motion), 3))
    given[frames], wanted[frames], shift[frames] = FIRM, quat, root - motion.root_m[frames]
    far = np.linalg.norm(target - motion.positions_m[frames], axis=-1)[weight == 1.0].max()
    return _changed(motion, wanted, shift, given, max(LIMB_S, float(far) / LIMB_M_S))


def _approached(
    target: Float[np.ndarray, "k 3"], points: Points, motion: Motion
) -> Float[np.ndarray, "k 3"]:
    """Targets of hands and feet no farther from shoulder and hip than limb and trunk can go, those of
    other joints no farther from where they are than a lean: a body pulled at from afar would fold up
    instead of stretching, and fly."""
    skeleton, target = motion.skeleton, target.copy()
    ends = [skeleton.index(end) for _, _, end, _ in LIMBS]
    other = np.flatnonzero(~np.isin(points.joint, ends))
    here = motion.positions_m[points.frame[other], points.joint[other]]
    away = target[other] - here
    length = np.linalg.norm(away, axis=1, keepdims=True)
    target[other] = here + away * np.minimum(1.0, LEAN_M / np.maximum(length, 1e-9))
    for upper, middle, end, _ in LIMBS:
        k = np.flatnonzero(points.joint == skeleton.index(end))
        limb = sum(np.linalg.norm(skeleton.offsets_m[skeleton.index(name)]) for name in (middle, end))
        start = motion.positions_m[points.frame[k], skeleton.index(upper)]
        away = target[k] - start
        length = np.linalg.norm(away, axis=1, keepdims=True)
        target[k] = start + away * np.minimum(1.0, (limb + LEAN_M) / np.maximum(length, 1e-9))
    return target


def held_feet(plan: Plan, motion: Motion) -> Bool[np.ndarray, "t 2"] | None:
    """Frames at which a foot's place was given; None when that is nowhere."""
    held = np.zeros((plan.frames, 2), dtype=bool)
    held[list(plan.poses)] = True
    for first, kept in plan.kept:
        if not kept.parts or "legs" in kept.parts:
            held[first : first + len(kept.motion)] = True
    feet = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    for side, joints in enumerate((feet[:2], feet[2:])):
        held[plan.points.frame[np.isin(plan.points.joint, joints)], side] = True
    return held if held.any() else None


def with_kept(motion: Motion, plan: Plan) -> Motion:
    """What was to be kept, to the last bit."""
    if not plan.kept:
        return motion
    root, quat = motion.root_m.copy(), motion.quat_local_xyzw.copy()
    for first, kept in plan.kept:
        there = slice(first, min(first + len(kept.motion), plan.frames))
        count = there.stop - first
        parts = kept.parts or tuple(PARTS)
        joints = [motion.skeleton.index(name) for part in parts for name in PARTS[part]]
        quat[there, joints] = kept.motion.quat_local_xyzw[:count, joints]
        if "legs" in parts:
            root[there] = kept.motion.root_m[:count]
    return replace(motion, root_m=root, quat_local_xyzw=quat)
