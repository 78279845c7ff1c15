"""A motion: a skeleton, a frame rate, a root path and local rotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import SettingsError
from nestmotion.core.kinematics import forward_kinematics
from nestmotion.core.rotations import quat_normalize, quat_yaw
from nestmotion.core.skeleton import Skeleton

__all__ = ["Motion"]


@dataclass(frozen=True, eq=False)
class Motion:
    """Frames of one moving skeleton. World frame: metres, Y up; a person with heading 0 faces +Z.

    root_m (T, 3): world position of joint 0.
    quat_local_xyzw (T, J, 4): rotation of each joint relative to its parent (the root's: to the
        world); normalised on construction.
    metadata: plain JSON values that travel with the file (prompt, seed, bundle digest).
    Raises SettingsError on wrong shapes, no frames, a frame rate that is not positive, NaN.
    """

    skeleton: Skeleton
    fps: float
    root_m: Float[np.ndarray, "t 3"]
    quat_local_xyzw: Float[np.ndarray, "t j 4"]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        root = np.array(self.root_m, dtype=np.float64)
        quat = np.array(self.quat_local_xyzw, dtype=np.float64)
        frames, joints = root.shape[0] if root.ndim else 0, len(self.skeleton)
        if frames == 0 or root.shape != (frames, 3) or quat.shape != (frames, joints, 4):
            raise SettingsError(
                f"a motion of {joints} joints needs root_m (T, 3) and quat_local_xyzw "
                f"(T, {joints}, 4) with T > 0, not {root.shape} and {quat.shape}"
            )
        if not (np.isfinite(root).all() and np.isfinite(quat).all()):
            raise SettingsError("the motion holds NaN or infinity")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise SettingsError(f"frames a second must be positive, not {self.fps}")
        if (np.abs(quat).max(axis=-1) < 1e-9).any():
            raise SettingsError("the motion holds a rotation of length zero")
        # Unit quaternions are kept to the last bit, so that what was saved is what is loaded.
        is_unit = np.abs(np.sum(quat * quat, axis=-1, keepdims=True) - 1) < 1e-14
        quat = np.where(is_unit, quat, quat_normalize(quat))
        for name, value in (("root_m", root), ("quat_local_xyzw", quat)):
            object.__setattr__(self, name, _frozen(value))
        object.__setattr__(self, "metadata", dict(self.metadata))
        object.__setattr__(self, "fps", float(self.fps))

    def __len__(self) -> int:
        return self.root_m.shape[0]

    @property
    def duration_s(self) -> float:
        """Frames divided by frame rate: every frame is shown for 1 / fps."""
        return len(self) / self.fps

    def _world(self) -> tuple[np.ndarray, np.ndarray]:
        sk = self.skeleton
        return forward_kinematics(sk.parents, sk.offsets_m, self.quat_local_xyzw, self.root_m)

    @cached_property
    def positions_m(self) -> Float[np.ndarray, "t j 3"]:
        """World position of every joint at every frame."""
        return _frozen(self._world()[0])

    @cached_property
    def quat_world_xyzw(self) -> Float[np.ndarray, "t j 4"]:
        """World rotation of every joint at every frame."""
        return _frozen(self._world()[1])

    @cached_property
    def heading_rad(self) -> Float[np.ndarray, "t"]:
        """Yaw of the root about +Y, without jumps of 2 pi; 0 faces +Z, pi/2 faces +X."""
        return _frozen(np.unwrap(quat_yaw(self.quat_local_xyzw[:, 0])))

    def joint_m(self, name: str) -> Float[np.ndarray, "t 3"]:
        """World path of one joint. Raises SettingsError when there is no joint of that name."""
        return self.positions_m[:, self.skeleton.index(name)]

    def frames(self, start: int, stop: int) -> Motion:
        """The frames start (included) to stop (excluded). A part of a loop is none."""
        part = replace(
            self,
            root_m=self.root_m[start:stop],
            quat_local_xyzw=self.quat_local_xyzw[start:stop],
        )
        return part if len(part) == len(self) else part.without_metadata("loop")

    def with_metadata(self, **values: Any) -> Motion:
        """The same motion with more metadata."""
        return replace(self, metadata={**self.metadata, **values})

    def without_metadata(self, name: str) -> Motion:
        """The same motion without what is told under a name, if anything is."""
        return replace(self, metadata={k: v for k, v in self.metadata.items() if k != name})

    @property
    def is_loop(self) -> bool:
        """Whether the end joins the beginning: metadata "loop"."""
        return self.metadata.get("loop") is True


def _frozen(array: np.ndarray) -> np.ndarray:
    """Not to be written to: what is frozen must not change through what it was worked out from."""
    array.setflags(write=False)
    return array
