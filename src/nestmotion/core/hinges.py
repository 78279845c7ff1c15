"""The twist of a limb, from the plane in which its hinge (elbow or knee) bends."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float

from nestmotion.core.rotations import (
    quat_apply,
    quat_between,
    quat_from_axis_angle,
    quat_multiply,
)
from nestmotion.core.smoothing import gaussian_smooth, smooth_step

__all__ = ["fit_hinge", "flexion_rad", "swing"]

# Below the first bend the hinge says nothing of the limb's twist; above the second it says all.
HINGE_BEND_RAD = (np.radians(8.0), np.radians(25.0))
HINGE_MEMORY_S = 0.1
UNTWISTED_WEIGHT = 0.1


def swing(
    frame: Float[np.ndarray, "t 4"], rest: Float[np.ndarray, "3"], direction: Float[np.ndarray, "t 3"]
) -> Float[np.ndarray, "t 4"]:
    """Turn frames by the smallest rotation that lays their `rest` direction along `direction`."""
    return quat_multiply(quat_between(quat_apply(frame, rest), direction), frame)


def fit_hinge(
    parent: Float[np.ndarray, "t 4"],
    upper_rest: Float[np.ndarray, "3"],
    lower_rest: Float[np.ndarray, "3"],
    axis: Float[np.ndarray, "3"],
    upper_dir: Float[np.ndarray, "t 3"],
    lower_dir: Float[np.ndarray, "t 3"],
    fps: float,
) -> tuple[Float[np.ndarray, "t 4"], Float[np.ndarray, "t 4"]]:
    """World rotations of a limb's upper and lower joint, from the unit directions of its two bones.

    parent: world rotation of the joint the limb hangs from. *_rest: unit directions of the bones at
    rest, and `axis` the hinge's. *_dir: the directions to reach, which are reached exactly.

    The plane of the bend gives the upper bone's twist, but only when the limb is bent. So the twist
    is kept as an angle against a frame that moves with the bone without turning about it, and there the
    bend's answer is blended with that of the frames nearby and, failing these, with the least rotation
    from the parent.
    """
    bend = np.arccos(np.clip((upper_dir * lower_dir).sum(axis=-1), -1, 1))
    flexion = quat_from_axis_angle(axis, flexion_rad(upper_rest, lower_rest, axis, bend))
    bent_rest = quat_apply(flexion, lower_rest)

    untwisted = swing(parent, upper_rest, upper_dir)
    carried = _carry(untwisted[0], upper_dir)
    hinge = _turn_about(
        upper_dir,
        quat_apply(carried, np.cross(upper_rest, bent_rest)),
        np.cross(upper_dir, lower_dir),
    )
    side = np.cross(upper_rest, axis)
    least = _turn_about(upper_dir, quat_apply(carried, side), quat_apply(untwisted, side))

    low, high = HINGE_BEND_RAD
    weight = smooth_step((np.minimum(bend, np.pi - bend) - low) / (high - low))
    # Near a half turn from rest the least rotation spins about wildly and must not be heard.
    steady = (1 + (quat_apply(parent, upper_rest) * upper_dir).sum(axis=-1)) / 2
    nearby = gaussian_smooth(weight * hinge, HINGE_MEMORY_S * fps) + UNTWISTED_WEIGHT * steady * least
    nearby /= np.maximum(np.abs(nearby), 1e-9)
    twist = np.angle(weight * hinge + (1 - weight) * nearby)
    upper_world = quat_multiply(quat_from_axis_angle(upper_dir, twist), carried)
    return upper_world, swing(quat_multiply(upper_world, flexion), lower_rest, lower_dir)


def flexion_rad(
    upper_rest: Float[np.ndarray, "3"],
    lower_rest: Float[np.ndarray, "3"],
    axis: Float[np.ndarray, "3"],
    bend: Float[np.ndarray, "t"],
) -> Float[np.ndarray, "t"]:
    """Angle of the hinge at which upper and lower bone enclose `bend`.

    upper . R(axis, angle) lower = a + b cos(angle) + c sin(angle), solved on the flexed side of the
    straightest position; bends beyond the hinge's reach get its nearest position.
    """
    along = (axis @ lower_rest) * axis
    a = upper_rest @ along
    b = upper_rest @ (lower_rest - along)
    c = upper_rest @ np.cross(axis, lower_rest)
    reach = np.hypot(b, c)
    return np.arctan2(c, b) + np.arccos(np.clip((np.cos(bend) - a) / reach, -1, 1))


def _carry(
    first: Float[np.ndarray, "4"], direction: Float[np.ndarray, "t 3"]
) -> Float[np.ndarray, "t 4"]:
    """Carry the first frame along a path of directions by least rotations (parallel transport)."""
    product = np.empty((len(direction), 4))
    product[0] = first
    product[1:] = quat_between(direction[:-1], direction[1:])
    shift = 1
    while shift < len(product):  # running product in log2(T) passes
        product[shift:] = quat_multiply(product[shift:], product[:-shift])
        shift *= 2
    return product


def _turn_about(
    axis: Float[np.ndarray, "t 3"], start: Float[np.ndarray, "t 3"], end: Float[np.ndarray, "t 3"]
) -> Complex[np.ndarray, "t"]:
    """The turn about `axis` from one direction to another, as a complex number of length 1."""
    flat = [v - (v * axis).sum(axis=-1, keepdims=True) * axis for v in (start, end)]
    cosine = (flat[0] * flat[1]).sum(axis=-1)
    sine = (axis * np.cross(*flat)).sum(axis=-1)
    return np.exp(1j * np.arctan2(sine, cosine))
