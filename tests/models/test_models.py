"""What the output of each model may and may not depend on, and that all of it learns."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch

from nestmotion.core.noise import signal_and_noise
from nestmotion.models import (
    MODELS,
    Condition,
    Conditioned,
    Denoised,
    Denoiser,
    LossWeights,
    build_model,
)
from synthetic_batches import (
    BARE,
    ONE,
    SMALL,
    THEN,
    WHILE,
    changed_model,
    condition,
    motion_loss,
    targets,
)

PATCH = SMALL.patch_frames
ROWS, FRAMES = 3, 3 * SMALL.frame_multiple

NODES = tuple(f.name for f in fields(Condition) if f.name.startswith("node_"))

# What a model looks at. The network of `transformer` would see the noise, too, but is given none.
HEARD = {
    "transformer": {"noisy", "time", "sentence"},
    "diffusion": {"noisy", "time", "sentence"},
    "clip-aligned": {"sentence"},
    "nested": {"noisy", "time", "known", "sentence", *NODES},
}

# What never learns, by the nature of a model: a clip without text is decoded from its own place.
IDLE = {"clip-aligned": ["text.no_text"], "transformer": ["embed.weight"]}

every_model = pytest.mark.parametrize("name", MODELS)

_model = cache(changed_model)


def _inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (ROWS, FRAMES, SMALL.feature_size)
    return {
        "noisy": torch.randn(shape, generator=generator),
        "time": torch.rand(ROWS, generator=generator),
        "known": torch.rand(shape, generator=generator) < 0.3,
        "valid": torch.ones(ROWS, FRAMES, dtype=torch.bool),
        **condition(THEN, WHILE, ONE).tensors(),
    }


@torch.no_grad()
def _denoise(model: Denoiser, **changes: torch.Tensor) -> Denoised:
    inputs = {**_inputs(), **changes}
    text = Condition(**{f.name: inputs.pop(f.name) for f in fields(Condition)})
    return model.denoise(**inputs, condition=text)


def _run(model: Denoiser, **changes: torch.Tensor) -> np.ndarray:
    return _denoise(model, **changes).clean.numpy()


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest difference in each row of the batch."""
    return np.abs(a - b).reshape(len(a), -1).max(axis=1)


def _changed_in_row(inputs: dict[str, torch.Tensor], name: str, row: int) -> torch.Tensor:
    """An input changed in one row, in a way that its kind allows."""
    changed = inputs[name].clone()
    if name == "node_level":
        changed[row, 2] = 5
    elif name == "node_parent":
        changed[row, 3] = 1
    elif name == "node_order":
        changed[row, 3] = 4
    elif name == "node_kind":
        changed[row, 1] += 5
    elif name == "node_cues":
        changed[row] = 1 - changed[row]
    elif name == "node_valid":
        changed[row, 3] = False
    elif name == "known":
        changed[row] = ~changed[row]
    else:
        changed[row] *= 0.5
    return changed


# What it says


@every_model
def test_a_fresh_model_predicts_the_mean_pose(name):
    found = _denoise(build_model(name, SMALL))
    assert found.clean.shape == (ROWS, FRAMES, SMALL.feature_size)
    assert not found.clean.any()


@every_model
def test_what_it_hears_matters_in_its_own_row_and_nothing_else_does(name):
    model, inputs = _model(name), _inputs()
    before = _run(model)
    for part in ("noisy", "time", "known", "sentence", *NODES):
        difference = _difference(_run(model, **{part: _changed_in_row(inputs, part, 1)}), before)
        assert difference[[0, 2]].max() < 1e-5, part
        if part in HEARD[name]:
            assert difference[1] > 1e-4, part
        else:
            assert difference[1] == 0, part


@every_model
def test_without_text_no_text_is_heard(name):
    model, inputs = _model(name), _inputs()
    has_text = torch.tensor([True, False, True])
    other = condition(WHILE, ONE, THEN, seed=7).tensors() | {"has_text": has_text}
    before = _denoise(model, has_text=has_text)
    after = _denoise(model, **other)
    difference = _difference(after.clean.numpy(), before.clean.numpy())
    assert difference[1] < 1e-6
    assert difference[[0, 2]].min() > 1e-4
    assert _difference(before.clean.numpy(), _run(model))[1] > 1e-4
    assert not before.alignment[1].any()
    assert set(inputs) == set(_inputs())


@every_model
def test_only_nested_aligns(name):
    alignment = _denoise(_model(name)).alignment
    assert alignment.shape == (ROWS, len(THEN), FRAMES // PATCH)
    assert bool(alignment.any()) == (name == "nested")


@every_model
def test_sentences_are_read_at_zero_mean_and_unit_scale(name):
    model = copy.deepcopy(_model(name))
    sentence, nodes = _inputs()["sentence"], _inputs()["node_vectors"]
    before = _run(model)
    size = SMALL.text_size
    mean, std = torch.linspace(-1, 1, size), torch.linspace(0.1, 2, size)
    node_mean, node_std = std.flip(0), mean.abs() + 0.5
    model.set_text_statistics((mean, std), (node_mean, node_std))
    assert _difference(_run(model), before).min() > 1e-4
    again = _run(model, sentence=sentence * std + mean, node_vectors=nodes * node_std + node_mean)
    assert _difference(again, before).max() < 1e-4
    kept = {"sentence_mean", "sentence_std", "node_mean", "node_std"}
    assert kept <= set(model.state_dict())


@every_model
def test_as_separate_tensors_it_says_the_same(name):
    model, inputs = _model(name), _inputs()
    with torch.no_grad():
        clean, alignment = Conditioned(model)(**inputs)
    found = _denoise(model)
    assert torch.equal(clean, found.clean)
    assert torch.equal(alignment, found.alignment)


# Padding and place


@every_model
@pytest.mark.parametrize("frames", [29, 30, 32, 36])
def test_what_stands_in_the_padding_does_not_matter(name, frames):
    model, inputs = _model(name), _inputs()
    valid, noisy, known = (inputs[key].clone() for key in ("valid", "noisy", "known"))
    valid[1, frames:] = False
    known[1, frames:] = False
    before = _denoise(model, valid=valid, known=known)
    noisy[1, frames:] = 100.0
    after = _denoise(model, noisy=noisy, valid=valid, known=known)
    assert _difference(after.clean.numpy(), before.clean.numpy()).max() < 1e-5
    assert _difference(after.alignment.numpy(), before.alignment.numpy()).max() < 1e-5
    assert not after.clean[1, frames:].any()
    assert after.clean[1, :frames].any(dim=-1).all()


@every_model
@pytest.mark.parametrize("frames", [16, 25, 32])
def test_a_padded_clip_is_as_it_is_alone(name, frames):
    """Padded by frames to whole coarse tokens and by more of those, and its text by nodes."""
    model, inputs = _model(name), _inputs()
    inputs["valid"][:, frames:] = False
    inputs["known"][:, frames:] = False
    padded = _denoise(model, **inputs)
    short = -(-frames // SMALL.frame_multiple) * SMALL.frame_multiple
    for row, tree in enumerate((THEN, WHILE, ONE)):
        alone = {key: tensor[row : row + 1] for key, tensor in inputs.items()}
        for key in ("noisy", "known", "valid"):
            alone[key] = alone[key][:, :short]
        for key in NODES:
            alone[key] = alone[key][:, : len(tree)]
        found = _denoise(model, **alone)
        # Other sizes are multiplied in another order, which rounds values of up to 5 otherwise.
        assert (found.clean[0] - padded.clean[row, :short]).abs().max() < 5e-5
        cut = padded.alignment[row, : len(tree), : short // PATCH]
        tokens = -(-frames // PATCH)
        assert (found.alignment[0] - cut)[:, :tokens].abs().max() < 1e-5


@pytest.mark.parametrize("name", ["transformer", "diffusion", "nested"])
def test_a_last_token_of_which_a_part_is_valid_is_attended_to(name):
    model, inputs = _model(name), _inputs()
    valid, noisy = inputs["valid"].clone(), inputs["noisy"].clone()
    valid[:, -PATCH + 1 :] = False
    noisy[:, -PATCH] *= -1
    difference = np.abs(_run(model, valid=valid, noisy=noisy) - _run(model, valid=valid))
    assert difference[:, :PATCH].max() > 1e-5


@every_model
def test_the_same_frames_are_another_place_in_a_longer_clip(name):
    """A token knows how far the end is, so that an action can be paced."""
    model = _model(name)
    valid = _inputs()["valid"].clone()
    valid[:, FRAMES - PATCH :] = False
    difference = np.abs(_run(model, valid=valid) - _run(model))
    assert difference[:, :PATCH].max() > 1e-4


@pytest.mark.parametrize("name", ["diffusion", "nested"])
def test_frames_may_not_be_exchanged(name):
    model, inputs = _model(name), _inputs()

    def flipped(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.unflatten(1, (-1, PATCH)).flip(1).flatten(1, 2)

    found = torch.from_numpy(
        _run(model, noisy=flipped(inputs["noisy"]), known=flipped(inputs["known"]))
    )
    assert _difference(flipped(found).numpy(), _run(model)).min() > 1e-3


# Learning


def _terms(model: Denoiser, seed: int = 0, **changes) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model.loss_terms(replace(targets(), **changes), motion_loss(), generator)


VARIANTS = {
    **{name: (name, SMALL) for name in MODELS},
    "nested without its local branch": ("nested", replace(SMALL, local=False)),
    "nested without the graph": ("nested", replace(SMALL, graph=False)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_learns(variant):
    name, config = VARIANTS[variant]
    model = changed_model(name, config).train()
    _terms(model)["total"].backward()
    still = [key for key, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-6]
    assert still == IDLE.get(name, [])
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@every_model
def test_the_total_is_the_weighted_sum_of_the_terms(name):
    terms = {key: float(value.detach()) for key, value in _terms(_model(name)).items()}
    weights = {key: value for key, value in vars(LossWeights()).items() if key != "root"}
    weights |= {"contrast": 0.1, "distance": 0.1}
    expected = sum(weights[key] * value for key, value in terms.items() if key != "total")
    assert terms["total"] == pytest.approx(expected, rel=1e-5)
    own = {"nested": {"sentence", "phrase", "turns", "order"}, "clip-aligned": {"contrast", "distance"}}
    motion = {"features", "position", "velocity", "acceleration", "contact", "ground", "total"}
    assert set(terms) == motion | own.get(name, set())
    assert all(np.isfinite(value) for value in terms.values())


@every_model
def test_all_chance_is_in_the_generator(name):
    model = _model(name)
    first, again, other = (_terms(model, seed) for seed in (0, 0, 1))
    assert first == again
    # Without noise there is nothing to draw: the loss of validation is then always the same.
    assert (first == other) == (not model.generative)


@every_model
@pytest.mark.parametrize("trees", [(BARE, BARE), (ONE, ONE), (THEN,)])
@pytest.mark.parametrize("text", [True, False])
def test_few_clips_and_bare_texts_leave_the_loss_a_number(name, trees, text):
    model = copy.deepcopy(_model(name)).train()
    batch = targets([16] * len(trees))
    rows = [] if text else range(len(trees))
    batch = replace(batch, condition=condition(*trees, without_text=rows))
    if trees != (THEN,) or not text:
        batch = replace(batch, turns=torch.zeros_like(batch.turns))
    terms = model.loss_terms(batch, motion_loss(), torch.Generator().manual_seed(0))
    terms["total"].backward()
    assert all(value.isfinite() for value in terms.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@every_model
def test_what_noise_does_to_a_clip(name):
    model, batch = _model(name), targets()
    noisy, time, known = model.add_noise(batch, torch.Generator().manual_seed(0))
    assert torch.equal(known, batch.known if name == "nested" else torch.zeros_like(batch.known))
    assert torch.equal(noisy[known], batch.features[known])
    if not model.generative:
        assert (time == 1).all()
        assert noisy.abs().max() < 1e-4  # cos(pi/2) is not quite zero in float32
        return
    assert ((time >= 0) & (time < 1)).all()
    assert len(set(time.tolist())) == len(time)
    signal, sigma = (x[:, None, None] for x in signal_and_noise(time))
    noise = ((noisy - signal * batch.features) / sigma)[~known]
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)


@every_model
def test_dropout_is_for_training_only(name):
    model = copy.deepcopy(_model(name))
    assert np.array_equal(_run(model), _run(model))
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not np.array_equal(_run(model), _run(model))


@every_model
def test_a_seed_makes_a_model(name):
    def fresh(seed: int) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return torch.cat([p.flatten() for p in build_model(name, SMALL).parameters()])

    assert torch.equal(fresh(0), fresh(0))
    assert not torch.equal(fresh(0), fresh(1))


# Nested alone


def test_reading_layers_hear_no_text():
    model, inputs = _model("nested"), _inputs()
    run = [inputs[key] for key in ("noisy", "time", "known", "valid")]
    with torch.no_grad():
        one, other = (
            model._run(*run, condition(THEN, WHILE, ONE, seed=seed, without_text=rows))
            for seed, rows in ((1, ()), (7, (0,)))
        )
    assert torch.equal(one.coarse, other.coarse)
    assert torch.equal(one.aligned.moments, other.aligned.moments)
    assert not torch.equal(one.aligned.nodes, other.aligned.nodes)


def test_where_the_turns_are_known_the_alignment_hears_of_it():
    model = _model("nested")
    told = _terms(model)
    untold = _terms(model, turns=torch.zeros_like(targets().turns))
    assert told["turns"] > 0
    assert untold["turns"] == 0
    assert told["features"] == untold["features"]


def test_a_model_without_its_local_branch_still_aligns_and_writes():
    config = replace(SMALL, local=False)
    model = changed_model("nested", config)
    found = _denoise(model)
    assert found.alignment.any()
    assert found.clean.any()
    assert not any("cross" in key or ".fine." in key for key in model.state_dict())
