"""The parts of the body that can be told apart, and their columns in a feature matrix."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from nestmotion.core import Skeleton
from nestmotion.features.layout import FeatureLayout

__all__ = ["PARTS", "part_columns", "parts_named"]

# Every joint is in one part. The pelvis carries the others about, so that it goes with the legs.
PARTS: dict[str, tuple[str, ...]] = {
    "legs": (
        "pelvis",
        *(f"{side}_{name}" for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")),
    ),
    "torso": ("spine1", "spine2", "spine3", "neck", "head"),
    "left arm": ("left_collar", "left_shoulder", "left_elbow", "left_wrist"),
    "right arm": ("right_collar", "right_shoulder", "right_elbow", "right_wrist"),
}

_ROOT_BLOCKS = (
    "root_path",
    "root_heading",
    "root_height",
    "root_velocity",
    "heading_velocity",
    "contacts",
)

_ARM = r"(?:arm|hand|wrist|elbow|fist|palm)"
_WORDS = {
    "legs": re.compile(r"\b(?:legs?|foot|feet|knees?|kick(?:s|ing)?)\b"),
    "torso": re.compile(r"\b(?:head|torso|chest|waist|nod(?:s|ding)?|bow(?:s|ing)?)\b"),
    "left arm": re.compile(rf"\bleft {_ARM}\b|\b{_ARM}s\b"),
    "right arm": re.compile(rf"\bright {_ARM}\b|\b{_ARM}s\b"),
}


def part_columns(skeleton: Skeleton, parts: Iterable[str]) -> Bool[np.ndarray, "f"]:
    """The feature columns of these parts' joints; with the legs also those of root and contacts."""
    layout = FeatureLayout.of(skeleton)
    columns = np.zeros(layout.size, dtype=bool)
    for part in parts:
        if part == "legs":
            for block in _ROOT_BLOCKS:
                columns[layout[block]] = True
        for joint in map(skeleton.index, PARTS[part]):
            for block, width, first in (
                ("rotations", 6, 0),
                ("joint_positions", 3, 1),
                ("joint_velocities", 3, 0),
            ):
                if joint >= first:
                    start = layout[block].start + width * (joint - first)
                    columns[start : start + width] = True
    return columns


def parts_named(text: str) -> tuple[str, ...]:
    """The parts whose names stand in a sentence: "waves the right hand" names the right arm."""
    return tuple(part for part, words in _WORDS.items() if words.search(text.lower()))
