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


def build_model(name: str, config: ModelConfig) -> nn.Module:
    """A freshly initialised model of that name in MODELS. Raises SettingsError for an unknown name."""
    if name not in MODELS:
        raise SettingsError(f"no model {name!r}; known models: {', '.join(MODELS)}")
    return MODELS[name](config)
