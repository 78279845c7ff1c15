"""Motion of any humanoid skeleton onto the canonical one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from nestmotion.core.fitting import (
    LIMBS,
    anchored_root,
    fit_rotations,
    fit_world,
    nearest_rotation,
)
from nestmotion.core.hinges import swing
from nestmotion.core.joint_names import match_joints
from nestmotion.core.kinematics import local_from_world
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import quat_conjugate, quat_from_matrix, quat_multiply, quat_to_matrix
from nestmotion.core.skeleton import Skeleton, canonical_skeleton

__all__ = ["fit_rotations", "retarget"]

# A rest pose counts as standing with the arms spread (T to A) when every limb lies this near to ours.
REST_POSE_TOLERANCE_RAD = np.radians(65.0)


def retarget(motion: Motion, *, match_leg_length: bool = True) -> Motion:
    """The same movement on the canonical skeleton; a motion that has it already is returned as it is.

    Joints are matched by name (`joint_names.match_joints`). Every matched joint turns as its source
    does, through a constant rotation that says how the source's axes lie in ours:

        R_ours(t) = R_source(t) A

    When the source's rest pose stands with its arms spread, A is read off it: trunk, head and feet are
    taken to be at rest in both, limbs differ by the angle between their bones, hands continue the
    forearm, feet roll with the shin. Otherwise (some files have an arbitrary zero pose) A is the
    least-squares mean over all frames of R_source^-1 R_fitted, with `fit_rotations`' pose; a head or
    hand is then straight on average, and how it moves about that is kept. Finally thighs, shins, upper
    arms and forearms are turned by the little that is missing for their bones to point exactly where
    the source's do.

    Units of length do not matter when `match_leg_length` scales the path by the ratio of the legs.
    Source joints without a counterpart (fingers, twist joints) are dropped; canonical joints without
    one follow their parent.
    Raises SettingsError naming the joints that cannot be found.
    """
    skeleton = canonical_skeleton()
    if motion.skeleton == skeleton:
        return motion
    match = match_joints(motion.skeleton)
    positions = _select(motion.positions_m, match, skeleton)
    rest = _rest_frames(motion.skeleton, match, skeleton)
    if rest is not None:
        reference, source = rest, {name: np.array([[0.0, 0, 0, 1]]) for name in match}
    else:
        reference = fit_world(skeleton, positions, motion.fps, {})
        source = {name: motion.quat_world_xyzw[:, j] for name, j in match.items()}

    world = np.empty((len(motion), len(skeleton), 4))
    for j, name in enumerate(skeleton.joint_names):
        if name in match:
            align = _mean_rotation(quat_multiply(quat_conjugate(source[name]), reference[:, j]))
            world[:, j] = quat_multiply(motion.quat_world_xyzw[:, match[name]], align)
        else:
            world[:, j] = world[:, skeleton.parents[j]]
    _aim_limbs(skeleton, positions, world)
    root = anchored_root(skeleton, positions, world[:, 0], match_leg_length)
    local = local_from_world(skeleton.parents, world)
    return Motion(skeleton, motion.fps, root, local, motion.metadata)


def _select(
    positions: Float[np.ndarray, "t s 3"], match: Mapping[str, int], skeleton: Skeleton
) -> Float[np.ndarray, "t j 3"]:
    """Positions of the canonical joints; NaN where the source has none."""
    selected = np.full((len(positions), len(skeleton), 3), np.nan)
    for name, j in match.items():
        selected[:, skeleton.index(name)] = positions[:, j]
    return selected


def _mean_rotation(q: Float[np.ndarray, "t 4"]) -> Float[np.ndarray, "4"]:
    """Least-squares (chordal) mean."""
    return quat_from_matrix(nearest_rotation(quat_to_matrix(q).mean(axis=0)))


def _aim_limbs(
    skeleton: Skeleton, positions: Float[np.ndarray, "t j 3"], world: Float[np.ndarray, "t j 4"]
) -> None:
    """Lay thighs, shins, upper arms and forearms along the source's bones, in place."""
    for upper, lower, end, _ in LIMBS:
        for start, stop in ((upper, lower), (lower, end)):
            a, b = skeleton.index(start), skeleton.index(stop)
            world[:, a] = swing(world[:, a], skeleton.offsets_m[b], positions[:, b] - positions[:, a])


def _rest_frames(
    source: Skeleton, match: Mapping[str, int], skeleton: Skeleton
) -> Float[np.ndarray, "1 j 4"] | None:
    """Our world rotations in the source's rest pose, or None when that is not a standing pose."""
    rest = _select(source.rest_positions_m[None], match, skeleton)
    joints = [skeleton.index(name) for name in match]
    theirs, ours = rest[0, joints], skeleton.rest_positions_m[joints]
    spread = (theirs - theirs.mean(axis=0)).T @ (ours - ours.mean(axis=0))
    facing = nearest_rotation(spread)
    # Skeletons are drawn along the axes; the few degrees off them are differences of build.
    squared = np.round(facing)
    if np.allclose(squared @ squared.T, np.eye(3)) and np.linalg.det(squared) > 0:
        facing = squared
    world = np.tile(quat_from_matrix(facing), (1, len(skeleton), 1))
    for upper, lower, end, _ in LIMBS:
        for start, stop in ((upper, lower), (lower, end)):
            bone = rest[0, skeleton.index(stop)] - rest[0, skeleton.index(start)]
            own = facing @ skeleton.offsets_m[skeleton.index(stop)]
            cosine = bone @ own / (np.linalg.norm(bone) * np.linalg.norm(own) + 1e-12)
            if cosine < np.cos(REST_POSE_TOLERANCE_RAD):
                return None
    _aim_limbs(skeleton, rest, world)
    for side in ("left", "right"):
        hand, forearm, ankle, shin, toe = (
            skeleton.index(f"{side}_{part}") for part in ("wrist", "elbow", "ankle", "knee", "foot")
        )
        world[:, hand] = world[:, forearm]
        # CMU's feet are drawn rolled together with its splayed legs, so roll follows the shin.
        ahead = facing @ skeleton.offsets_m[toe]
        world[:, ankle] = swing(world[:, shin], skeleton.offsets_m[toe], ahead[None])
        world[:, toe] = world[:, ankle]
    return world
