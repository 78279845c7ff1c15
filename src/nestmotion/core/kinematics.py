"""Forward kinematics, written once against the Python array API (NumPy and torch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace
from jaxtyping import Float

from nestmotion.core.rotations import quat_apply, quat_multiply

__all__ = ["forward_kinematics", "local_from_world"]


def forward_kinematics(
    parents: Sequence[int],
    offsets_m: Float[Any, "*#b j 3"],
    quat_local_xyzw: Float[Any, "*b j 4"],
    root_m: Float[Any, "*b 3"],
) -> tuple[Float[Any, "*b j 3"], Float[Any, "*b j 4"]]:
    """World positions (metres) and world rotations (xyzw) of every joint.

    `parents[j] < j` for every joint but the root, which is joint 0 with parent -1. The root's own
    offset is not used: `root_m` is its world position.

        q_world[j] = q_world[parent] * q_local[j]
        p[j]       = p[parent] + q_world[parent] . offset[j]
    """
    xp = array_namespace(quat_local_xyzw, root_m)
    positions = [root_m]
    rotations = [quat_local_xyzw[..., 0, :]]
    for j in range(1, len(parents)):
        parent = parents[j]
        step = quat_apply(rotations[parent], offsets_m[..., j, :])
        positions.append(positions[parent] + step)
        rotations.append(quat_multiply(rotations[parent], quat_local_xyzw[..., j, :]))
    return xp.stack(positions, axis=-2), xp.stack(rotations, axis=-2)


def local_from_world(
    parents: Sequence[int], quat_world_xyzw: Float[Any, "*b j 4"]
) -> Float[Any, "*b j 4"]:
    """Local rotations from world rotations: the inverse of the rotation half of kinematics."""
    xp = array_namespace(quat_world_xyzw)
    parent = [max(p, 0) for p in parents]
    of_parent = xp.stack([quat_world_xyzw[..., p, :] for p in parent], axis=-2)
    inverse = xp.concat((-of_parent[..., :3], of_parent[..., 3:]), axis=-1)
    local = quat_multiply(inverse, quat_world_xyzw)
    return xp.concat((quat_world_xyzw[..., :1, :], local[..., 1:, :]), axis=-2)
