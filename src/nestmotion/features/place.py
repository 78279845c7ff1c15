"""Moving features over the floor: the blocks that depend on where a clip begins and how it faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.features.codec import encode
from nestmotion.features.layout import FeatureLayout

__all__ = ["Place", "encode_in_place"]


def encode_in_place(motion: Motion) -> Float[np.ndarray, "t f"]:
    """Features of a motion where it stands, and not where it would be canonical."""
    return Place.at(motion, 0).features(encode(motion), FeatureLayout.of(motion.skeleton))


@dataclass(frozen=True)
class Place:
    """A turn about the vertical through the origin and then a shift over the floor; also the place and
    heading of somebody who stood at the origin with heading 0 before.

    yaw_rad: positive to the left (+Z turns to +X). x_m, z_m: the shift.
    """

    yaw_rad: float = 0.0
    x_m: float = 0.0
    z_m: float = 0.0

    def point(self, xz: Float[np.ndarray, "*t 2"]) -> Float[np.ndarray, "*t 2"]:
        """Points of the floor, turned and shifted."""
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        x, z = xz[..., 0], xz[..., 1]
        return np.stack((c * x + s * z + self.x_m, c * z - s * x + self.z_m), axis=-1)

    def __matmul__(self, other: Place) -> Place:
        """First the other, then this."""
        x, z = self.point(np.array((other.x_m, other.z_m)))
        return Place(self.yaw_rad + other.yaw_rad, float(x), float(z))

    def inverse(self) -> Place:
        x, z = Place(-self.yaw_rad).point(np.array((-self.x_m, -self.z_m)))
        return Place(-self.yaw_rad, float(x), float(z))

    def features(
        self, features: Float[np.ndarray, "t f"], layout: FeatureLayout
    ) -> Float[np.ndarray, "t f"]:
        """Features (not normalised) of the same clip elsewhere. Linear: a mean of features stays one,
        headings whose cosine and sine are no unit vector included."""
        result = features.copy()
        result[:, layout["root_path"]] = self.point(features[:, layout["root_path"]])
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        cosine, sine = features[:, layout["root_heading"]].T
        result[:, layout["root_heading"]] = np.stack((c * cosine - s * sine, c * sine + s * cosine), 1)
        return result

    @classmethod
    def of(cls, row: Float[np.ndarray, "f"], layout: FeatureLayout) -> Place:
        """Where a frame's root is and how it faces."""
        cosine, sine = row[layout["root_heading"]]
        x, z = row[layout["root_path"]]
        return cls(float(np.arctan2(sine, cosine)), float(x), float(z))

    @classmethod
    def at(cls, motion: Motion, frame: int) -> Place:
        """Where a motion's root is at a frame, and how it faces."""
        x, _, z = motion.root_m[frame]
        return cls(float(motion.heading_rad[frame]), float(x), float(z))

    @classmethod
    def after(cls, row: Float[np.ndarray, "f"], layout: FeatureLayout, fps: float) -> Place:
        """Where the next frame's root is, by this frame's velocities."""
        side, ahead = row[layout["root_velocity"]] / fps
        turn = float(row[layout["heading_velocity"]][0]) / fps
        return cls.of(row, layout) @ Place(turn, float(side), float(ahead))
