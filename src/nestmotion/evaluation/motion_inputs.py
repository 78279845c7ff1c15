"""What the evaluator sees of a motion: numbers that joint positions alone give.

Outside models often come as joints without rotations, so nothing here needs a rotation. Where on the
floor and in which direction a motion starts makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import canonical_skeleton
from nestmotion.core.errors import SettingsError

__all__ = [
    "FPS",
    "INPUT_SIZE",
    "JOINTS",
    "PATCH_FRAMES",
    "mirror_positions",
    "motion_inputs",
    "padded_inputs",
    "resample_positions",
]

FPS = 20.0
JOINTS = 22

# Positions and velocities of all joints, heading velocity, path and heading since the first frame.
INPUT_SIZE = 3 * JOINTS + 3 * JOINTS + 1 + 2 + 2

# Frames that the evaluator reads as one token.
PATCH_FRAMES = 8

_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = 1, 2, 16, 17

# Bodies on their side have hips and shoulders above one another; their heading may flip in a frame.
_FASTEST_TURN_RAD_S = 12.0


def motion_inputs(positions_m: Float[np.ndarray, "t 22 3"]) -> Float[np.ndarray, "t f"]:
    """Inputs of every frame from joint positions at 20 fps, in SMPL's order, y up, the floor at 0.

    Columns: all joints with the root's x and z taken off, in the heading frame, m (66); world
    velocity of all joints in the axes of the heading frame, m/s (66); heading velocity, rad/s (1);
    x and z of the root in the first frame's heading frame, m (2); cosine and sine of the heading
    since the first frame (2). The heading is at right angles to hips and shoulders.
    Raises SettingsError on a wrong shape.
    """
    p = np.asarray(positions_m, dtype=np.float32)
    if p.ndim != 3 or p.shape[1:] != (JOINTS, 3) or len(p) == 0:
        raise SettingsError(f"joint positions must be (T, 22, 3) with T > 0, not {p.shape}")
    heading = _heading_rad(p)
    since_start = heading - heading[0]
    turn = _forward_difference(np.unwrap(heading))
    path = p[:, 0] - p[0, 0]
    relative = p - p[:, :1] * np.array([1, 0, 1], dtype=np.float32)
    blocks = (
        _seen_from(relative, heading[:, None]).reshape(len(p), -1),
        _seen_from(_forward_difference(p), heading[:, None]).reshape(len(p), -1),
        np.clip(turn, -_FASTEST_TURN_RAD_S, _FASTEST_TURN_RAD_S)[:, None],
        _seen_from(path, heading[0])[:, [0, 2]],
        np.stack((np.cos(since_start), np.sin(since_start)), axis=1),
    )
    return np.concatenate(blocks, axis=1).astype(np.float32)


def _heading_rad(p: Float[np.ndarray, "t 22 3"]) -> Float[np.ndarray, "t"]:
    """Direction at right angles to hips and shoulders; 0 faces +Z, pi/2 faces +X."""
    across = p[:, _LEFT_HIP] - p[:, _RIGHT_HIP] + p[:, _LEFT_SHOULDER] - p[:, _RIGHT_SHOULDER]
    return np.arctan2(-across[:, 2], across[:, 0])


def _seen_from(vectors: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Vectors in the axes of someone with this heading: x to the left, z ahead."""
    c, s = np.cos(heading), np.sin(heading)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack((c * x - s * z, y, s * x + c * z), axis=-1)


def _forward_difference(values: Float[np.ndarray, "t ..."]) -> Float[np.ndarray, "t ..."]:
    """Change to the next frame a second; the last frame repeats the one before it."""
    if len(values) < 2:
        return np.zeros_like(values)
    step = np.diff(values, axis=0) * FPS
    return np.concatenate((step, step[-1:]))


def padded_inputs(
    positions_m: Sequence[Float[np.ndarray, "_ 22 3"]],
) -> tuple[Float[np.ndarray, "b t f"], Bool[np.ndarray, "b t"]]:
    """Inputs of several motions, filled up with zeros to a whole number of patches, and which frames
    are real."""
    frames = -(-max(map(len, positions_m)) // PATCH_FRAMES) * PATCH_FRAMES
    inputs = np.zeros((len(positions_m), frames, INPUT_SIZE), dtype=np.float32)
    valid = np.zeros((len(positions_m), frames), dtype=bool)
    for row, positions in enumerate(positions_m):
        inputs[row, : len(positions)], valid[row, : len(positions)] = motion_inputs(positions), True
    return inputs, valid


def resample_positions(
    positions_m: Float[np.ndarray, "t 22 3"], fps: float, new_fps: float = FPS
) -> Float[np.ndarray, "s 22 3"]:
    """Positions at another frame rate by linear interpolation, first frame kept."""
    p = np.asarray(positions_m)
    last = len(p) - 1
    if fps == new_fps or last == 0:
        return p
    at = np.arange(int(np.floor(last / fps * new_fps + 1e-6)) + 1) * (fps / new_fps)
    low = np.minimum(at.astype(int), last - 1)
    part = (at - low)[:, None, None].astype(p.dtype)
    return p[low] * (1 - part) + p[low + 1] * part


def mirror_positions(positions_m: Float[np.ndarray, "*b 22 3"]) -> Float[np.ndarray, "*b 22 3"]:
    """Reflected in x = 0, left and right joints exchanged."""
    swap = list(canonical_skeleton().mirror_indices)
    return positions_m[..., swap, :] * np.array([-1, 1, 1], dtype=positions_m.dtype)
