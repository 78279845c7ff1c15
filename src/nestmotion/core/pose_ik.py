"""Inverse kinematics of the whole body: poses whose joints are where they should be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core.fitting import LIMBS
from nestmotion.core.kinematics import forward_kinematics
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_axis_angle,
    quat_from_rotation_vector,
    quat_multiply,
)
from nestmotion.core.skeleton import Skeleton
from nestmotion.core.two_bone_ik import two_bone_ik

__all__ = ["ITERATIONS", "solve_poses"]

# How readily a joint turns to bring another one to its place; knees and elbows only about their hinge.
READINESS = {"spine": 0.1, "neck": 0.2, "head": 0.2, "collar": 0.2, "pelvis": 0.05}
# The same of the root's place, in square metres for a square radian.
ROOT_READINESS = (0.02, 0.02, 0.02)

DAMPING = 1e-4
ITERATIONS = 24
LONGEST_STEP_M = 0.15
MISSED_M = 0.01

# A hinge is closed up to this angle, and never bent backwards.
CLOSED_RAD = np.radians(150.0)


def solve_poses(
    skeleton: Skeleton,
    root_m: Float[np.ndarray, "b 3"],
    quat_local_xyzw: Float[np.ndarray, "b j 4"],
    target_m: Float[np.ndarray, "b j 3"],
    weight: Float[np.ndarray, "b j"],
    iterations: int = ITERATIONS,
) -> tuple[Float[np.ndarray, "b 3"], Float[np.ndarray, "b j 4"]]:
    """Root and local rotations of poses near the given ones whose joints are at `target_m`.

    weight: of each joint's target, 0 for none; where not all can be met, the heavier ones are nearer.
    Damped least squares on the geometric Jacobian (Wampler 1986; Nakamura and Hanafusa 1986), weighted
    so that limbs turn before the trunk and the trunk before the root moves; the root itself does not
    turn. A target out of reach is approached as nearly as the body can be stretched towards it.
    iterations: at most so many; with few, targets that are far away are only approached.
    """
    parents, root = skeleton.parents, root_m.copy()
    quat = quat_local_xyzw.copy()
    ready = np.array([_readiness(name) for name in skeleton.joint_names])
    moves = _moves(skeleton)
    hinges = {
        skeleton.index(middle): (skeleton.index(upper), np.array(axis))
        for upper, middle, _, axis in LIMBS
    }
    limits = {j: _limits(quat[:, j], axis) for j, (_, axis) in hinges.items()}
    for _ in range(iterations):
        position, world = forward_kinematics(parents, skeleton.offsets_m, quat, root)
        gap = (target_m - position) * (weight > 0)[..., None]
        length = np.linalg.norm(gap, axis=-1, keepdims=True)
        if (weight * length[..., 0]).max() < 1e-5:
            break
        gap = gap * np.minimum(1.0, LONGEST_STEP_M / np.maximum(length, 1e-9))
        axes = np.broadcast_to(np.eye(3), (len(quat), len(parents), 3, 3)).copy()
        for j, (upper, axis) in hinges.items():
            axes[:, j] = 0.0
            axes[:, j, 0] = quat_apply(world[:, upper], axis)
        turn, shift = _step(position, axes, gap, weight, ready, moves)
        root = root + shift
        vector = (turn[..., None] * axes).sum(axis=2)
        above = world[:, [max(p, 0) for p in parents]]
        above[:, 0] = (0, 0, 0, 1)
        local = quat_apply(quat_conjugate(above), vector)
        quat = quat_multiply(quat_from_rotation_vector(local), quat)
        for j, (_, axis) in hinges.items():
            quat[:, j] = _clamped(quat[:, j], axis, *limits[j])
    return root, _aimed(skeleton, root, quat, target_m, weight)


def _aimed(
    skeleton: Skeleton,
    root: Float[np.ndarray, "b 3"],
    quat: Float[np.ndarray, "b j 4"],
    target: Float[np.ndarray, "b j 3"],
    weight: Float[np.ndarray, "b j"],
) -> Float[np.ndarray, "b j 4"]:
    """Limbs whose end is still off its target pointed at it in closed form: a straight arm that hangs
    down has no small turn towards what is above it."""
    position, world = forward_kinematics(skeleton.parents, skeleton.offsets_m, quat, root)
    for upper, middle, end, axis in LIMBS:
        a, b, c = (skeleton.index(name) for name in (upper, middle, end))
        off = np.linalg.norm(target[:, c] - position[:, c], axis=-1) > MISSED_M
        k = np.flatnonzero(off & (weight[:, c] > 0))
        hinge = quat_apply(world[k, a], np.array(axis))
        turns = two_bone_ik(position[k, a], position[k, b], position[k, c], target[k, c], hinge)
        above = world[k, skeleton.parents[a]]
        for joint, turn in zip((a, b), turns, strict=True):
            turned = quat_multiply(turn, world[k, joint])
            quat[k, joint] = quat_multiply(quat_conjugate(above), turned)
            above = turned
    return quat


def _readiness(name: str) -> float:
    return next((value for part, value in READINESS.items() if part in name), 1.0)


def _moves(skeleton: Skeleton) -> Bool[np.ndarray, "j j"]:
    """[e, j]: whether turning joint j moves joint e. The root does not turn."""
    result = np.zeros((len(skeleton), len(skeleton)), dtype=bool)
    for e in range(1, len(skeleton)):
        j = skeleton.parents[e]
        while j > 0:
            result[e, j] = True
            j = skeleton.parents[j]
    return result


def _step(
    position: Float[np.ndarray, "b j 3"],
    axes: Float[np.ndarray, "b j 3 3"],
    gap: Float[np.ndarray, "b j 3"],
    weight: Float[np.ndarray, "b j"],
    ready: Float[np.ndarray, "j"],
    moves: Bool[np.ndarray, "j j"],
) -> tuple[Float[np.ndarray, "b j 3"], Float[np.ndarray, "b 3"]]:
    """Turns about the axes (radians) and shift of the root: W J^T (J W J^T + damping)^-1 gap, where
    only the joints with a target anywhere in the batch have rows."""
    ends = np.flatnonzero((weight > 0).any(axis=0))
    arm = position[:, ends, None] - position[:, None]  # (B, E, J, 3)
    turned = np.cross(axes[:, None], arm[:, :, :, None])  # (B, E, J, axis, xyz)
    turned = turned * moves[ends][None, :, :, None, None]
    batch, joints = len(position), position.shape[1]
    spin = turned.transpose(0, 1, 4, 2, 3).reshape(batch, 3 * len(ends), 3 * joints)
    move = np.broadcast_to(np.tile(np.eye(3), (len(ends), 1)), (batch, 3 * len(ends), 3))
    row = np.repeat(weight[:, ends], 3, axis=1)[..., None]
    jacobian = np.concatenate((spin, move), axis=2) * row
    readiness = np.concatenate((np.repeat(ready, 3), ROOT_READINESS))
    eager = jacobian * readiness
    square = eager @ jacobian.transpose(0, 2, 1) + DAMPING * np.eye(3 * len(ends))
    wanted = gap[:, ends].reshape(batch, -1, 1) * row
    change = (eager.transpose(0, 2, 1) @ np.linalg.solve(square, wanted))[..., 0]
    return change[:, : 3 * joints].reshape(batch, joints, 3), change[:, 3 * joints :]


def _bend(quat: Float[np.ndarray, "b 4"], axis: Float[np.ndarray, "3"]) -> Float[np.ndarray, "b"]:
    """Angle of the rotation's part about the axis, from -pi to pi."""
    angle = 2 * np.arctan2(quat[:, :3] @ axis, quat[:, 3])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _limits(
    quat: Float[np.ndarray, "b 4"], axis: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "b"], Float[np.ndarray, "b"]]:
    """Least and greatest angle of a hinge; what it has already is allowed."""
    bend = _bend(quat, axis)
    return np.minimum(bend, 0.0), np.maximum(bend, CLOSED_RAD)


def _clamped(
    quat: Float[np.ndarray, "b 4"],
    axis: Float[np.ndarray, "3"],
    low: Float[np.ndarray, "b"],
    high: Float[np.ndarray, "b"],
) -> Float[np.ndarray, "b 4"]:
    bend = _bend(quat, axis)
    return quat_multiply(quat, quat_from_axis_angle(axis, np.clip(bend, low, high) - bend))
