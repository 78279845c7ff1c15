"""NPZ, nestmotion's own lossless format: every number of a motion, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import FormatError, OutputError, SettingsError
from nestmotion.io._npz_arrays import numbers, read_arrays, text, write_arrays

__all__ = ["NPZ_SCHEMA_VERSION", "decode_metadata", "encode_metadata", "load_npz", "save_npz"]

NPZ_SCHEMA_VERSION = 1
_KEYS = (
    "schema_version",
    "joint_names",
    "parents",
    "offsets_m",
    "fps",
    "root_m",
    "quat_local_xyzw",
    "metadata_json",
)


def save_npz(motion: Motion, path: str | Path) -> None:
    """Write schema_version, joint_names (J,), parents (J,), offsets_m (J, 3), fps, root_m (T, 3),
    quat_local_xyzw (T, J, 4) and metadata_json, numbers as float64.

    Raises OutputError when the metadata is not plain JSON or the file cannot be written.
    """
    sk = motion.skeleton
    arrays = {
        "schema_version": np.array(NPZ_SCHEMA_VERSION),
        "joint_names": np.array(sk.joint_names),
        "parents": np.array(sk.parents),
        "offsets_m": sk.offsets_m,
        "fps": np.array(motion.fps),
        "root_m": motion.root_m,
        "quat_local_xyzw": motion.quat_local_xyzw,
        "metadata_json": encode_metadata(motion, path),
    }
    write_arrays(path, arrays)


def load_npz(path: str | Path) -> Motion:
    """Read what `save_npz` wrote: the same skeleton, frame rate, arrays and metadata.

    Raises FormatError when the file is not such an NPZ, is damaged, holds pickled objects or was
    written by a newer nestmotion.
    """
    arrays = read_arrays(path, _KEYS)
    if "schema_version" not in arrays:
        raise FormatError(
            path, "not a nestmotion NPZ (no schema_version), nor AMASS (no poses and trans)"
        )
    version = numbers(path, arrays, "schema_version", ())
    if version > NPZ_SCHEMA_VERSION:
        raise FormatError(
            path,
            f"has schema version {version:g}, newer than the {NPZ_SCHEMA_VERSION} known here; "
            "update nestmotion",
        )
    parents = numbers(path, arrays, "parents", (None,))
    if not np.isfinite(parents).all():
        raise FormatError(path, "parents holds NaN or infinity")
    try:
        skeleton = Skeleton(
            tuple(text(path, arrays, "joint_names")),
            tuple(int(p) for p in parents),
            numbers(path, arrays, "offsets_m", (None, 3)),
        )
        return Motion(
            skeleton,
            float(numbers(path, arrays, "fps", ())),
            numbers(path, arrays, "root_m", (None, 3)),
            numbers(path, arrays, "quat_local_xyzw", (None, len(skeleton), 4)),
            decode_metadata(path, arrays),
        )
    except SettingsError as error:
        raise FormatError(path, str(error)) from None


def encode_metadata(motion: Motion, path: str | Path) -> np.ndarray:
    """Metadata as an array that holds one JSON text. Raises OutputError when it is not plain JSON."""
    try:
        return np.array(json.dumps(dict(motion.metadata)))
    except (TypeError, ValueError) as error:
        raise OutputError(f"{path}: the metadata is not plain JSON: {error}") from None


def decode_metadata(path: str | Path, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Inverse of `encode_metadata`."""
    try:
        metadata = json.loads("".join(text(path, arrays, "metadata_json")))
    except (ValueError, RecursionError) as error:
        raise FormatError(path, f"metadata_json is not JSON: {error}") from None
    if not isinstance(metadata, dict):
        raise FormatError(path, "metadata_json is not a JSON object")
    return metadata
