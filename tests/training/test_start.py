"""Starting from a bundle, and learning guidance."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nestmotion.core.errors import TrainingError
from nestmotion.core.skeleton import canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.generate import Bundle, TextToMotion, default_bundle_path
from nestmotion.generate.beginning import facing_ahead
from nestmotion.models import Conditioned, Denoiser, ModelConfig, Targets, build_model
from nestmotion.training.config import DataConfig, GuidanceShape, TrainConfig
from nestmotion.training.data import TrainingData
from nestmotion.training.distil import GuidedTeacher
from nestmotion.training.run_folder import read_config, training_record
from nestmotion.training.start import (
    average_with_start,
    check_own_share,
    check_start,
    learned_guidance,
    load_start,
    start_normalizer,
)
from synthetic_batches import SMALL, changed_model, loaded_model, motion_loss, targets

SHIPPED = str(default_bundle_path())
PROMPT = "a person walks to the left"


# Starting from a bundle


def test_a_bundle_gives_back_the_weights_it_was_made_of(run, bundle, config):
    own, given = (loaded_model(folder, config) for folder in (run, bundle))
    missing = ("aligner.node_space", "aligner.moment_space", "motion_space", "sentence_space")
    compared = {k: v for k, v in own.state_dict().items() if not k.startswith(missing)}
    assert own.aligner.sharpness.abs() > 1e-3
    for name, value in compared.items():
        assert torch.allclose(given.state_dict()[name], value, rtol=1e-3, atol=1e-6), name


def test_the_shipped_bundle_s_weights_predict_what_it_predicts():
    bundle = Bundle.open(default_bundle_path())
    settings = bundle.manifest["training"]["config"]
    model = build_model(settings["model"], ModelConfig(**settings["network"])).eval()
    load_start(bundle.folder, model)
    whole = TextToMotion.load()
    text = whole.read("a person sits down, then waves")
    rng = np.random.default_rng(0)
    noisy = rng.standard_normal((64, 273)).astype(np.float32)
    known = rng.random((64, 273)) < 0.1
    expected = whole.predict_clean(noisy, 0.7, known, text, 1.0)
    inputs = {k: v for k, v in text.rows(1).items() if k != "mirrored"}
    inputs |= {"noisy": noisy[None], "time": np.float32([0.7]), "known": known[None]}
    inputs |= {"valid": np.ones((1, 64), bool), "has_text": np.ones(1, bool)}
    with torch.no_grad():
        found, _ = Conditioned(model)(**{k: torch.from_numpy(v) for k, v in inputs.items()})
    seen = facing_ahead(found.numpy(), bundle.normalizer, FeatureLayout.of(bundle.skeleton))
    assert np.abs(seen[0] - expected).max() < 1e-4


def test_a_bundle_of_another_size_is_refused(bundle, config):
    model = build_model(config.model, replace(config.network, width=32))
    with pytest.raises(TrainingError) as error:
        load_start(bundle, model)
    path = bundle / "network.onnx"
    assert str(error.value) == f"{path}: belongs to another model than the config describes"


def test_the_record_of_a_run_from_a_bundle_has_the_bundle_s(taught, bundle):
    record = training_record(taught)
    assert record["started_from"] == Bundle.open(bundle).manifest["training"]


# Learning guidance


def _terms(model: Denoiser, text_weight: float, clips: Targets) -> dict[str, torch.Tensor]:
    """What a model with the teacher's own weights is told."""
    teacher = GuidedTeacher(copy.deepcopy(model), text_weight, GuidanceShape(), 20.0)
    return teacher.terms(model, clips, motion_loss(), torch.Generator().manual_seed(0))


def test_its_own_teacher_has_nothing_to_learn_without_guidance():
    model = changed_model("nested").eval()
    terms = _terms(model, 1.0, targets())
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        dict.fromkeys(("features", "position", "velocity", "acceleration", "total"), 0.0), abs=1e-6
    )
    assert _terms(model, 3.0, targets())["total"] > 1e-4


def test_without_text_there_is_nothing_to_learn():
    model, clips = changed_model("nested").eval(), targets()
    silent = replace(clips.condition, has_text=torch.zeros_like(clips.condition.has_text))
    terms = _terms(model, 3.0, replace(clips, condition=silent))
    assert float(terms["total"]) == pytest.approx(0.0, abs=1e-9)


@torch.no_grad()
def test_less_guidance_for_places_and_more_for_gestures():
    """A difference that is a slow wave, one a second, and a jitter, in every column."""
    shape = GuidanceShape(place=0.5, gestures=2.0)
    teacher = GuidedTeacher(changed_model("nested"), 1.0, shape, 20.0)
    layout, time = FeatureLayout.of(canonical_skeleton()), torch.arange(200) / 20.0
    place = torch.zeros(layout.size, dtype=torch.bool)
    place[layout["root_path"]] = place[layout["root_velocity"]] = True
    valid = torch.arange(200)[None] < 180
    for hertz, factor in ((0.05, 1.0), (1.0, 1.8), (10.0, 1.0)):
        wave = torch.cos(2 * torch.pi * hertz * time)[None, :, None].expand(1, 200, layout.size)
        # What stands behind the end of a clip is nothing that it is to be told.
        shaped = teacher._shaped(torch.where(valid[..., None], wave, 1e3), valid)
        inner = slice(40, 140)
        torch.testing.assert_close(shaped[:, :180][..., place], 0.5 * wave[:, :180][..., place])
        found, known = (motion[:, inner][..., ~place] for motion in (shaped, wave))
        share = (found * known).sum() / known.square().sum()
        assert float(share) == pytest.approx(factor, abs=0.15)


def test_guidance_of_no_shape_is_the_same_for_all():
    difference, valid = torch.randn(2, 30, 273), torch.ones(2, 30, dtype=torch.bool)
    teacher = GuidedTeacher(changed_model("nested"), 3.0, GuidanceShape(), 20.0)
    torch.testing.assert_close(teacher._shaped(difference, valid), difference)


@torch.no_grad()
def test_sides_are_told_apart_in_the_limbs():
    """Half of what tells a text from the one beside the mirror image is wanted on top; where both are
    the same, and where nothing stands beside, as in validation, nothing is."""
    model = changed_model("nested", replace(SMALL, dropout=0.0)).train()
    clips = targets((32, 27, 32, 27), without_text=())
    teacher = GuidedTeacher(copy.deepcopy(model), 1.0, GuidanceShape(sides=0.5), 20.0)
    loss, generator = motion_loss(), torch.Generator()
    terms = teacher.terms(model, clips, loss, generator.manual_seed(0))
    noisy, time, known = model.add_noise(clips, generator.manual_seed(0))
    told, other = (
        model.denoise(noisy, time, known, clips.valid, clips.condition.rows(torch.tensor(rows))).clean
        for rows in ([0, 1, 2, 3], [2, 3, 0, 1])
    )
    wanted = 0.5 * (told - other)
    wanted[..., : FeatureLayout.of(canonical_skeleton())["rotations"].start] = 0.0
    expected = (wanted**2 * loss.column_weight).mean(dim=-1)[clips.valid].mean()
    assert float(expected) > 1e-6
    assert float(terms["features"]) == pytest.approx(float(expected), rel=1e-4)
    alike = replace(clips, condition=clips.condition.rows(torch.tensor([0, 1, 0, 1])))
    for student, seen in ((model, alike), (copy.deepcopy(model).eval(), clips)):
        terms = teacher.terms(student, seen, loss, generator.manual_seed(0))
        assert float(terms["features"]) == pytest.approx(0.0, abs=1e-9)


@torch.no_grad()
def test_one_reading_comes_near_two(taught, bundle, config, composed_data):
    before, after = (loaded_model(folder, config) for folder in (bundle, taught))
    (batch,) = composed_data.validation_batches(100)
    noisy, time, known = before.add_noise(batch, torch.Generator().manual_seed(1))
    silent = replace(batch.condition, has_text=torch.zeros_like(batch.condition.has_text))
    told, bare, learned, learned_bare = (
        model.denoise(noisy, time, known, batch.valid, condition).clean
        for model in (before, after)
        for condition in (batch.condition, silent)
    )
    wanted = bare + 3 * (told - bare)
    off = (told - wanted).square().mean()
    assert (learned - wanted).square().mean() < 0.5 * off
    assert (learned_bare - bare).square().mean() < 0.5 * off


@torch.no_grad()
def test_the_alignment_stays(taught, bundle, config, composed_data):
    """Nothing that comes before it has changed, and something after it has."""
    before, after = (loaded_model(folder, config) for folder in (bundle, taught))
    (batch,) = composed_data.validation_batches(100)
    noisy, time, known = before.add_noise(batch, torch.Generator().manual_seed(1))
    maps, clean = zip(
        *(
            (found.alignment, found.clean)
            for model in (before, after)
            for found in [model.denoise(noisy, time, known, batch.valid, batch.condition)]
        ),
        strict=True,
    )
    assert torch.equal(*maps)
    assert maps[0].std() > 0
    assert not torch.equal(*clean)


def test_what_was_learned_is_told(taught, run, bundle):
    """A teacher that has learned guidance is weighed the less for it."""
    assert [learned_guidance(folder) for folder in (taught, run, bundle)] == [3.0, 1.0, 1.0]
    shipped = Bundle.open(default_bundle_path()).manifest
    assert learned_guidance(default_bundle_path()) == shipped["sampling"]["learned_guidance"]


@pytest.mark.parametrize(("share", "guidance"), [(1.0, 3.0), (0.75, 2.5), (0.5, 2.0)])
def test_an_average_of_a_run_and_its_start(taught, bundle, config, share, guidance):
    settings = read_config(taught)
    own, start = (loaded_model(folder, config).state_dict() for folder in (taught, bundle))
    model = loaded_model(taught, config)
    assert average_with_start(model, settings, share) == pytest.approx(guidance)
    moved = 0
    for name, value in model.state_dict().items():
        if name.startswith(("aligner.node_space", "aligner.moment_space", "motion_space", "sentence_")):
            assert torch.equal(value, own[name]), name  # a bundle lacks it
            continue
        expected = share * own[name] + (1.0 - share) * start[name]
        assert torch.allclose(value, expected, atol=1e-6), name
        moved += not torch.equal(own[name], start[name])
    assert moved > 10


def test_weights_keep_the_normalizer_they_know(config, run, bundle, corpus, encoder, reader, cache):
    started = [start_normalizer(replace(config, start_from=str(f))) for f in (run, SHIPPED)]
    assert start_normalizer(config) is None
    for found, folder in zip(started, (run, Path(SHIPPED)), strict=True):
        arrays = json.loads((folder / "normalizer.json").read_text("utf-8"))
        assert {k: v.tolist() for k, v in found.to_arrays().items()} == arrays
    fitted = TrainingData(corpus, encoder, reader, config.data, config.network, cache=cache)
    given = TrainingData(
        corpus, encoder, reader, config.data, config.network, cache=cache, normalizer=started[1]
    )
    assert given.normalizer is started[1]
    assert not np.allclose(given.normalizer.std, fitted.normalizer.std)


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"learn_guidance": 4.0},
            "guidance is learned from a trained model; name its run or bundle with --start-from",
        ),
        (
            {"learn_guidance": -1.0, "start_from": "x"},
            "the guidance to learn must be above 0, not -1",
        ),
        (
            {"start_from": SHIPPED, "learn_guidance": 4.0, "model": "transformer"},
            "model 'transformer' makes its motion in one pass, without guidance to learn",
        ),
        ({"start_from": "no"}, "no/checkpoint.safetensors: no checkpoint there; train first"),
        (
            {"start_from": SHIPPED, "learn_guidance": 4.0, "teacher": "no"},
            "no/checkpoint.safetensors: no checkpoint there; train first",
        ),
        (
            {
                "start_from": SHIPPED,
                "learn_guidance": 4.0,
                "guidance_shape": GuidanceShape(sides=0.5),
                "data": DataConfig(twins=False),
            },
            "guidance of sides is learned from clips beside their mirror images; leave --data.twins "
            "on, or --guidance-shape.sides out",
        ),
        (
            {"learn_detail": True},
            "detail is learned for a trained model; name its run or bundle with --start-from",
        ),
        (
            {"learn_detail": True, "learn_guidance": 4.0, "start_from": SHIPPED},
            "detail and guidance are learned one after the other; leave one of them out",
        ),
        (
            {"learn_detail": True, "start_from": SHIPPED},
            "there is no detail to learn; say how wide with --network.detail-width (of a nested model)",
        ),
        (
            {"start_from": SHIPPED, "teacher": SHIPPED},
            "a teacher's guidance is learned; say which with --learn-guidance",
        ),
    ],
)
def test_nothing_to_start_from(settings, message):
    with pytest.raises(TrainingError) as error:
        check_start(TrainConfig(**settings))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("start", "share", "message"),
    [
        (SHIPPED, 0.0, "a run's own share of the weights is above 0 and at most 1, not 0"),
        (SHIPPED, 1.5, "a run's own share of the weights is above 0 and at most 1, not 1.5"),
        (
            "",
            0.5,
            "this run began with no other weights, so there are none to average its own with; "
            "leave --own-share out",
        ),
    ],
)
def test_nothing_to_average(run, start, share, message):
    with pytest.raises(TrainingError) as error:
        check_own_share(run, TrainConfig(start_from=start), share)
    assert str(error.value) == message


def test_no_average_of_other_normalizers(run, bundle):
    check_own_share(run, TrainConfig(start_from=str(bundle)), 0.5)
    check_own_share(run, TrainConfig(start_from=SHIPPED), 1.0)
    with pytest.raises(TrainingError) as error:
        check_own_share(run, TrainConfig(start_from=SHIPPED), 0.5)
    assert str(error.value) == (
        f"{run} and {SHIPPED} were taught with other means and deviations of the features, so that "
        "their weights have no average; leave --own-share out"
    )


def test_a_teacher_of_another_normalizer(run):
    with pytest.raises(TrainingError) as error:
        check_start(TrainConfig(start_from=SHIPPED, teacher=str(run), learn_guidance=4.0))
    assert str(error.value) == (
        f"{run} and {SHIPPED} were taught with other means and deviations of the features, so that one "
        "cannot learn from the other; start from the teacher itself"
    )
