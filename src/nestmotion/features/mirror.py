"""Left-right mirroring of feature matrices: a permutation of columns with signs.

Gives the same numbers as encoding the mirrored motion (core.edit.mirror), at no cost: all blocks are
linear in what a reflection in x = 0 flips.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, Int

from nestmotion.core import canonical_skeleton
from nestmotion.features.layout import CONTACT_JOINTS, FeatureLayout

__all__ = ["mirror_features"]

# A reflection keeps the x axis of every matrix and flips what couples x with y or z: M' = S M S with
# S = diag(-1, 1, 1). The 6D numbers are the first two columns of M.
_SIGNS_6D = (1, -1, -1, -1, 1, 1)
_SIGNS_3D = (-1, 1, 1)


@cache
def _mirror_map() -> tuple[Int[np.ndarray, "f"], Float[np.ndarray, "f"]]:
    layout = FeatureLayout.of(canonical_skeleton())
    swap = np.array(canonical_skeleton().mirror_indices)
    contact_swap = [
        CONTACT_JOINTS.index(name.replace("left", "*").replace("right", "left").replace("*", "right"))
        for name in CONTACT_JOINTS
    ]
    source = np.arange(layout.size)
    sign = np.ones(layout.size, dtype=np.float32)

    def block(name: str, order: np.ndarray, signs: tuple[int, ...]) -> None:
        columns = source[layout[name]].reshape(len(order), len(signs))
        source[layout[name]] = columns[order].ravel()
        sign[layout[name]] = np.tile(signs, len(order))

    one = np.zeros(1, dtype=int)
    block("root_path", one, (-1, 1))
    block("root_heading", one, (1, -1))
    block("root_velocity", one, (-1, 1))
    block("heading_velocity", one, (-1,))
    block("rotations", swap, _SIGNS_6D)
    block("joint_positions", swap[1:] - 1, _SIGNS_3D)
    block("joint_velocities", swap, _SIGNS_3D)
    block("contacts", np.array(contact_swap), (1,))
    return source, sign


def mirror_features(features: Float[np.ndarray, "*t f"]) -> Float[np.ndarray, "*t f"]:
    """Features of the mirrored motion; features of the canonical skeleton, not normalised."""
    source, sign = _mirror_map()
    return features[..., source] * sign
