"""Models by name: their size, and what they are trained at."""

from __future__ import annotations

import pytest
import torch

from nestmotion.core.errors import SettingsError
from nestmotion.models import MODELS, ModelConfig, build_model
from nestmotion.models.denoiser import noise_times
from synthetic_batches import SMALL


def test_the_models_are_of_one_size():
    """With the default settings for nested and thirteen layers for the others, within ten percent."""
    count = {}
    for name in MODELS:
        config = ModelConfig() if name == "nested" else ModelConfig(layers=13)
        count[name] = sum(p.numel() for p in build_model(name, config).parameters())
    assert max(count.values()) < 1.1 * min(count.values()), count
    assert min(count.values()) > 11e6


def test_an_unknown_model():
    with pytest.raises(SettingsError) as error:
        build_model("gan", SMALL)
    known = "transformer, diffusion, clip-aligned, nested"
    assert str(error.value) == f"no model 'gan'; known models: {known}"


def test_a_fifth_of_the_noise_times_leaves_all_to_the_text():
    generator = torch.Generator().manual_seed(0)
    batches = [noise_times(20, generator) for _ in range(2000)]
    times = torch.cat(batches)
    assert times.min() >= 0
    assert times.max() <= 1
    assert (times > 0.985).float().mean() == pytest.approx(0.75 * 0.015 + 0.25 * 0.75**0.5, abs=0.03)
    assert (times < 0.5).float().mean() == pytest.approx(0.375, abs=0.02)
    early = sum(bool((batch > 0.97).all()) for batch in batches)
    assert early / len(batches) == pytest.approx(0.25, abs=0.04)
