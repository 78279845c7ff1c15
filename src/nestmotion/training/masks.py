"""What a clip in training is said to be known of: nothing, or what a user may want to fix."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from nestmotion.features.known import frame_mask, joint_mask
from nestmotion.features.layout import FeatureLayout

__all__ = ["random_known"]

# Each with its share of the clips; half of them are made from text alone.
_KINDS = {
    "nothing": 0.5,
    "start": 0.16,
    "both ends": 0.06,
    "keyframes": 0.08,
    "path": 0.1,
    "path and heading": 0.04,
    "joints": 0.06,
}

_END_EFFECTORS = ("head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")


def random_known(
    layout: FeatureLayout, frames: int, joints: dict[str, int], rng: np.random.Generator
) -> Bool[np.ndarray, "t f"]:
    """A random mask for a clip of so many frames. joints: index of each joint by name."""
    kind = rng.choice(list(_KINDS), p=list(_KINDS.values()))
    held = np.zeros(frames, dtype=bool)
    if kind == "nothing":
        return np.zeros((frames, layout.size), dtype=bool)
    if kind in ("start", "both ends"):
        held[: rng.integers(1, max(frames // 2, 2))] = True
        if kind == "both ends":
            held[frames - rng.integers(1, max(frames // 3, 2)) :] = True
        return frame_mask(layout, held)
    if kind == "keyframes":
        held[rng.choice(frames, min(int(rng.integers(1, 7)), frames), replace=False)] = True
        return frame_mask(layout, held)
    if kind == "joints":
        names = rng.choice(_END_EFFECTORS, int(rng.integers(1, 4)), replace=False)
        columns = joint_mask(layout, [joints[name] for name in names])
        held[rng.choice(frames, min(int(rng.integers(1, 21)), frames), replace=False)] = True
        return held[:, None] & columns
    mask = np.zeros((frames, layout.size), dtype=bool)
    mask[:, layout["root_path"]] = True
    if kind == "path and heading":
        mask[:, layout["root_heading"]] = True
    if rng.random() < 0.3:  # waypoints instead of the whole path
        held[rng.choice(frames, min(int(rng.integers(2, 9)), frames), replace=False)] = True
        mask &= held[:, None]
    return mask
