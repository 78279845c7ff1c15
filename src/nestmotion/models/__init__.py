"""Models. A new one is one file and one entry in MODELS."""

from __future__ import annotations

from collections.abc import Callable

from nestmotion.core.errors import SettingsError
from nestmotion.models.clip_aligned import ClipAligned
from nestmotion.models.config import ModelConfig
from nestmotion.models.denoiser import Denoised, Denoiser
from nestmotion.models.diffusion import Diffusion
from nestmotion.models.inputs import Condition, Conditioned
from nestmotion.models.losses import LossWeights, MotionLoss
from nestmotion.models.nested import Nested
from nestmotion.models.targets import Targets
from nestmotion.models.transformer import Transformer

__all__ = [
    "MODELS",
    "Condition",
    "Conditioned",
    "Denoised",
    "Denoiser",
    "LossWeights",
    "ModelConfig",
    "MotionLoss",
    "Targets",
    "build_model",
]

MODELS: dict[str, Callable[[ModelConfig], Denoiser]] = {
    "transformer": Transformer,
    "diffusion": Diffusion,
    "clip-aligned": ClipAligned,
    "nested": Nested,
}


def build_model(name: str, config: ModelConfig) -> Denoiser:
    """A freshly initialised model of that name in MODELS. Raises SettingsError for an unknown name."""
    if name not in MODELS:
        raise SettingsError(f"no model {name!r}; known models: {', '.join(MODELS)}")
    return MODELS[name](config)
