"""HumanML3D's 263 numbers a frame: from joint positions and back, and the `.npy` files that hold them.

The format is that of Guo et al., "Generating Diverse and Natural 3D Human Motions from Text" (CVPR
2022), as defined by the notebook `motion_representation` of their repository HumanML3D (MIT licence).
World frame: metres, Y up, 20 frames a second, 22 joints in SMPL's order. Written from the recipe; what
the published files owe to its quirks is kept and marked as such.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import resample
from nestmotion.core.errors import FormatError, SettingsError
from nestmotion.core.retarget import fit_rotations
from nestmotion.core.rotations import (
    canonical_sign,
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_from_yaw,
    quat_multiply,
    quat_to_matrix,
    rotation_6d_from_matrix,
)
from nestmotion.core.smoothing import gaussian_smooth
from nestmotion.io._atomic import atomic_write

__all__ = [
    "FPS",
    "LAYOUT",
    "HumanML3DLayout",
    "decode_positions",
    "encode_positions",
    "load_humanml3d",
    "save_humanml3d",
]

FPS = 20.0
JOINTS = 22


class HumanML3DLayout(NamedTuple):
    """Where each block lies among the 263 numbers of a frame. "Heading frame": turned about the
    vertical so that the person faces +Z. Step: from this frame to the next."""

    yaw_step: slice = slice(0, 1)  # half the angle by which world turns against heading frame
    root_step: slice = slice(1, 3)  # x and z of the root's step, in the next frame's heading frame
    root_height: slice = slice(3, 4)
    local_positions: slice = slice(4, 67)  # joints 1 to 21, root's x and z taken off
    rotations_6d: slice = slice(67, 193)  # joints 1 to 21, naive IK: for comparison only
    local_steps: slice = slice(193, 259)  # all 22 joints
    contacts: slice = slice(259, 263)  # left ankle, left foot, right ankle, right foot: 1 = still
    width: int = 263


LAYOUT = HumanML3DLayout()

CONTACT_JOINTS = (7, 10, 8, 11)
STILL_SQUARED_STEP = 0.002
LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER = 1, 2, 16, 17
HEADING_SMOOTHING_FRAMES = 20.0

# The skeleton that the naive IK turns: chains of joints and the axis each joint's bone has at rest.
IK_CHAINS = (
    (0, 2, 5, 8, 11),
    (0, 1, 4, 7, 10),
    (0, 3, 6, 9, 12, 15),
    (9, 14, 17, 19, 21),
    (9, 13, 16, 18, 20),
)
_X, _Y, _Z = np.eye(3)
_SPINE, _LEG, _ARM = _Y, -_Y, -_Y
IK_AXES = (
    *(0 * _Y, _X, -_X),  # root, hips
    *(_SPINE, _LEG, _LEG, _SPINE, _LEG, _LEG, _SPINE),
    *(_Z, _Z, _SPINE, _X, -_X, _Z),  # feet, neck, collars, head
    *(_ARM, _ARM, _ARM, _ARM, _ARM, _ARM),
)

# Directions of the trunk's and feet's bones of HumanML3D's person that mean "at rest" on our skeleton,
# whose joints lie elsewhere: those that take the mean pose of HumanML3D (its Mean.npy, MIT licence) to
# the mean pose of our corpus, with the trunk's lean from hips to neck left as HumanML3D has it. The
# head's bone is matched to the head and not to the neck, so that the face looks where it should.
REST_DIRECTIONS = {
    "spine1": (0.0, 0.913, -0.409),
    "spine2": (0.0, 0.996, 0.091),
    "spine3": (0.0, 0.973, 0.231),
    "neck": (0.0, 0.998, -0.057),
    "head": (0.0, 0.596, 0.803),
    "left_collar": (0.489, 0.867, -0.094),
    "right_collar": (-0.489, 0.867, -0.094),
    "left_shoulder": (0.997, -0.073, 0.021),
    "right_shoulder": (-0.997, -0.073, 0.021),
    "left_foot": (0.237, -0.396, 0.887),
    "right_foot": (-0.237, -0.396, 0.887),
}


def encode_positions(positions_m: Float[np.ndarray, "t 22 3"]) -> Float[np.ndarray, "s 263"]:
    """Features of T frames of joint positions: T - 1 rows, for each row needs the frame after it.

    The published files start over the world's origin, facing +Z, with the lowest joint at height 0;
    positions are taken as they come here (`save_humanml3d` places them so).
    Raises SettingsError on a wrong shape, fewer than two frames, NaN.
    """
    positions = np.asarray(positions_m, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (JOINTS, 3) or len(positions) < 2:
        raise SettingsError(f"joint positions must be (T, 22, 3) with T > 1, not {positions.shape}")
    if not np.isfinite(positions).all():
        raise SettingsError("the joint positions hold NaN or infinity")
    heading = _heading_from_world(positions)
    steps = np.diff(positions, axis=0)
    centred = positions - positions[:, :1] * (1, 0, 1)
    rows = len(positions) - 1

    features = np.empty((rows, LAYOUT.width))
    # The recipe lacks the sign, and so turns a step over when the person faces away from +Z.
    turn = canonical_sign(quat_multiply(heading[1:], quat_conjugate(heading[:-1])))
    features[:, LAYOUT.yaw_step] = np.arcsin(np.clip(turn[:, 1:2], -1, 1))
    features[:, LAYOUT.root_step] = quat_apply(heading[1:], steps[:, 0])[:, [0, 2]]
    features[:, LAYOUT.root_height] = positions[:-1, 0, 1:2]
    local = quat_apply(heading[:-1, None], centred[:-1, 1:])
    features[:, LAYOUT.local_positions] = local.reshape(rows, -1)
    features[:, LAYOUT.rotations_6d] = _naive_rotations_6d(positions, heading)[:-1]
    features[:, LAYOUT.local_steps] = quat_apply(heading[:-1, None], steps).reshape(rows, -1)
    squared = np.square(steps[:, CONTACT_JOINTS]).sum(axis=-1)
    features[:, LAYOUT.contacts] = squared < STILL_SQUARED_STEP
    return features


def _heading_from_world(positions: Float[np.ndarray, "t 22 3"]) -> Float[np.ndarray, "t 4"]:
    """Rotation from the world to the heading frame.

    Three quirks of the published files: left and right hip are swapped, so that the hips count
    against the shoulders; the forward direction is smoothed over seconds; and the first frame is said
    to face +Z whether it does or not.
    """
    across = positions[:, LEFT_HIP] - positions[:, RIGHT_HIP]
    across = across + positions[:, RIGHT_SHOULDER] - positions[:, LEFT_SHOULDER]
    forward = np.cross(_Y, _unit(across))
    forward = _unit(gaussian_smooth(forward, HEADING_SMOOTHING_FRAMES))
    heading = quat_between(forward, _Z)
    heading[0] = (0, 0, 0, 1)
    return heading


def _unit(vectors: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _naive_rotations_6d(
    positions: Float[np.ndarray, "t 22 3"], heading: Float[np.ndarray, "t 4"]
) -> Float[np.ndarray, "t 126"]:
    """The smallest rotation of each bone from its axis, relative to the one before in its chain.

    Quirks kept: every chain starts from the heading rotation, the arms' too, and that rotation is the
    one from world to heading frame where its inverse would be meant.
    """
    local = np.empty((len(positions), JOINTS, 4))
    for chain in IK_CHAINS:
        before = heading
        for parent, joint in pairwise(chain):
            bone = quat_between(IK_AXES[joint], positions[:, joint] - positions[:, parent])
            local[:, joint] = quat_multiply(quat_conjugate(before), bone)
            before = bone
    return rotation_6d_from_matrix(quat_to_matrix(local[:, 1:])).reshape(len(positions), -1)


def decode_positions(features: Float[np.ndarray, "t 263"]) -> Float[np.ndarray, "t 22 3"]:
    """Joint positions from the features: root and heading are summed up from their steps, starting
    over the origin and facing +Z, and the local positions set upon them. Rotations, local steps and
    contacts are not used.

    Raises SettingsError on a wrong shape or NaN.
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or features.shape[1] != LAYOUT.width or len(features) == 0:
        raise SettingsError(f"HumanML3D features must be (T, 263) with T > 0, not {features.shape}")
    if not np.isfinite(features).all():
        raise SettingsError("the HumanML3D features hold NaN or infinity")
    half_yaw = _running_sum(features[:, LAYOUT.yaw_step])[:, 0]
    world_from_heading = quat_conjugate(quat_from_yaw(2 * half_yaw))

    # A row's root step is seen from the next frame's heading, so it is delayed before it is turned.
    step = np.zeros((len(features), 3))
    step[1:, [0, 2]] = features[:-1, LAYOUT.root_step]
    root = np.cumsum(quat_apply(world_from_heading, step), axis=0)
    local = features[:, LAYOUT.local_positions].reshape(-1, JOINTS - 1, 3)
    joints = root[:, None] + quat_apply(world_from_heading[:, None], local)
    root[:, 1] = features[:, LAYOUT.root_height][:, 0]
    return np.concatenate((root[:, None], joints), axis=1)


def _running_sum(steps: Float[np.ndarray, "t n"]) -> Float[np.ndarray, "t n"]:
    """Sum of all earlier steps, 0 at the first frame."""
    return np.concatenate((np.zeros_like(steps[:1]), np.cumsum(steps[:-1], axis=0)))


def load_humanml3d(path: str | Path) -> Motion:
    """Read a HumanML3D `.npy` file: features (T, 263) or joint positions (T, 22, 3), 20 fps.

    The canonical skeleton is fitted to the positions (`core.retarget.fit_rotations`); the file's own
    rotations are not used.
    Raises FormatError when the file cannot be read, is not a NumPy array of numbers, has another
    shape, is cut off, or holds NaN.
    """
    array = _read_array(Path(path))
    try:
        positions = array if array.ndim == 3 else decode_positions(array)
        return fit_rotations(positions, FPS, rest_directions=REST_DIRECTIONS)
    except SettingsError as error:
        raise FormatError(path, str(error)) from None


def _read_array(path: Path) -> np.ndarray:
    """The array in a `.npy` file. It is mapped before it is copied, so that a header that claims more
    than the file holds is refused without allocating."""
    try:
        with np.errstate(over="ignore"):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise FormatError(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, EOFError, OverflowError, SyntaxError, TokenError, BadZipFile) as error:
        python = "Python objects in dtype" in str(error)
        reason = "it holds Python objects" if python else "it is of another kind, damaged or cut off"
        raise FormatError(path, f"not a usable .npy file: {reason}") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise FormatError(path, "not a usable .npy file: it is a .npz archive")
    if array.dtype.kind not in "fiu":
        raise FormatError(path, f"the array must hold real numbers, not {array.dtype}")
    if array.shape[1:] not in ((LAYOUT.width,), (JOINTS, 3)) or len(array) == 0:
        raise FormatError(
            path, f"the array must be (T, 263) or (T, 22, 3) with T > 0, not {array.shape}"
        )
    return np.array(array, dtype=np.float64)


def save_humanml3d(motion: Motion, path: str | Path) -> None:
    """Write the 263 features of a motion, at 20 fps: one row fewer than frames, 32-bit floats.

    As in the published files the first frame stands over the origin and faces +Z and the lowest joint
    touches the floor; the bones keep our lengths.
    Raises SettingsError when the motion is not on the canonical skeleton or is shorter than two frames
    at 20 fps, OutputError when the file cannot be written.
    """
    if motion.skeleton != canonical_skeleton():
        raise SettingsError(
            "HumanML3D files hold the canonical 22 joints only; convert with --retarget"
        )
    features = encode_positions(_placed(resample(motion, FPS).positions_m))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, features.astype(np.float32), allow_pickle=False)


def _placed(positions: Float[np.ndarray, "t 22 3"]) -> Float[np.ndarray, "t 22 3"]:
    """Start over the origin, facing +Z by hips and shoulders, lowest joint at height 0."""
    first = positions[0]
    across = first[LEFT_HIP] - first[RIGHT_HIP] + first[LEFT_SHOULDER] - first[RIGHT_SHOULDER]
    yaw = np.arctan2(-across[2], across[0])
    corner = np.array((first[0, 0], positions[..., 1].min(), first[0, 2]))
    return quat_apply(quat_from_yaw(-yaw), positions - corner)
