"""Denoisers. A new model is one file and one entry in MODELS."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from nestmotion.core.errors import SettingsError
from nestmotion.models.config import ModelConfig
from nestmotion.models.diffusion import Diffusion
from nestmotion.models.losses import LossWeights, MotionLoss

__all__ = ["MODELS", "LossWeights", "ModelConfig", "MotionLoss", "build_model"]

MODELS: dict[str, Callable[[ModelConfig], nn.Module]] = {"diffusion": Diffusion}


def build_model(config: ModelConfig) -> nn.Module:
    """A freshly initialised model. Raises SettingsError for an unknown name."""
    if config.model not in MODELS:
        raise SettingsError(f"no model {config.model!r}; known models: {', '.join(MODELS)}")
    return MODELS[config.model](config)
