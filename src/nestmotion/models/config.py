"""What a model is made of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ModelConfig"]


@dataclass(frozen=True)
class ModelConfig:
    """Size of a denoiser.

    width, layers, heads: of the Transformer.
    patch_frames: frames a token; 4 at 20 fps makes five tokens a second.
    refine_width: channels of the correction across patch borders.
    dropout: share of activations dropped in training.
    feature_size, text_size: columns of features and of the sentence vector.
    """

    width: int = 256
    layers: int = 6
    heads: int = 4
    patch_frames: int = 4
    refine_width: int = 96
    dropout: float = 0.1
    feature_size: int = 273
    text_size: int = 384
