"""From joint positions to rotations: fitting the canonical skeleton to another person's joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import SettingsError
from nestmotion.core.hinges import fit_hinge, swing
from nestmotion.core.kinematics import local_from_world
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import (
    quat_apply,
    quat_from_axis_angle,
    quat_from_matrix,
    quat_multiply,
    quat_yaw,
)
from nestmotion.core.skeleton import Skeleton, canonical_skeleton

__all__ = ["LIMBS", "anchored_root", "fit_rotations", "fit_world", "nearest_rotation"]

SPINE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")

# Upper joint, lower joint, end, and the axis of the hinge in the rest pose: a positive angle bends the
# knee backwards and the elbow forwards. The elbow's axis is the principal axis of the corpus' elbow
# rotations (which holds 99.5% of them), the knee's likewise (98.5%).
LIMBS = (
    ("left_hip", "left_knee", "left_ankle", (1.0, 0.0, 0.0)),
    ("right_hip", "right_knee", "right_ankle", (1.0, 0.0, 0.0)),
    ("left_shoulder", "left_elbow", "left_wrist", (0.0, -0.8660254037844387, 0.5)),
    ("right_shoulder", "right_elbow", "right_wrist", (0.0, 0.8660254037844387, -0.5)),
)

# A bone shorter than this share of the leg has no direction (two joints in one place).
SHORTEST_BONE = 0.01


def nearest_rotation(matrix: Float[np.ndarray, "*b 3 3"]) -> Float[np.ndarray, "*b 3 3"]:
    """The rotation closest to a matrix, by its singular value decomposition.

    Given sum(observed x rest^T) it is the least-squares rotation from rest to observed vectors.
    Source: W. Kabsch, Acta Crystallographica A32 (1976); S. Umeyama, IEEE TPAMI 13 (1991).
    """
    u, _, vt = np.linalg.svd(matrix)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return u @ vt


def fit_rotations(
    positions_m: Float[np.ndarray, "t 22 3"],
    fps: float,
    *,
    rest_directions: Mapping[str, Sequence[float]] | None = None,
    match_leg_length: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Motion:
    """The canonical skeleton in the pose of a person of other proportions.

    positions_m: world positions (metres, Y up) of the 22 canonical joints, in their order.
    rest_directions: for joints of whose bones the source's rest pose differs from ours, the direction
        (from the parent, in the body's frame) that means "at rest". All other bones, the limbs above
        all, take exactly the direction they have in `positions_m`.
    match_leg_length: scale the root's path (about the world's origin) by our leg length over theirs,
        so that steps fit the legs and feet do not slide.

    Pelvis and spine3 turn with their several bones (least squares), a torsion between them is shared
    out over the spine, a thigh or upper arm is twisted so that knee or elbow bends about its hinge,
    and every other joint follows its parent with the least rotation. Wrists, head and toes, of whose
    rotation positions say nothing, keep the identity.
    Raises SettingsError on a wrong shape, no frames, NaN, a frame rate that is not positive, or joints
    that all lie in one place.
    """
    skeleton = canonical_skeleton()
    positions = np.asarray(positions_m, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (len(skeleton), 3) or len(positions) == 0:
        raise SettingsError(f"joint positions must be (T, 22, 3) with T > 0, not {positions.shape}")
    if not np.isfinite(positions).all():
        raise SettingsError("the joint positions hold NaN or infinity")
    if not (np.isfinite(fps) and fps > 0):
        raise SettingsError(f"frames a second must be positive, not {fps}")
    world = fit_world(skeleton, positions, fps, rest_directions or {})
    root = anchored_root(skeleton, positions, world[:, 0], match_leg_length)
    return Motion(skeleton, fps, root, local_from_world(skeleton.parents, world), metadata or {})


def anchored_root(
    skeleton: Skeleton,
    positions_m: Float[np.ndarray, "t j 3"],
    pelvis_xyzw: Float[np.ndarray, "t 4"],
    match_leg_length: bool,
) -> Float[np.ndarray, "t 3"]:
    """Root path that puts the middle of our hip joints where theirs is, scaled by the leg length.

    The hip joints and not the pelvis, because skeletons differ in where the pelvis joint lies and legs
    hang from the hips.
    """
    hips = [skeleton.index("left_hip"), skeleton.index("right_hip")]
    scale = 1.0
    if match_leg_length:
        scale = _leg_length(skeleton, skeleton.rest_positions_m[None]) / _leg_length(
            skeleton, positions_m
        )
    middle = positions_m[:, hips].mean(axis=1)
    return scale * middle - quat_apply(pelvis_xyzw, skeleton.offsets_m[hips].mean(axis=0))


def _leg_length(skeleton: Skeleton, positions: Float[np.ndarray, "t j 3"]) -> float:
    """Mean over both sides of thigh and shin, each the median over frames."""
    total = 0.0
    for upper, lower, end, _ in LIMBS[:2]:
        for a, b in ((upper, lower), (lower, end)):
            bone = positions[:, skeleton.index(b)] - positions[:, skeleton.index(a)]
            total += float(np.median(np.linalg.norm(bone, axis=-1))) / 2
    if total == 0:
        raise SettingsError("the legs have no length: the joints all lie in one place")
    return total


class _Bones:
    """Directions of the bones observed and at rest. Bones without length or with NaN are unknown."""

    def __init__(
        self,
        skeleton: Skeleton,
        positions: Float[np.ndarray, "t j 3"],
        rest_directions: Mapping[str, Sequence[float]],
    ) -> None:
        self.skeleton, self.positions = skeleton, positions
        self.rest_positions = skeleton.rest_positions_m
        self.rest_directions = rest_directions
        self.shortest = SHORTEST_BONE * _leg_length(skeleton, positions)

    def observed(self, start: str, end: str) -> Float[np.ndarray, "t 3"] | None:
        """Unit direction from one joint to another at every frame, or None."""
        index = self.skeleton.index
        bone = self.positions[:, index(end)] - self.positions[:, index(start)]
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        if not np.median(length) > self.shortest:  # NaN is not greater either
            return None
        return bone / np.maximum(length, 1e-9)

    def rest(self, start: str, end: str) -> Float[np.ndarray, "3"]:
        """The same direction at rest."""
        a, b = self.skeleton.index(start), self.skeleton.index(end)
        vector = self.rest_positions[b] - self.rest_positions[a]
        if end in self.rest_directions and self.skeleton.parents[b] == a:
            vector = np.array(self.rest_directions[end], dtype=float)
        return vector / np.linalg.norm(vector)

    def swing(self, frame: Float[np.ndarray, "t 4"], start: str, end: str) -> Float[np.ndarray, "t 4"]:
        """Lay a bone along its observed direction; where that is unknown, keep the frame."""
        direction = self.observed(start, end)
        return frame if direction is None else swing(frame, self.rest(start, end), direction)

    def level(
        self, across: Sequence[tuple[str, str]], up: Sequence[tuple[str, str]]
    ) -> Float[np.ndarray, "t 4"]:
        """Kabsch fit of a trunk joint to the first known bone across and the first known one up."""
        matrix = np.zeros((len(self.positions), 3, 3))
        for choices in (across, up):
            for start, end in choices:
                observed = self.observed(start, end)
                if observed is not None:
                    matrix += observed[:, :, None] * self.rest(start, end)[None, None, :]
                    break
            else:
                raise SettingsError(f"{choices[0][0]} and {choices[0][1]} lie in one place")
        return quat_from_matrix(nearest_rotation(matrix))


def fit_world(
    skeleton: Skeleton,
    positions_m: Float[np.ndarray, "t j 3"],
    fps: float,
    rest_directions: Mapping[str, Sequence[float]],
) -> Float[np.ndarray, "t j 4"]:
    """World rotations of the canonical joints; the work behind `fit_rotations`.

    Spine, collar, head and toe joints may be missing (NaN): missing spine joints are laid along the
    line between their neighbours, missing ends stay at rest.
    """
    bones = _Bones(skeleton, _fill_spine(skeleton, positions_m), rest_directions)
    world: dict[str, np.ndarray] = {}
    spine_up = [("pelvis", name) for name in SPINE[1:]]
    world["pelvis"] = bones.level([("right_hip", "left_hip")], spine_up)
    _fit_spine(bones, world)
    for side in ("left", "right"):
        world[f"{side}_collar"] = bones.swing(world["spine3"], f"{side}_collar", f"{side}_shoulder")
    for upper, lower, end, axis in LIMBS:
        parent = skeleton.joint_names[skeleton.parents[skeleton.index(upper)]]
        upper_dir, lower_dir = bones.observed(upper, lower), bones.observed(lower, end)
        if upper_dir is None or lower_dir is None:
            raise SettingsError(f"{upper}, {lower} and {end} do not lie apart")
        rest = bones.rest(upper, lower), bones.rest(lower, end), np.array(axis)
        world[upper], world[lower] = fit_hinge(world[parent], *rest, upper_dir, lower_dir, fps)
        world[end] = world[lower]
    for side in ("left", "right"):
        ankle, foot = f"{side}_ankle", f"{side}_foot"
        world[ankle] = bones.swing(world[ankle], ankle, foot)
        world[foot] = world[ankle]
    return np.stack([world[name] for name in skeleton.joint_names], axis=1)


def _fill_spine(
    skeleton: Skeleton, positions: Float[np.ndarray, "t j 3"]
) -> Float[np.ndarray, "t j 3"]:
    """Lay missing joints between pelvis and head along the line between their known neighbours."""
    chain = [skeleton.index(name) for name in SPINE]
    along = np.cumsum(np.linalg.norm(skeleton.offsets_m[chain], axis=-1))
    known = [k for k, j in enumerate(chain) if np.isfinite(positions[:, j]).all()]
    filled = positions.copy()
    for k in range(known[-1]):
        if k not in known:
            below, above = max(i for i in known if i < k), min(i for i in known if i > k)
            part = (along[k] - along[below]) / (along[above] - along[below])
            low, high = positions[:, chain[below]], positions[:, chain[above]]
            filled[:, chain[k]] = low + part * (high - low)
    return filled


def _fit_spine(bones: _Bones, world: dict[str, np.ndarray]) -> None:
    """Spine, neck and head. The torsion between pelvis and spine3 is shared over the spine's joints,
    a third each, instead of all of it turning in spine3."""
    world["spine1"] = bones.swing(world["pelvis"], "spine1", "spine2")
    world["spine2"] = bones.swing(world["spine1"], "spine2", "spine3")
    world["spine3"] = bones.level(
        [("right_collar", "left_collar"), ("right_shoulder", "left_shoulder")],
        [("spine3", "neck"), ("spine3", "head")],
    )
    untwisted = world["spine2"] * (-1, -1, -1, 1)
    torsion = quat_yaw(quat_multiply(untwisted, world["spine3"]))
    for joint, child, share in (("spine1", "spine2", 1 / 3), ("spine2", "spine3", 2 / 3)):
        turn = quat_from_axis_angle(bones.rest(joint, child), share * torsion)
        world[joint] = quat_multiply(world[joint], turn)
    world["neck"] = bones.swing(world["spine3"], "neck", "head")
    world["head"] = world["neck"]
