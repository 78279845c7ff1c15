"""Denoisers. A new model is one file and one entry in MODELS."""

from __future__ import annotations

from collections.abc import Callable

from nestmotion.core.errors import SettingsError
from nestmotion.models.config import ModelConfig
from nestmotion.models.denoiser import Denoiser
from nestmotion.models.diffusion import Diffusion
from nestmotion.models.losses import LossWeights, MotionLoss

__all__ = ["MODELS", "Denoiser", "LossWeights", "ModelConfig", "MotionLoss", "build_model"]

MODELS: dict[str, Callable[[ModelConfig], Denoiser]] = {"diffusion": Diffusion}


def build_model(name: str, config: ModelConfig) -> Denoiser:
    """A freshly initialised model of that name in MODELS. Raises SettingsError for an unknown name."""
    if name not in MODELS:
        raise SettingsError(f"no model {name!r}; known models: {', '.join(MODELS)}")
    return MODELS[name](config)
