"""A procedural wooden mannequin for any skeleton: the body that GLB files and the HTML player show.

The shape is made from rings of vertices lofted along chains of joints in the rest pose. Body parts
are found from the tree and the rest pose alone (a spine with legs at its root and arms higher up), so
SMPL's, CMU's or Mixamo's joint names all serve; a skeleton that is not a biped gets tapered capsules.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nestmotion.core.skeleton import Skeleton
from nestmotion.io.loft import FRONT, UP, Sculptor, SkinnedMesh, subdivide

__all__ = ["build_mannequin"]

# Profiles: rows of (place along the chain, half width, half depth, shift to the front). The place is
# 0 at the chain's first joint and 1 at its last; sizes are metres at the nominal height.
TORSO = (
    (-0.19, 0.000, 0.000, 0.00), (-0.18, 0.050, 0.055, 0.00), (-0.13, 0.105, 0.085, 0.00),
    (-0.04, 0.148, 0.103, 0.00), (0.07, 0.156, 0.108, -0.005), (0.18, 0.145, 0.101, 0.000),
    (0.31, 0.125, 0.090, 0.005), (0.40, 0.119, 0.086, 0.010), (0.50, 0.129, 0.093, 0.012),
    (0.62, 0.148, 0.106, 0.018), (0.74, 0.160, 0.113, 0.020), (0.83, 0.158, 0.107, 0.016),
    (0.91, 0.138, 0.091, 0.006), (0.97, 0.100, 0.070, 0.000), (1.02, 0.060, 0.055, 0.00),
    (1.05, 0.000, 0.000, 0.00),
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


def build_mannequin(skeleton: Skeleton) -> SkinnedMesh:
    """The mannequin of a skeleton, with the soles at the lowest joint of each foot."""
    sculptor = Sculptor(skeleton)
    done = _sculpt_biped(sculptor, skeleton)
    for joint, children in enumerate(skeleton.children):
        for child in children:
            if child not in done:
                length = float(np.linalg.norm(skeleton.offsets_m[child])) / sculptor.scale
                radius = float(np.clip(0.17 * length, 0.006, 0.05))
                radii = (radius, radius * 1.15, radius * 0.75)
                a, b = sculptor.rest[joint], sculptor.rest[child]
                sculptor.capsule(joint, a, b, radii, sides=12 if radius > 0.015 else 6)
    if not sculptor.quads:  # a lone joint, or all of them in one place
        sculptor.capsule(
            0, sculptor.rest[0] - 0.05 * UP, sculptor.rest[0] + 0.05 * UP, (0.03, 0.03, 0.03)
        )
    return sculptor.finish()


def _descendants(skeleton: Skeleton, joint: int) -> list[int]:
    """The joint and all below it."""
    found = {joint}
    for j in range(joint + 1, len(skeleton)):
        if skeleton.parents[j] in found:
            found.add(j)
    return sorted(found)


def _main_chain(skeleton: Skeleton, chain: list[int]) -> list[int]:
    """The chain, followed down to a leaf along the children with the most joints below them."""
    while children := skeleton.children[chain[-1]]:
        chain = [*chain, max(children, key=lambda c: len(_descendants(skeleton, c)))]
    return chain


def _spine_and_limbs(skeleton: Skeleton) -> tuple[list[int], dict[int, list[int]]]:
    """The chain of joints in the middle plane, and the first joints of the limbs that leave it."""
    rest = skeleton.rest_positions_m
    width = 0.02 * float(np.ptp(rest, axis=0).max())
    spine, limbs = [0], {}
    while True:
        middle = {c: rest[_descendants(skeleton, c), 0].mean() for c in skeleton.children[spine[-1]]}
        sided = [c for c, x in middle.items() if abs(x) > width]
        if any(middle[c] > 0 for c in sided) and any(middle[c] < 0 for c in sided):
            limbs[spine[-1]] = sided
        central = [c for c in middle if c not in sided]
        if not central:
            return spine, limbs
        spine.append(max(central, key=lambda c: len(_descendants(skeleton, c))))


def _sculpt_biped(sculptor: Sculptor, skeleton: Skeleton) -> set[int]:
    """Torso, head, arms and legs. Returns the joints whose bone from the parent is now covered: none
    when this is not a spine with legs at its start, arms further up and something above them."""
    spine, limbs = _spine_and_limbs(skeleton)
    if len(limbs) < 2:
        return set()
    hips, shoulders = min(limbs), max(limbs)
    above = spine[spine.index(shoulders) + 1 :]
    if not above or sculptor.rest[above[0], 1] <= sculptor.rest[hips, 1]:
        return set()
    torso = spine[spine.index(hips) : spine.index(above[0]) + 1]
    sculptor.loft(torso, subdivide(TORSO), sides=24)
    head = next((j for j in above if "head" in skeleton.joint_names[j].lower()), above[-1])
    _sculpt_head(sculptor, above[: above.index(head) + 1])
    done = set(spine)
    for start in limbs[shoulders]:
        done |= _sculpt_limb(sculptor, skeleton, shoulders, start, UPPER_ARM, FOREARM)
    for start in limbs[hips]:
        done |= _sculpt_limb(sculptor, skeleton, None, start, THIGH, SHIN)
    return done


def _sculpt_head(sculptor: Sculptor, neck: list[int]) -> None:
    """Neck, head and a nose, by which one sees where it faces. The last joint of `neck` is the head."""
    head, scale = neck[-1], sculptor.scale
    at = sculptor.rest[head]
    for a, b in pairwise(neck):
        sculptor.capsule(a, sculptor.rest[a] - 0.02 * scale * UP, sculptor.rest[b], NECK)
    sculptor.loft(
        [head, head], subdivide(HEAD), np.stack((at, at + HEAD_LENGTH_M * scale * UP)), sides=16
    )
    bridge, tip = (
        at + scale * (up * UP + front * FRONT) for up, front in ((0.075, 0.088), (0.042, 0.109))
    )
    sculptor.capsule(head, bridge, tip, (0.008, 0.010, 0.012), sides=6)


def _sculpt_limb(
    sculptor: Sculptor,
    skeleton: Skeleton,
    attached_to: int | None,
    start: int,
    upper: tuple[float, float, float],
    lower: tuple[float, float, float],
) -> set[int]:
    """An arm (attached to the shoulders' joint) or a leg. The two longest bones are its two halves;
    what comes before them is collar or hip, what comes after hand or foot."""
    rest = sculptor.rest
    chain = _main_chain(skeleton, [start])
    if len(chain) < 3:
        return set()
    lengths = np.linalg.norm(np.diff(rest[chain], axis=0), axis=1)
    first, second = sorted(np.argsort(-lengths, kind="stable")[:2].tolist())
    for k, radii in ((first, upper), (second, lower)):
        sculptor.capsule(chain[k], rest[chain[k]], rest[chain[k + 1]], radii)
    done = {start, *chain[: first + 1], chain[first + 1], chain[second + 1]}
    end = _descendants(skeleton, chain[second + 1])
    tail = chain[second + 1 :]
    if attached_to is None:
        _sculpt_foot(sculptor, tail)
        return done | set(end)
    collar = [attached_to, *chain[: first + 1]]
    for a, b in pairwise(collar[1:]):
        sculptor.capsule(a, rest[a], rest[b], COLLAR)
    if len(end) > len(tail):  # fingers: drawn as the bones they are
        return done
    _sculpt_hand(sculptor, tail, rest[tail[0]] - rest[chain[second]])
    return done | set(end)


def _sculpt_hand(sculptor: Sculptor, tail: list[int], direction: np.ndarray) -> None:
    """A mitten with a thumb, from the wrist along the rest of the chain, or on along the forearm."""
    wrist, scale = sculptor.rest[tail[0]], sculptor.scale
    if len(tail) > 1:
        direction = sculptor.rest[tail[-1]] - wrist
    along = direction / max(float(np.linalg.norm(direction)), 1e-9)
    points = np.stack((wrist, wrist + along * HAND_LENGTH_M * scale))
    sculptor.loft([tail[0], tail[0]], HAND, points, sides=10, front=UP, boxy=0.85)
    base = wrist + scale * (0.035 * along + 0.022 * FRONT)
    tip = base + scale * (0.055 * along + 0.030 * FRONT)
    sculptor.capsule(tail[0], base, tip, (0.013, 0.013, 0.010), sides=6)


def _sculpt_foot(sculptor: Sculptor, tail: list[int]) -> None:
    """A shoe around ankle and toes; its sole is at the height of the lowest of them."""
    points, scale = sculptor.rest[tail].copy(), sculptor.scale
    if len(tail) == 1 or np.ptp(points[:, [0, 2]], axis=0).max() < 0.05 * scale:
        tail, ankle = [tail[0], tail[0]], points[0] - ANKLE_HEIGHT_M * scale * UP
        points = np.stack((ankle, ankle + FOOT_LENGTH_M * scale * FRONT))
    points[:, 1] = points[:, 1].min()
    sculptor.loft(tail, FOOT, points, sides=12, front=UP, boxy=0.75)
