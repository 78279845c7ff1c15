"""Motion to features and back.

Encoding describes a motion as seen from its first frame; decoding builds a motion from the root blocks
and the rotations alone, so that bone lengths hold by construction. Path and velocity say the same
thing twice. From a network they disagree a little, and decoding reconciles them by least squares:
velocities rule from frame to frame (smooth, feet hold), the path over seconds (no drift). On features
that agree, as encoded ones do, the result is exact. docs/adr/0004 says why.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_matrix,
    quat_from_yaw,
    quat_multiply,
    quat_to_matrix,
    rotation_6d_from_matrix,
    rotation_6d_to_matrix,
)
from nestmotion.core.skeleton import Skeleton
from nestmotion.core.smoothing import gaussian_smooth
from nestmotion.features.contacts import foot_contacts
from nestmotion.features.layout import FeatureLayout

__all__ = ["decode", "encode", "reconcile", "root_way"]

# Over this many seconds predicted path and heading begin to overrule the integrated velocities.
PATH_TRUST_S = 1.0

# While somebody turns faster than this, it is over more seconds: where he is and how he faces then
# depends on when exactly he turns, and the mean of all that is possible lags behind. docs/adr/0027
BRISK_RAD_S = np.deg2rad(30.0)

# Likewise where he is, while he goes faster than this: the mean of all paths falls behind.
# docs/adr/0031
BRISK_M_S = 2.0

# What direction and summed-up turning are off by is smoothed over this time (standard deviation).
DRIFT_S = 0.5

# Weight of a value that is given: it is kept to a ten-thousandth of what the velocities would change.
FIRM = 1e4


def _forward_difference(values: np.ndarray, fps: float) -> np.ndarray:
    """Change to the next frame a second; the last frame repeats the one before it."""
    if len(values) < 2:
        return np.zeros_like(values)
    step = np.diff(values, axis=0) * fps
    return np.concatenate((step, step[-1:]))


def encode(motion: Motion) -> Float[np.ndarray, "t f"]:
    """Features of a motion, columns as in FeatureLayout.of(motion.skeleton), float32.

    The motion is first turned and moved so that frame 0 is at the origin facing +Z; heights are kept,
    y = 0 is the floor.
    """
    motion = canonicalize(motion)
    layout = FeatureLayout.of(motion.skeleton)
    frames, fps = len(motion), motion.fps
    heading, root, position = motion.heading_rad, motion.root_m, motion.positions_m
    turn_back = quat_conjugate(quat_from_yaw(heading))
    local = motion.quat_local_xyzw.copy()
    local[:, 0] = quat_multiply(turn_back, local[:, 0])
    velocity = quat_apply(turn_back[:, None], _forward_difference(position, fps))
    relative = quat_apply(turn_back[:, None], position[:, 1:] - root[:, None])
    blocks = {
        "root_path": root[:, [0, 2]],
        "root_heading": np.stack((np.cos(heading), np.sin(heading)), axis=1),
        "root_height": root[:, [1]],
        "root_velocity": velocity[:, 0, [0, 2]],
        "heading_velocity": _forward_difference(heading[:, None], fps),
        "rotations": rotation_6d_from_matrix(quat_to_matrix(local)).reshape(frames, -1),
        "joint_positions": relative.reshape(frames, -1),
        "joint_velocities": velocity.reshape(frames, -1),
        "contacts": foot_contacts(motion),
    }
    features = np.empty((frames, layout.size), dtype=np.float32)
    for name, values in blocks.items():
        features[:, layout[name]] = values
    return features


def decode(
    features: Float[np.ndarray, "t f"],
    skeleton: Skeleton,
    fps: float,
    given: Bool[np.ndarray, "t f"] | None = None,
) -> Motion:
    """The motion of a feature matrix, in its canonical frame, from the root blocks and the rotations.

    given: features that are no guess; path and heading keep to them whatever the velocities say.
    Raises SettingsError (by way of Motion) when the features hold NaN.
    """
    layout = FeatureLayout.of(skeleton)
    f = np.asarray(features, dtype=np.float64)
    frames = len(f)
    heading, path = root_way(f, layout, fps, given)
    root = np.stack((path[:, 0], f[:, layout["root_height"]][:, 0], path[:, 1]), axis=1)
    turn = quat_from_yaw(heading)
    matrix = rotation_6d_to_matrix(f[:, layout["rotations"]].reshape(frames, len(skeleton), 6))
    local = quat_from_matrix(matrix)
    local[:, 0] = quat_multiply(turn, local[:, 0])
    return Motion(skeleton, fps, root, local)


def root_way(
    features: Float[np.ndarray, "t f"],
    layout: FeatureLayout,
    fps: float,
    given: Bool[np.ndarray, "t f"] | None = None,
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t 2"]]:
    """Heading in radians, without jumps, and x and z of the root in metres, as the root blocks of
    features say together. given: as for `decode`."""
    f = np.asarray(features, dtype=np.float64)
    firm = np.zeros(f.shape, dtype=bool) if given is None else given
    turning = f[:, layout["heading_velocity"]]
    turns = gaussian_smooth(turning[:, 0], DRIFT_S * fps) / BRISK_RAD_S
    goes = gaussian_smooth(f[:, layout["root_velocity"]], DRIFT_S * fps) / BRISK_M_S
    heading_s = PATH_TRUST_S * np.sqrt(1 + turns**2)
    path_s = PATH_TRUST_S * np.sqrt(1 + turns**2 + np.sum(goes**2, axis=1))
    direction = _direction(f[:, layout["root_heading"]], turning, fps)
    firm_heading = np.all(firm[:, layout["root_heading"]], axis=1)
    heading = reconcile(direction, turning, fps, firm_heading, heading_s)[:, 0]
    side, ahead = f[:, layout["root_velocity"]].T
    local = np.stack((side, np.zeros(len(f)), ahead), axis=1)
    velocity = quat_apply(quat_from_yaw(heading), local)[:, [0, 2]]
    firm_path = np.all(firm[:, layout["root_path"]], axis=1)
    return heading, reconcile(f[:, layout["root_path"]], velocity, fps, firm_path, path_s)


def _direction(
    cos_sin: Float[np.ndarray, "t 2"], velocity: Float[np.ndarray, "t 1"], fps: float
) -> Float[np.ndarray, "t 1"]:
    """Directions as radians, without jumps: known but for whole turns, and the velocity says which.

    A network's velocity, summed up, drifts away from its direction. What it is off by is followed from
    frame to frame, slower than noise and faster than it drifts; set against the sum itself, the
    direction would leap by a turn where they have drifted half a turn apart.
    """
    turned = np.concatenate(([0.0], np.cumsum(velocity[:-1, 0]) / fps))
    off = (cos_sin @ [1, 1j]) * np.exp(-1j * turned)
    drift = np.unwrap(np.angle(gaussian_smooth(off, DRIFT_S * fps)))
    direction = turned + drift + np.angle(off * np.exp(-1j * drift))
    direction -= 2 * np.pi * np.round(direction[0] / (2 * np.pi))
    return direction[:, None]


def reconcile(
    value: Float[np.ndarray, "t c"],
    velocity: Float[np.ndarray, "t c"],
    fps: float,
    firm: Bool[np.ndarray, "t"] | None = None,
    trust_s: Float[np.ndarray, "t"] | float = PATH_TRUST_S,
) -> Float[np.ndarray, "t c"]:
    """The curve x nearest to both `value` and `velocity` (per second, forward differences):

        minimise  sum_t |x[t+1] - x[t] - velocity[t]/fps|^2  +  sum_t w[t] |x[t] - value[t]|^2,
        w = 1 / (trust_s fps)^2,  and FIRM where the value is `firm`,

    which follows the velocity for movement quicker than trust_s and the value for slower ones.
    Where the two agree, x = value. The normal equations are tridiagonal (Thomas' algorithm).
    """
    frames = len(value)
    weight = np.broadcast_to(1.0 / (np.asarray(trust_s) * fps) ** 2, (frames,)).copy()
    if firm is not None:
        weight[firm] = FIRM
    step = velocity[:-1] / fps
    right = weight[:, None] * value
    right[1:] += step
    right[:-1] -= step
    diagonal = 2.0 + weight
    diagonal[[0, -1]] = 1.0 + weight[[0, -1]]
    if frames == 1:
        return value.copy()
    for t in range(1, frames):
        factor = 1.0 / diagonal[t - 1]
        diagonal[t] -= factor
        right[t] += factor * right[t - 1]
    result = np.empty_like(right)
    result[-1] = right[-1] / diagonal[-1]
    for t in range(frames - 2, -1, -1):
        result[t] = (right[t] + result[t + 1]) / diagonal[t]
    return result
