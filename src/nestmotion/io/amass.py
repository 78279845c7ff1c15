"""AMASS-style NPZ: SMPL pose parameters and a path, in a world whose Z points up.

The layout is that of the AMASS archive (Mahmood et al., "AMASS: Archive of Motion Capture as Surface
Shapes", ICCV 2019): poses (T, 156) axis-angle in radians, 3 numbers a joint, SMPL's 22 body joints
first and the hands after them; trans (T, 3) in metres; mocap_frame_rate; gender; betas.

SMPL's body is not shipped, so the first 22 rotations are put on our canonical skeleton, whose joint
order, hierarchy and T-pose are SMPL's but whose bone lengths are its own. SMPL places the pelvis at
trans plus a constant of the body's shape (about 0.2 m along the world's Y, which is level in AMASS);
that constant is left out, so a body stands elsewhere on the floor but moves alike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.errors import FormatError, SettingsError
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_rotation_vector,
    quat_multiply,
    quat_to_rotation_vector,
)
from nestmotion.io._npz_arrays import array_names, numbers, read_arrays, text, write_arrays
from nestmotion.io.npz import decode_metadata, encode_metadata

__all__ = ["is_amass", "load_amass", "save_amass"]

# A quarter turn about -X, (x, y, z) -> (x, z, -y): from the Z-up world of AMASS to our Y-up one.
_FROM_Z_UP = np.array((-np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)))
_NUMBERS = 156
_RATE_KEYS = ("mocap_frame_rate", "mocap_framerate")


def is_amass(path: str | Path) -> bool:
    """Whether an NPZ file has the arrays of AMASS. Raises FormatError when it is no NPZ."""
    return {"poses", "trans"} <= array_names(path)


def load_amass(path: str | Path) -> Motion:
    """Read an AMASS-style NPZ onto the canonical skeleton, Y up.

    Poses may have 66 numbers a frame or more (72 in SMPL, 156 in SMPL+H, 165 in SMPL-X); those after
    the first 66 are left out. The frame rate may be called mocap_frame_rate or mocap_framerate. gender,
    when the file has it, goes into the metadata.
    Raises FormatError naming the array that is missing or wrong.
    """
    arrays = read_arrays(path, ("poses", "trans", *_RATE_KEYS, "gender", "metadata_json"))
    sk = canonical_skeleton()
    body = 3 * len(sk)
    poses = numbers(path, arrays, "poses", (None, None))
    if poses.shape[1] < body:
        raise FormatError(
            path, f"expected poses of {body} numbers a frame or more, found {poses.shape[1]}"
        )
    if len(poses) == 0:
        raise FormatError(path, "holds no frames")
    rate_key = next((key for key in _RATE_KEYS if key in arrays), _RATE_KEYS[0])
    fps = numbers(path, arrays, rate_key, ())
    quat = quat_from_rotation_vector(poses[:, :body].reshape(-1, len(sk), 3))
    quat[:, 0] = quat_multiply(_FROM_Z_UP, quat[:, 0])
    root = quat_apply(_FROM_Z_UP, numbers(path, arrays, "trans", (len(poses), 3)))
    metadata = decode_metadata(path, arrays) if "metadata_json" in arrays else {}
    if "gender" in arrays and arrays["gender"].dtype.kind == "U":
        metadata.setdefault("gender", "".join(text(path, arrays, "gender")))
    try:
        return Motion(sk, float(fps), root, quat, metadata)
    except SettingsError as error:
        raise FormatError(path, str(error)) from None


def save_amass(motion: Motion, path: str | Path) -> None:
    """Write poses (T, 156, hands zero), trans, mocap_frame_rate, gender ("neutral" unless the metadata
    has one), betas (16 zeros) and, ours alone, metadata_json.

    Raises SettingsError when the motion is not on the canonical skeleton, OutputError when the file
    cannot be written.
    """
    sk = motion.skeleton
    if sk != canonical_skeleton():
        raise SettingsError(
            f"{path}: an AMASS file holds motion of the canonical {len(canonical_skeleton())}-joint "
            "skeleton only; this motion has another skeleton, convert with --retarget"
        )
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_multiply(quat_conjugate(_FROM_Z_UP), quat[:, 0])
    poses = np.zeros((len(motion), _NUMBERS))
    poses[:, : 3 * len(sk)] = quat_to_rotation_vector(quat).reshape(len(motion), -1)
    arrays = {
        "poses": poses,
        "trans": quat_apply(quat_conjugate(_FROM_Z_UP), motion.root_m),
        "mocap_frame_rate": np.array(motion.fps),
        "gender": np.array(str(motion.metadata.get("gender", "neutral"))),
        "betas": np.zeros(16),
        "metadata_json": encode_metadata(motion, path),
    }
    write_arrays(path, arrays)
