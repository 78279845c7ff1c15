"""The skeleton: names, parents and rest-pose offsets, and the canonical 22-joint one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import SettingsError

__all__ = ["Skeleton", "canonical_skeleton"]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A tree of joints in the rest pose.

    joint_names: one unique name a joint; joint 0 is the root.
    parents: index of each joint's parent, -1 for the root; a parent comes before its children.
    offsets_m (J, 3): rest-pose offset from the parent in metres, Y up, +Z forward, left at +X. In the
        rest pose every rotation is the identity.
    Raises SettingsError when names, parents and offsets do not describe one tree.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets_m: Float[np.ndarray, "j 3"]

    def __post_init__(self) -> None:
        offsets = np.array(self.offsets_m, dtype=np.float64)
        offsets.setflags(write=False)
        object.__setattr__(self, "offsets_m", offsets)
        n = len(self.joint_names)
        if n == 0 or len(self.parents) != n or offsets.shape != (n, 3):
            raise SettingsError(
                f"a skeleton needs as many parents and offsets as names, not {n} names, "
                f"{len(self.parents)} parents and offsets of shape {offsets.shape}"
            )
        if len(set(self.joint_names)) != n:
            twice = next(x for x in self.joint_names if self.joint_names.count(x) > 1)
            raise SettingsError(f"joint name {twice!r} stands twice in the skeleton")
        if self.parents[0] != -1 or any(not 0 <= p < j for j, p in enumerate(self.parents) if j):
            raise SettingsError("joint 0 must be the only root and parents must precede children")
        if not np.isfinite(offsets).all():
            raise SettingsError("skeleton offsets hold NaN or infinity")

    def __len__(self) -> int:
        return len(self.joint_names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Skeleton):
            return NotImplemented
        return (
            self.joint_names == other.joint_names
            and self.parents == other.parents
            and np.allclose(self.offsets_m, other.offsets_m, atol=1e-6, rtol=0)
        )

    __hash__ = None  # type: ignore[assignment]

    def index(self, name: str) -> int:
        """Index of a joint by name. Raises SettingsError naming the known joints."""
        if name not in self._index:
            known = ", ".join(self.joint_names)
            raise SettingsError(f"no joint {name!r} in this skeleton; it has: {known}")
        return self._index[name]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: j for j, name in enumerate(self.joint_names)}

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Indices of each joint's children."""
        n = len(self)
        return tuple(tuple(c for c in range(n) if self.parents[c] == j) for j in range(n))

    @cached_property
    def rest_positions_m(self) -> Float[np.ndarray, "j 3"]:
        """Joint positions in the rest pose with the root at the origin."""
        positions = np.zeros((len(self), 3))
        for j in range(1, len(self)):
            positions[j] = positions[self.parents[j]] + self.offsets_m[j]
        positions.setflags(write=False)
        return positions

    @cached_property
    def mirror_indices(self) -> tuple[int, ...]:
        """For each joint the one on the other side ("left_x" and "right_x"), or itself.

        Raises SettingsError when a sided joint has no partner.
        """
        swap = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
        result = []
        for j, name in enumerate(self.joint_names):
            side = next((s for s in swap if s in name), None)
            result.append(j if side is None else self.index(name.replace(side, swap[side], 1)))
        return tuple(result)

    def to_dict(self) -> dict[str, list]:
        """Plain data for JSON: names, parents, offsets in metres (to 0.1 micrometre)."""
        return {
            "joint_names": list(self.joint_names),
            "parents": list(self.parents),
            "offsets_m": [[round(float(x), 7) for x in row] for row in self.offsets_m],
        }

    @classmethod
    def from_dict(cls, data: dict[str, list]) -> Skeleton:
        """Inverse of `to_dict`. Raises SettingsError naming a missing or unusable field."""
        try:
            return cls(
                tuple(str(name) for name in data["joint_names"]),
                tuple(int(p) for p in data["parents"]),
                np.array(data["offsets_m"], dtype=np.float64),
            )
        except KeyError as error:
            raise SettingsError(f"skeleton data lacks the field {error}") from None
        except (TypeError, ValueError) as error:
            raise SettingsError(f"skeleton data is not usable: {error}") from None


@cache
def canonical_skeleton() -> Skeleton:
    """The 22 joints of nestmotion, in SMPL's joint order and hierarchy, T-pose, left-right symmetric.

    Bone lengths are our own, averaged over both sides of the corpus skeleton (docs/adr/0002).
    """
    text = resources.files("nestmotion.core").joinpath("canonical_skeleton.json").read_text("utf-8")
    return Skeleton.from_dict(json.loads(text))
