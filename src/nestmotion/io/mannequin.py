"""A procedural wooden mannequin for any skeleton: the body that GLB files and the HTML player show.

A skeleton whose joints are known by name (`core.joint_names`) gets a body; another, a capsule a bone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from nestmotion.core.errors import SettingsError
from nestmotion.core.joint_names import match_joints
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import quat_apply, quat_from_yaw, quat_multiply
from nestmotion.core.skeleton import Skeleton
from nestmotion.io.loft import FRONT, UP, Sculptor, SkinnedMesh, subdivide

__all__ = ["build_mannequin", "facing_rad", "joint_sides"]

# Profiles: rows of (place along the part, half width, half depth, shift to the front). The place is 0
# at the part's first joint and 1 at its end (of the torso: at the height of the hip and of the shoulder
# joints); sizes are metres of a person whose head joint is 1.46 m above the soles.
TORSO = (
    (-0.28, 0.000, 0.000, 0.000), (-0.26, 0.050, 0.055, 0.000),
    (-0.21, 0.105, 0.085, 0.000), (-0.10, 0.148, 0.103, 0.000),
    ( 0.03, 0.156, 0.108, -0.005), ( 0.15, 0.145, 0.101, 0.000),
    ( 0.30, 0.125, 0.090, 0.005), ( 0.41, 0.119, 0.086, 0.010),
    ( 0.52, 0.129, 0.093, 0.012), ( 0.66, 0.148, 0.106, 0.018),
    ( 0.80, 0.160, 0.113, 0.020), ( 0.91, 0.158, 0.107, 0.016),
    ( 1.00, 0.138, 0.091, 0.006), ( 1.07, 0.100, 0.070, 0.000),
    ( 1.13, 0.060, 0.055, 0.000), ( 1.16, 0.000, 0.000, 0.000),
)  # fmt: skip
HEAD = (
    (-0.23, 0.000, 0.000, 0.015), (-0.21, 0.030, 0.034, 0.020), (-0.10, 0.052, 0.066, 0.018),
    (0.08, 0.064, 0.082, 0.014), (0.30, 0.073, 0.092, 0.010), (0.52, 0.078, 0.099, 0.004),
    (0.72, 0.073, 0.094, 0.000), (0.88, 0.054, 0.070, -0.003), (0.97, 0.028, 0.036, -0.004),
    (1.00, 0.000, 0.000, -0.004),
)  # fmt: skip
HAND = (
    (-0.08, 0.000, 0.000, 0.0), (0.00, 0.026, 0.021, 0.0), (0.25, 0.038, 0.018, 0.0),
    (0.50, 0.041, 0.016, 0.0), (0.80, 0.034, 0.013, 0.0), (0.96, 0.020, 0.008, 0.0),
    (1.00, 0.000, 0.000, 0.0),
)  # fmt: skip
FOOT = (
    (-0.38, 0.000, 0.000, 0.030), (-0.36, 0.018, 0.022, 0.030), (-0.28, 0.031, 0.036, 0.038),
    (-0.05, 0.036, 0.046, 0.046), (0.20, 0.038, 0.043, 0.043), (0.50, 0.044, 0.030, 0.030),
    (0.80, 0.047, 0.022, 0.022), (1.02, 0.041, 0.016, 0.016), (1.14, 0.022, 0.010, 0.012),
    (1.16, 0.000, 0.000, 0.011),
)  # fmt: skip
HEAD_LENGTH_M, HAND_LENGTH_M, FOOT_LENGTH_M, ANKLE_HEIGHT_M = 0.19, 0.17, 0.17, 0.06
# Half thickness of limbs at their upper end, their thickest place and their lower end.
THIGH, SHIN = (0.066, 0.078, 0.052), (0.047, 0.058, 0.034)
UPPER_ARM, FOREARM = (0.050, 0.047, 0.035), (0.032, 0.038, 0.025)
COLLAR, NECK = (0.034, 0.038, 0.040), (0.050, 0.047, 0.046)


def build_mannequin(motion: Motion) -> SkinnedMesh:
    """The mannequin of a motion's skeleton, in its rest pose, with the root at the origin."""
    skeleton = motion.skeleton
    try:
        match = match_joints(skeleton)
        positions, quats = _stance(motion, match)
        sculptor = Sculptor(positions)
        covered = _sculpt_body(sculptor, skeleton, match)
    except SettingsError:  # not a person, or none we know
        quats = np.tile((0.0, 0.0, 0.0, 1.0), (len(skeleton), 1))
        sculptor, covered = Sculptor(skeleton.rest_positions_m), set()
    for joint in sorted(set(range(1, len(skeleton))) - covered):
        _sculpt_bone(sculptor, skeleton.parents[joint], joint)
    if not sculptor.quads:  # a lone joint, or all of them in one place
        origin = sculptor.places_m[0]
        sculptor.capsule(0, origin - 0.05 * UP, origin + 0.05 * UP, (0.03, 0.03, 0.03))
    return sculptor.finish().at_rest(skeleton.rest_positions_m, sculptor.places_m, quats)


def joint_sides(skeleton: Skeleton) -> list[int]:
    """For each joint 1 on the left, -1 on the right, 0 in the middle or where that is not known."""
    try:
        match = match_joints(skeleton)
    except SettingsError:
        return [0] * len(skeleton)
    names = {joint: name for name, joint in match.items()}
    sides: list[int] = []
    for joint, parent in enumerate(skeleton.parents):
        side, _, part = names.get(joint, "").partition("_")
        if joint not in names and parent >= 0:
            sides.append(sides[parent])
        else:
            sides.append(0 if part in ("", "collar") else {"left": 1, "right": -1}.get(side, 0))
    return sides


def facing_rad(motion: Motion) -> float:
    """Heading of the first frame: across the hips where they are known, else that of the root."""
    try:
        match = match_joints(motion.skeleton)
    except SettingsError:
        return float(motion.heading_rad[0])
    return _facing_rad(motion.positions_m[0], match)


def _facing_rad(positions: np.ndarray, match: Mapping[str, int]) -> float:
    """Yaw of a pose at right angles to the line from the right hip to the left."""
    across = positions[match["left_hip"]] - positions[match["right_hip"]]
    return float(np.arctan2(-across[2], across[0]))


def _stance(motion: Motion, match: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions and world rotations in which the person stands upright and faces +Z: the rest
    pose, or else the frame with the head highest over the feet. Raises SettingsError if there is none.
    """
    rest = motion.skeleton.rest_positions_m
    if _stands(rest, match):
        return rest, np.tile((0.0, 0.0, 0.0, 1.0), (len(rest), 1))
    top = match.get("head", match.get("neck", 0))
    heights = motion.positions_m[:, :, 1]
    frame = int(np.argmax(2 * heights[:, top] - heights[:, _ankles(match)].sum(axis=1)))
    positions = motion.positions_m[frame] - motion.root_m[frame]
    turn = quat_from_yaw(np.array(-_facing_rad(positions, match)))
    positions = quat_apply(turn, positions)
    if not _stands(positions, match):
        raise SettingsError("the motion holds no pose in which the person stands")
    return positions, quat_multiply(turn, motion.quat_world_xyzw[frame])


def _ankles(match: Mapping[str, int]) -> list[int]:
    return [match["left_ankle"], match["right_ankle"]]


def _stands(positions: np.ndarray, match: Mapping[str, int]) -> bool:
    """Whether the trunk points up, the legs down and the left hip to +X, each within 60 degrees."""
    top = match.get("head", match.get("neck", 0))
    hips = [match["left_hip"], match["right_hip"]]
    directions = (
        (positions[top] - positions[match["pelvis"]], UP),
        (positions[_ankles(match)].sum(axis=0) - positions[hips].sum(axis=0), -UP),
        (positions[hips[0]] - positions[hips[1]], np.cross(UP, FRONT)),
    )
    return all(v @ wanted > 0.5 * np.linalg.norm(v) for v, wanted in directions)


def _path(skeleton: Skeleton, top: int, joint: int) -> list[int]:
    """The joints from `top` down to `joint`. Raises SettingsError when one is not above the other."""
    path = [joint]
    while path[-1] != top:
        if path[-1] < 0:
            raise SettingsError("the joints of a limb do not follow one another")
        path.append(skeleton.parents[path[-1]])
    return path[::-1]


def _below(skeleton: Skeleton, joint: int) -> set[int]:
    """The joint and all that hang on it."""
    found = {joint}
    for j in range(joint + 1, len(skeleton)):
        if skeleton.parents[j] in found:
            found.add(j)
    return found


def _sculpt_bone(sculptor: Sculptor, parent: int, joint: int) -> None:
    """A bone of no known part."""
    a, b = sculptor.places_m[parent], sculptor.places_m[joint]
    radius = float(np.clip(0.17 * np.linalg.norm(b - a) / sculptor.scale, 0.006, 0.05))
    sides = 12 if radius > 0.015 else 6
    sculptor.capsule(parent, a, b, (radius, radius * 1.15, radius * 0.75), sides)


def _sculpt_body(sculptor: Sculptor, skeleton: Skeleton, match: Mapping[str, int]) -> set[int]:
    """Torso, head, arms and legs. Returns the joints whose bone from the parent needs no more."""
    at, pelvis, top = sculptor.places_m, match["pelvis"], match.get("head", match.get("neck", 0))
    soles_m = min(at[sorted(_below(skeleton, ankle)), 1].min() for ankle in _ankles(match))
    sculptor.fit_height(float(at[top, 1] - soles_m))
    trunk = _path(skeleton, pelvis, top)
    arms = [_path(skeleton, pelvis, match[f"{side}_shoulder"]) for side in ("left", "right")]
    spine = [joint for joint in trunk if all(joint in arm for arm in arms)]
    neck = trunk[len(spine) :]
    if not neck:
        raise SettingsError("the head does not stand on the spine")
    _sculpt_torso(sculptor, spine, at[neck[0]] - at[pelvis], match)
    _sculpt_head(sculptor, neck)
    covered = _below(skeleton, top) | set(trunk) | set(_path(skeleton, 0, pelvis)) | {0}
    for side, arm in zip(("left", "right"), arms, strict=True):
        shoulder, elbow, wrist, hip, knee, ankle = (
            match[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        )
        for a, b in pairwise(arm[len(spine) :]):
            sculptor.capsule(a, at[a], at[b], COLLAR)
        covered |= set(arm) | set(_path(skeleton, pelvis, hip))
        for a, b, radii in (
            (shoulder, elbow, UPPER_ARM),
            (elbow, wrist, FOREARM),
            (hip, knee, THIGH),
            (knee, ankle, SHIN),
        ):
            sculptor.capsule(a, at[a], at[b], radii)
            covered |= set(_path(skeleton, a, b))
        covered |= _sculpt_hand(sculptor, skeleton, wrist, at[wrist] - at[elbow])
        covered |= _sculpt_foot(sculptor, skeleton, ankle)
    return covered


def _sculpt_torso(
    sculptor: Sculptor, spine: list[int], along: np.ndarray, match: Mapping[str, int]
) -> None:
    """One smooth trunk, carried by the joints of the spine, as wide as hips and shoulders ask for."""
    at = sculptor.places_m
    ends = [at[[match[f"{side}_{part}"] for side in ("left", "right")]] for part in ("hip", "shoulder")]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    origin = at[spine[0]]
    low, high = (float((pair.mean(axis=0) - origin) @ along) for pair in ends)
    if high - low < 0.2 * sculptor.scale:
        raise SettingsError("the shoulders are not above the hips")
    rows = subdivide(TORSO)
    # Against the distances of the joints of the person in whose measures the profile is.
    wide = [
        np.clip(np.linalg.norm(pair[0] - pair[1]) / own / sculptor.scale, 0.8, 1.25)
        for pair, own in zip(ends, (0.176, 0.229), strict=True)
    ]
    rows[:, 1] *= np.interp(rows[:, 0], (0, 1), wide)
    starts = ((at[spine] - origin) @ along - low) / (high - low)
    sculptor.loft(
        spine, rows, np.stack((origin + low * along, origin + high * along)), starts=starts, sides=24
    )


def _sculpt_head(sculptor: Sculptor, neck: list[int]) -> None:
    """Neck, head and a nose, by which one sees where it faces. The last joint of `neck` is the head."""
    at, scale, head = sculptor.places_m, sculptor.scale, neck[-1]
    for a, b in pairwise(neck):
        sculptor.capsule(a, at[a] - 0.02 * scale * UP, at[b], NECK)
    skull = np.stack((at[head], at[head] + HEAD_LENGTH_M * scale * UP))
    sculptor.loft([head], subdivide(HEAD), skull, sides=16)
    bridge, tip = (at[head] + scale * (y * UP + z * FRONT) for y, z in ((0.075, 0.088), (0.042, 0.109)))
    sculptor.capsule(head, bridge, tip, (0.008, 0.010, 0.012), sides=6)


def _sculpt_hand(sculptor: Sculptor, skeleton: Skeleton, wrist: int, forearm: np.ndarray) -> set[int]:
    """A mitten with a thumb; a hand with all its fingers is left to be drawn bone by bone."""
    below = _below(skeleton, wrist)
    fingers = [joint for joint in below if not skeleton.children[joint]]
    if len(fingers) >= 5:
        return {wrist}
    at, scale = sculptor.places_m, sculptor.scale
    tip = max(fingers, key=lambda joint: float(np.linalg.norm(at[joint] - at[wrist])))
    along = at[tip] - at[wrist] if np.linalg.norm(at[tip] - at[wrist]) > 0.02 * scale else forearm
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    points = np.stack((at[wrist], at[wrist] + HAND_LENGTH_M * scale * along))
    sculptor.loft([wrist], HAND, points, sides=10, front=UP, boxy=0.85)
    base = at[wrist] + scale * (0.035 * along + 0.022 * FRONT)
    sculptor.capsule(
        wrist, base, base + scale * (0.055 * along + 0.030 * FRONT), (0.013, 0.013, 0.010), sides=6
    )
    return below


def _sculpt_foot(sculptor: Sculptor, skeleton: Skeleton, ankle: int) -> set[int]:
    """A shoe around ankle and toes; its sole is at the height of the lowest of them."""
    below, at, scale = _below(skeleton, ankle), sculptor.places_m, sculptor.scale
    tip = max(below, key=lambda joint: float((at[joint] - at[ankle]) @ FRONT))
    tail = _path(skeleton, ankle, tip)
    points = at[tail].copy()
    points[:, 1] = at[sorted(below), 1].min()
    if (points[-1] - points[0]) @ FRONT < 0.05 * scale:  # no toes
        tail, start = [ankle], points[0] - ANKLE_HEIGHT_M * scale * UP
        points = np.stack((start, start + FOOT_LENGTH_M * scale * FRONT))
    sculptor.loft(tail[:-1] or tail, FOOT, points, sides=12, front=UP, boxy=0.75)
    return below
