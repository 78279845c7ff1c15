"""The named blocks of a feature vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nestmotion.core.skeleton import Skeleton

__all__ = ["CONTACT_JOINTS", "FeatureLayout"]

CONTACT_JOINTS = ("left_ankle", "left_foot", "right_ankle", "right_foot")


@dataclass(frozen=True)
class FeatureLayout:
    """Which columns of a feature matrix (T, size) hold what, for a skeleton of `joints` joints.

    The canonical frame has the first frame's root over the origin, facing +Z. The heading frame is at
    the root's place on the floor and faces where the root faces (features/codec.py).

    root_path: x, z of the root in the canonical frame, m.
    root_heading: cosine and sine of the heading.
    root_height: y of the root, m.
    root_velocity: velocity of the root over the floor in the heading frame (x left, z forward), m/s.
    heading_velocity: rad/s, positive to the left.
    rotations: 6D local rotations; the root's is what remains once the heading is taken off.
    joint_positions: of all joints but the root, relative to the root, heading frame, m.
    joint_velocities: of all joints, world velocity in the axes of the heading frame, m/s.
    contacts: 1 where a foot joint (CONTACT_JOINTS) stands on the ground.
    """

    joints: int = 22

    @classmethod
    def of(cls, skeleton: Skeleton) -> FeatureLayout:
        """The layout for a skeleton."""
        return cls(len(skeleton))

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Column slice of every block, in order."""
        sizes = {
            "root_path": 2,
            "root_heading": 2,
            "root_height": 1,
            "root_velocity": 2,
            "heading_velocity": 1,
            "rotations": 6 * self.joints,
            "joint_positions": 3 * (self.joints - 1),
            "joint_velocities": 3 * self.joints,
            "contacts": len(CONTACT_JOINTS),
        }
        result, start = {}, 0
        for name, size in sizes.items():
            result[name] = slice(start, start + size)
            start += size
        return result

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.blocks["contacts"].stop

    def __getitem__(self, name: str) -> slice:
        return self.blocks[name]
