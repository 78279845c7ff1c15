"""Guidance during sampling: the clean motion of every step is changed towards what was asked for.

What the network is told as known it keeps to in its own way. A pull says the same in the columns that
depend on it, so that legs are sampled for the pace they have to go, and the body for what hands and
feet have to reach.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Skeleton
from nestmotion.core.banded import smooth_correction
from nestmotion.core.fitting import LIMBS
from nestmotion.core.rotations import quat_apply, quat_conjugate, quat_from_yaw
from nestmotion.features import FeatureLayout, decode, root_way
from nestmotion.features.place import encode_in_place
from nestmotion.generate.exactness import pointed
from nestmotion.generate.plan import Plan

__all__ = ["make_pull"]

# A limb is sampled to reach its target stretched to this share of its length; other joints are within
# this distance of the root.
STRETCH, NEAR_M = 0.9, 0.25

# The root's way is bent over this time to come within reach.
APPROACH_S = 1.0
FIRM = 1e6

# The change of the root's way is straight between places that it has to go through and level beyond
# them, smooth over EVEN_S beside each. BEND_S is only to be long against a step.
BEND_S, EVEN_S = 4.0, 0.4
THROUGH = 1e10

# Every step of the sampler goes on where the one before left the body.
ITERATIONS = 6

_UP = np.array([0.0, 1.0, 0.0])


def make_pull(
    plan: Plan, skeleton: Skeleton, fps: float
) -> Callable[[Float[np.ndarray, "t f"]], Float[np.ndarray, "t f"]]:
    """The pull of a plan on features (T, F) in its world, not normalised."""
    layout = FeatureLayout.of(skeleton)
    through = bool(plan.poses or plan.kept)
    moving = np.isfinite(plan.place).all(axis=1)
    moving[:-1] &= moving[1:]

    def pull(clean: Float[np.ndarray, "t f"]) -> Float[np.ndarray, "t f"]:
        clean = clean.copy()
        if plan.facing.any():
            _face(clean, plan, layout, fps)
        if through:
            _through(clean, plan, layout, fps)
        if len(plan.points):
            _reach(clean, plan, skeleton, layout, fps)
            _point(clean, plan, skeleton, layout, fps)
        _keep_pace(clean, moving, layout, fps)
        return clean

    return pull


def _yaw(clean: Float[np.ndarray, "t f"], layout: FeatureLayout) -> Float[np.ndarray, "t"]:
    cosine, sine = clean[:, layout["root_heading"]].T
    return np.arctan2(sine, cosine).astype(float)


def _face(clean: Float[np.ndarray, "t f"], plan: Plan, layout: FeatureLayout, fps: float) -> None:
    """Along a path people look where they go."""
    there, yaw = plan.facing, plan.guess[:, 2]
    both = np.stack((np.cos(yaw), np.sin(yaw)), axis=1)
    clean[there, layout["root_heading"]] = both[there]
    clean[there, layout["heading_velocity"]] = (np.gradient(yaw) * fps)[there, None]


def _keep_pace(
    clean: Float[np.ndarray, "t f"], moving: Bool[np.ndarray, "t"], layout: FeatureLayout, fps: float
) -> None:
    """Velocities of the root that go with its path where that is given."""
    velocity = _pace(clean, layout, fps)[moving]
    clean[moving, layout["root_velocity"]] = velocity
    pelvis = layout["joint_velocities"].start
    clean[np.ix_(moving, [pelvis, pelvis + 2])] = velocity


def _pace(
    clean: Float[np.ndarray, "t f"], layout: FeatureLayout, fps: float
) -> Float[np.ndarray, "t 2"]:
    """Velocities of the root over the floor, in the heading frame, that go with its path."""
    path = clean[:, layout["root_path"]].astype(float)
    step = np.diff(path, axis=0, append=2 * path[-1:] - path[-2:-1]) * fps
    world = np.stack((step[:, 0], np.zeros(len(step)), step[:, 1]), axis=1)
    return quat_apply(quat_conjugate(quat_from_yaw(_yaw(clean, layout))), world)[:, [0, 2]]


def _through(clean: Float[np.ndarray, "t f"], plan: Plan, layout: FeatureLayout, fps: float) -> None:
    """The root's way, which is what its places and velocities together say, turned and bent as a whole
    to the headings and places that it has to go through: else it leaps there. All joints go along."""
    yaw, path = root_way(clean, layout, fps)
    off = np.stack((plan.heading - yaw, *(plan.place - path).T), axis=1)
    given = np.isfinite(off)
    faced = given[:, 0]
    off[faced, 0] = np.unwrap((off[faced, 0] + np.pi) % (2 * np.pi) - np.pi)
    level = np.full(off.shape, (BEND_S * fps) ** 4 / (EVEN_S * fps) ** 2)
    places = THROUGH * given, np.where(given, off, 0.0)
    change = smooth_correction(places, BEND_S * fps, [(level, np.zeros(off.shape))])
    yaw, path = yaw + change[:, 0], path + change[:, 1:]
    clean[:, layout["root_path"]] = path
    clean[:, layout["root_heading"]] = np.stack((np.cos(yaw), np.sin(yaw)), axis=1)
    clean[:-1, layout["heading_velocity"]] = np.diff(yaw)[:, None] * fps
    pace = _pace(clean, layout, fps)
    faster = pace - clean[:, layout["root_velocity"]]
    clean[:, layout["root_velocity"]] = pace
    joints = layout["joint_velocities"]
    clean[:, joints.start : joints.stop : 3] += faster[:, :1]
    clean[:, joints.start + 2 : joints.stop : 3] += faster[:, 1:]


def _reach(
    clean: Float[np.ndarray, "t f"], plan: Plan, skeleton: Skeleton, layout: FeatureLayout, fps: float
) -> None:
    """The root moved to where joints can reach their targets."""
    points, rows = plan.points, plan.points.frame
    turn = quat_from_yaw(_yaw(clean, layout)[rows])
    root = np.zeros((len(points), 3))
    root[:, [0, 2]] = clean[rows][:, layout["root_path"]]
    target = quat_apply(quat_conjugate(turn), points.position_m - root)
    target = np.where(points.relative[:, None], points.position_m, target)
    height = clean[rows][:, layout["root_height"]] * _UP
    joints = clean[rows][:, layout["joint_positions"]].reshape(len(points), -1, 3)
    joints = np.concatenate((np.zeros((len(points), 1, 3)), joints), axis=1) + height[:, None]
    short = quat_apply(turn, _out_of_reach(target, joints, points.joint, skeleton))
    short[points.relative] = 0.0
    wanted, weight = np.zeros((len(clean), 2)), np.zeros((len(clean), 2))
    np.add.at(wanted, rows, short[:, [0, 2]])
    np.add.at(weight, rows, 1.0)
    wanted /= np.maximum(weight, 1.0)
    weight = FIRM * np.minimum(weight, 1.0)
    weight[0] = FIRM  # the beginning stays
    shift = smooth_correction((weight, wanted), APPROACH_S * fps)
    shift[np.isfinite(plan.place).all(axis=1)] = 0.0
    clean[:, layout["root_path"]] += shift.astype(np.float32)
    _hasten(clean, shift, layout, fps)


def _point(
    clean: Float[np.ndarray, "t f"], plan: Plan, skeleton: Skeleton, layout: FeatureLayout, fps: float
) -> None:
    """All but the contacts changed as the exactness pass will change the motion."""
    given = np.zeros(clean.shape, dtype=bool)
    given[plan.points.world_frames, layout["root_path"]] = True  # where `_reach` has put the root
    motion = decode(clean, skeleton, fps, given)
    change = encode_in_place(pointed(motion, plan, ITERATIONS)) - encode_in_place(motion)
    change[:, layout["contacts"]] = 0.0
    clean += np.where(plan.known.mask, 0.0, change)


def _hasten(
    clean: Float[np.ndarray, "t f"], shift: Float[np.ndarray, "t 2"], layout: FeatureLayout, fps: float
) -> None:
    """Velocities of the root after its path was shifted."""
    change = np.diff(shift, axis=0, append=shift[-1:]) * fps
    world = np.stack((change[:, 0], np.zeros(len(change)), change[:, 1]), axis=1)
    local = quat_apply(quat_conjugate(quat_from_yaw(_yaw(clean, layout))), world)[:, [0, 2]]
    clean[:, layout["root_velocity"]] += local
    pelvis = layout["joint_velocities"].start
    clean[:, [pelvis, pelvis + 2]] += local


def _out_of_reach(
    target: Float[np.ndarray, "k 3"],
    joints: Float[np.ndarray, "k j 3"],
    joint: np.ndarray,
    skeleton: Skeleton,
) -> Float[np.ndarray, "k 3"]:
    """How far over the floor each target lies beyond the reach of its joint, in the heading frame."""
    result = np.zeros_like(target)
    limbs = {skeleton.index(end): (upper, lower, end) for upper, lower, end, _ in LIMBS}
    for k, j in enumerate(joint):
        if j in limbs:
            upper, lower, end = (skeleton.index(name) for name in limbs[j])
            length = sum(np.linalg.norm(skeleton.offsets_m[i]) for i in (lower, end))
            away, reach = target[k] - joints[k, upper], STRETCH * length
        else:
            away, reach = target[k] - joints[k, j], NEAR_M if j else 0.0
        level = np.hypot(away[0], away[2])
        left = np.sqrt(max(reach**2 - away[1] ** 2, 0.0))
        result[k] = away * (1, 0, 1) * max(1 - left / max(level, 1e-9), 0.0)
    return result
