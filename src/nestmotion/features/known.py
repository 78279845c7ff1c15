"""Which columns of which frames are known, for motion that has to keep to something given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.core.errors import SettingsError
from nestmotion.features.codec import encode
from nestmotion.features.layout import FeatureLayout

__all__ = ["Known", "known_frames", "known_joints", "known_path"]

_VELOCITIES = ("root_velocity", "heading_velocity", "joint_velocities")
_PLACE = ("root_path", "root_heading")


@dataclass(frozen=True)
class Known:
    """Features (T, F), not normalised, in the frame of the clip's first frame, and where they hold."""

    features: Float[np.ndarray, "t f"]
    mask: Bool[np.ndarray, "t f"]

    def __or__(self, other: Known) -> Known:
        """Both; where they contradict each other, the left one holds."""
        if self.features.shape != other.features.shape:
            raise SettingsError(
                f"known values of {len(self.mask)} and {len(other.mask)} frames do not fit together"
            )
        features = np.where(self.mask, self.features, other.features)
        return Known(features, self.mask | other.mask)


def known_frames(motion: Motion, frames: Sequence[int] | slice, total: int) -> Known:
    """Whole frames of `motion` at the same places in a clip of `total` frames.

    The clip's frame 0 must be frame 0 of `motion`. A velocity is known where the next frame is, too.
    """
    layout = FeatureLayout.of(motion.skeleton)
    given = encode(motion)
    features = np.zeros((total, layout.size), dtype=np.float32)
    count = min(len(given), total)
    features[:count] = given[:count]
    held = np.zeros(total, dtype=bool)
    held[:count][frames] = True
    return Known(features, frame_mask(layout, held))


def frame_mask(layout: FeatureLayout, held: Bool[np.ndarray, "t"]) -> Bool[np.ndarray, "t f"]:
    """All columns of the held frames; velocities, which look ahead, where the next is held too."""
    mask = np.repeat(held[:, None], layout.size, axis=1)
    ahead = np.append(held[1:], False) & held
    for name in _VELOCITIES:
        mask[:, layout[name]] = ahead[:, None]
    return mask


def known_path(
    path_m: Float[np.ndarray, "t 2"],
    heading_rad: Float[np.ndarray, "t"] | None = None,
    joints: int = 22,
) -> Known:
    """Where the root is over the floor (x left, z forward, metres, from (0, 0)), and its heading
    (radians, from 0) if given, at every frame. NaN where it is not given.

    Raises SettingsError when the path has a single frame or does not begin at the origin.
    """
    layout = FeatureLayout(joints)
    path_m = np.asarray(path_m, dtype=np.float32)
    if len(path_m) < 2 or path_m.shape[1:] != (2,):
        raise SettingsError(f"a path needs two or more frames of x and z, not shape {path_m.shape}")
    start = path_m[0]
    if np.isfinite(start).all() and np.abs(start).max() > 1e-3:
        raise SettingsError(f"a path must begin at (0, 0), not at ({start[0]:.3g}, {start[1]:.3g})")
    features = np.zeros((len(path_m), layout.size), dtype=np.float32)
    mask = np.zeros(features.shape, dtype=bool)
    features[:, layout["root_path"]] = np.nan_to_num(path_m)
    mask[:, layout["root_path"]] = np.isfinite(path_m).all(axis=1)[:, None]
    if heading_rad is not None:
        both = np.stack((np.cos(heading_rad), np.sin(heading_rad)), axis=1)
        features[:, layout["root_heading"]] = np.nan_to_num(both)
        mask[:, layout["root_heading"]] = np.isfinite(heading_rad)[:, None]
    return Known(features, mask)


def known_joints(motion: Motion, joints: Sequence[str], frames: Sequence[int], total: int) -> Known:
    """Where some joints of `motion` are at some frames: their places relative to the root, and the
    root's place, heading and height there."""
    layout = FeatureLayout.of(motion.skeleton)
    whole = known_frames(motion, frames, total)
    columns = joint_mask(layout, [motion.skeleton.index(name) for name in joints])
    return Known(whole.features, whole.mask & columns)


def joint_mask(layout: FeatureLayout, joints: Sequence[int]) -> Bool[np.ndarray, "f"]:
    """The columns that place these joints in the world."""
    columns = np.zeros(layout.size, dtype=bool)
    for name in (*_PLACE, "root_height"):
        columns[layout[name]] = True
    start = layout["joint_positions"].start
    for joint in joints:
        if joint:
            columns[start + 3 * (joint - 1) : start + 3 * joint] = True
    return columns
