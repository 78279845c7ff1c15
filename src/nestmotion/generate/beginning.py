"""Every clip begins with heading 0; predictions do not, and are put right. docs/adr/0027 says why."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core.smoothing import smooth_step
from nestmotion.features import FeatureLayout, Normalizer
from nestmotion.generate.sampler import FADE_FRAMES

__all__ = ["facing_ahead", "first_heading"]


def facing_ahead(
    clean: Float[np.ndarray, "b t f"], normalizer: Normalizer, layout: FeatureLayout
) -> Float[np.ndarray, "b t f"]:
    """Predictions, normalised, with heading 0 in their first frame, as every clip has (`encode`).

    What they were off by there is taken over by the frames after it, fading out over FADE_FRAMES.
    """
    columns = layout["root_heading"]
    ahead = ((1.0, 0.0) - normalizer.mean[columns]) / normalizer.std[columns]
    share = smooth_step(1 - np.arange(clean.shape[1]) / FADE_FRAMES)[:, None]
    clean = clean.copy()
    clean[..., columns] += share * (ahead - clean[:, :1, columns])
    return clean


def first_heading(layout: FeatureLayout, frames: int) -> Bool[np.ndarray, "t f"]:
    """True at the first frame's heading, which no velocity may overrule though nobody gave it."""
    mask = np.zeros((frames, layout.size), dtype=bool)
    mask[0, layout["root_heading"]] = True
    return mask
