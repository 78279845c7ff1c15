"""The denoiser: what its output may and may not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nestmotion.core.errors import SettingsError
from nestmotion.models import ModelConfig, build_model
from nestmotion.models.blocks import sinusoids

SMALL = ModelConfig(width=32, layers=2, heads=4, feature_size=10, text_size=6)
PATCH = SMALL.patch_frames


def _model() -> torch.nn.Module:
    """A small model none of whose parameters is zero any more."""
    torch.manual_seed(0)
    model = build_model("diffusion", SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model


def _inputs(rows: int = 3, tokens: int = 5) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "noisy": torch.randn(rows, tokens * PATCH, SMALL.feature_size, generator=generator),
        "time": torch.rand(rows, generator=generator),
        "sentence": torch.randn(rows, SMALL.text_size, generator=generator),
        "has_text": torch.ones(rows, dtype=torch.bool),
        "valid": torch.ones(rows, tokens * PATCH, dtype=torch.bool),
    }


@torch.no_grad()
def _run(model: torch.nn.Module, **changes: torch.Tensor) -> np.ndarray:
    return model(**{**_inputs(), **changes}).numpy()


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest difference in each row of the batch."""
    return np.abs(a - b).reshape(len(a), -1).max(axis=1)


def test_a_fresh_model_predicts_the_mean_pose():
    model = build_model("diffusion", SMALL)
    out = _run(model)
    assert out.shape == (3, 5 * PATCH, SMALL.feature_size)
    assert not out.any()


def test_everything_it_is_told_matters():
    model = _model()
    before = _run(model)
    inputs = _inputs()
    for name in ("noisy", "time", "sentence"):
        changed = inputs[name].clone()
        changed[1] *= 0.5
        difference = _difference(_run(model, **{name: changed}), before)
        assert difference[1] > 1e-3, name
        assert difference[[0, 2]].max() == pytest.approx(0, abs=1e-5), name


def test_without_text_the_sentence_is_ignored():
    model = _model()
    has_text = torch.tensor([True, False, True])
    before = _run(model, has_text=has_text)
    after = _run(model, has_text=has_text, sentence=torch.full((3, SMALL.text_size), 9.0))
    difference = _difference(after, before)
    assert difference[1] < 1e-6
    assert difference[[0, 2]].min() > 1e-3
    assert _difference(before, _run(model))[1] > 1e-3


def test_sentences_are_read_at_zero_mean_and_unit_scale():
    model = _model()
    sentence = _inputs()["sentence"]
    before = _run(model)
    mean, std = torch.linspace(-1, 1, SMALL.text_size), torch.linspace(0.01, 2, SMALL.text_size)
    model.set_sentence_statistics(mean, std)
    assert _difference(_run(model), before).min() > 1e-3
    assert _difference(_run(model, sentence=sentence * std + mean), before).max() < 1e-4
    assert {"sentence_mean", "sentence_std"} <= set(model.state_dict())


@pytest.mark.parametrize("frames", [3 * PATCH, 3 * PATCH + 1, 4 * PATCH - 1])
def test_what_stands_in_the_padding_does_not_matter(frames):
    model = _model()
    inputs = _inputs()
    valid = inputs["valid"].clone()
    valid[1, frames:] = False
    before = _run(model, valid=valid)
    noisy = inputs["noisy"].clone()
    noisy[1, frames:] = 100.0
    after = _run(model, noisy=noisy, valid=valid)
    assert _difference(after, before).max() < 1e-5
    assert not after[1, frames:].any()


def test_a_padded_clip_is_denoised_as_it_is_alone():
    model = _model()
    inputs = _inputs()
    inputs["valid"][:, 3 * PATCH :] = False
    padded = _run(model, **inputs)[:, : 3 * PATCH]
    short = {k: v[:, : 3 * PATCH] if k in ("noisy", "valid") else v for k, v in inputs.items()}
    assert np.abs(padded - _run(model, **short)).max() < 1e-5


def test_a_last_token_of_which_a_part_is_valid_is_attended_to():
    model = _model()
    inputs = _inputs()
    valid = inputs["valid"].clone()
    valid[:, -PATCH + 1 :] = False
    noisy = inputs["noisy"].clone()
    noisy[:, -PATCH] *= -1
    difference = np.abs(_run(model, valid=valid, noisy=noisy) - _run(model, valid=valid))
    assert difference[:, :PATCH].max() > 1e-3


def test_frames_are_corrected_across_the_borders_of_patches():
    """What the refiner does to a frame depends on four frames to each side, whatever their patch."""
    refine = _model().refine
    x = torch.zeros(1, 4 * PATCH, SMALL.feature_size)
    jolt = x.clone()
    jolt[:, 2 * PATCH] = 1.0
    valid = torch.ones(1, 4 * PATCH, dtype=torch.bool)
    with torch.no_grad():
        change = (refine(jolt, valid) - refine(x, valid)).abs().amax(dim=(0, 2))
    assert (change[2 * PATCH - 4 : 2 * PATCH + 5] > 1e-4).all()
    assert change[: 2 * PATCH - 4].max() < 1e-6


def test_the_same_frames_are_another_place_in_a_longer_clip():
    """A token knows how far the end is, so that an action can be paced."""
    model = _model()
    valid = _inputs()["valid"].clone()
    valid[:, 4 * PATCH :] = False
    difference = np.abs(_run(model, valid=valid) - _run(model))
    assert difference[:, :PATCH].max() > 1e-3


def test_frames_may_not_be_exchanged():
    model = _model()
    noisy = _inputs()["noisy"]
    flipped = noisy.unflatten(1, (-1, PATCH)).flip(1).flatten(1, 2)
    out = _run(model, noisy=flipped).reshape(3, 5, -1)[:, ::-1].reshape(3, 5 * PATCH, -1)
    assert _difference(out, _run(model)).min() > 1e-3


def test_dropout_is_for_training_only():
    model = _model()
    assert np.array_equal(_run(model), _run(model))
    model.train()
    assert not np.array_equal(_run(model), _run(model))


def test_every_parameter_learns():
    model = _model()
    inputs = _inputs()
    inputs["has_text"][0] = False
    model(**inputs).square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_sinusoids_by_their_formula():
    value = torch.tensor([0.0, 1.0, 250.0])
    found = sinusoids(value, 8).numpy()
    for row, x in enumerate((0.0, 1.0, 250.0)):
        angles = np.array([x / 10_000 ** (k / 4) for k in range(4)])
        expected = np.concatenate((np.sin(angles), np.cos(angles)))
        assert np.abs(found[row] - expected).max() < 1e-4


def test_an_unknown_model():
    with pytest.raises(SettingsError) as error:
        build_model("gan", SMALL)
    assert str(error.value) == "no model 'gan'; known models: diffusion"
