"""Mean and scale of every feature column; saved inside checkpoints and bundles, never beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import SettingsError
from nestmotion.features.layout import FeatureLayout

__all__ = ["Normalizer"]

# A column's scale is at least this share of its block's typical scale: columns that hardly move (a
# collar's rotation) must not have their noise blown up to unit variance.
FLOOR_SHARE = 0.2


@dataclass(frozen=True)
class Normalizer:
    """normalized = (features - mean) / std, column by column; both (F,) float32, std > 0."""

    mean: Float[np.ndarray, "f"]
    std: Float[np.ndarray, "f"]

    def __post_init__(self) -> None:
        if self.mean.shape != self.std.shape or not np.isfinite(self.mean).all():
            raise SettingsError("normalizer: mean and std must be finite and of one length")
        if not (np.isfinite(self.std).all() and (self.std > 0).all()):
            raise SettingsError("normalizer: every std must be positive")

    @classmethod
    def fit(cls, clips: Iterable[Float[np.ndarray, "_ f"]], layout: FeatureLayout) -> Normalizer:
        """Statistics over all frames of all clips. Raises SettingsError when there are none."""
        count, total, square = 0, np.zeros(layout.size), np.zeros(layout.size)
        for clip in clips:
            values = clip.astype(np.float64)
            count += len(values)
            total += values.sum(axis=0)
            square += (values**2).sum(axis=0)
        if count == 0:
            raise SettingsError("normalizer: no frames to fit")
        mean = total / count
        std = np.sqrt(np.maximum(square / count - mean**2, 0.0))
        for block in layout.blocks.values():
            typical = np.sqrt((std[block] ** 2).mean())
            std[block] = np.maximum(std[block], max(FLOOR_SHARE * typical, 1e-6))
        return cls(mean.astype(np.float32), std.astype(np.float32))

    def normalize(self, features: Float[np.ndarray, "*b f"]) -> Float[np.ndarray, "*b f"]:
        """To zero mean and unit scale."""
        return (features - self.mean) / self.std

    def denormalize(self, normalized: Float[np.ndarray, "*b f"]) -> Float[np.ndarray, "*b f"]:
        """Back to metres, radians and 6D."""
        return normalized * self.std + self.mean

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For saving."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Normalizer:
        """Inverse of `to_arrays`; lists, as JSON has them, serve as well."""
        return cls(np.asarray(arrays["mean"], np.float32), np.asarray(arrays["std"], np.float32))
