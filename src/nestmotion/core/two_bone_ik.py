"""Inverse kinematics of two bones and a hinge between them: a leg or an arm."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nestmotion.core.rotations import quat_apply, quat_between, quat_multiply
from nestmotion.core.smoothing import smooth_step

__all__ = ["two_bone_ik"]

# A hinge bent less than the first angle says nothing of the plane it bends in, its axis says all; from
# the second angle on, the plane of the two bones says all.
PLANE_BEND_RAD = (np.radians(2.0), np.radians(8.0))


def two_bone_ik(
    start_m: Float[np.ndarray, "*b 3"],
    middle_m: Float[np.ndarray, "*b 3"],
    end_m: Float[np.ndarray, "*b 3"],
    target_m: Float[np.ndarray, "*b 3"],
    axis: Float[np.ndarray, "*b 3"],
) -> tuple[Float[np.ndarray, "*b 4"], Float[np.ndarray, "*b 4"]]:
    """World rotations of the upper and the lower bone that bring the end to the target.

    start, middle, end: joints of the limb as it is (hip, knee, ankle), one frame of reference for all.
    axis: unit axis of the hinge now; a positive angle about it bends the limb (fitting.LIMBS).

    The new upper bone is `upper` applied to the old one, the new lower bone `lower` applied to the old
    one. First the whole limb swings by the smallest rotation that points it at the target, then the
    hinge opens or closes in the plane in which it bends, by the law of cosines. A straight or
    overstretched limb bends about its hinge's axis, never backwards. A target out of reach is
    approached to the nearest point: straight limb, or hinge fully closed.
    """
    upper, lower = middle_m - start_m, end_m - middle_m
    a, b = _length(upper), _length(lower)
    aim = quat_between(end_m - start_m, target_m - start_m)
    distance = np.clip(_length(target_m - start_m), np.maximum(np.abs(a - b), 1e-9), a + b)

    line = quat_apply(aim, _unit(end_m - start_m))
    normal = quat_apply(aim, _bend_normal(upper, lower, axis))
    side = _unit(np.cross(line, normal))
    along = (a**2 - b**2 + distance**2) / (2 * distance)
    across = np.sqrt(np.maximum(a**2 - along**2, 0.0))
    new_upper = along * line + across * side
    new_lower = distance * line - new_upper
    turns = [
        quat_multiply(quat_between(quat_apply(aim, old), new), aim)
        for old, new in ((upper, new_upper), (lower, new_lower))
    ]
    return turns[0], turns[1]


def _bend_normal(
    upper: Float[np.ndarray, "*b 3"], lower: Float[np.ndarray, "*b 3"], axis: Float[np.ndarray, "*b 3"]
) -> Float[np.ndarray, "*b 3"]:
    """Normal of the plane of the bend (not of unit length), on the side of the hinge's axis."""
    normal = np.cross(_unit(upper), _unit(lower))
    bend = np.arctan2(
        (normal * axis).sum(-1, keepdims=True), (_unit(upper) * _unit(lower)).sum(-1)[..., None]
    )
    low, high = PLANE_BEND_RAD
    weight = smooth_step((bend - low) / (high - low))
    return weight * _unit(normal) + (1 - weight) * axis


def _length(v: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 1"]:
    return np.linalg.norm(v, axis=-1, keepdims=True)


def _unit(v: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
    return v / np.maximum(_length(v), 1e-12)
