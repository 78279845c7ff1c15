"""Starting from a bundle, and learning guidance."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nestmotion.core.errors import TrainingError
from nestmotion.generate import Bundle, TextToMotion, default_bundle_path
from nestmotion.models import Conditioned, Denoiser, ModelConfig, Targets, build_model
from nestmotion.text.reader import reader_settings
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.config import OptimizerConfig, TrainConfig
from nestmotion.training.distil import GuidedTeacher
from nestmotion.training.export import ExportSettings, export
from nestmotion.training.loop import train
from nestmotion.training.reader import ReaderConfig, ReaderNetwork, save_network
from nestmotion.training.run_folder import claim_run, create_run, training_record
from nestmotion.training.start import check_start, learned_guidance, load_start
from synthetic_batches import changed_model, motion_loss, targets
from synthetic_text_encoder import SIZE

SHIPPED = str(default_bundle_path())
PROMPT = "a person walks to the left"


@pytest.fixture(scope="module")
def started(tmp_path_factory, corpus, config, composed_data, text_encoder) -> Path:
    """A folder with a run of an epoch and its bundle."""
    folder = tmp_path_factory.mktemp("started")
    shutil.copytree(text_encoder, folder / "text")
    network = ReaderNetwork(SIZE, ReaderConfig(width=8, dilations=(1,)))
    save_network(network.eval(), folder / "text" / "reader.onnx")
    (folder / "text" / "reader.json").write_text(json.dumps(reader_settings()), "utf-8")
    optimizer = OptimizerConfig(warmup_steps=1, learning_rate=1e-2)
    config = replace(config, epochs=1, text_encoder=str(folder / "text"), optimizer=optimizer)
    _train(config, folder / "run", corpus, composed_data)
    export(folder / "run", corpus, folder / "bundle", ExportSettings(steps=3, guidance=2.0))
    return folder


def _train(config: TrainConfig, run: Path, corpus, data) -> None:
    claim_run(run)
    create_run(run, config, corpus, {}, data.normalizer)
    train(config, data, run)


@pytest.fixture(scope="module")
def taught(started, corpus, config, composed_data) -> Path:
    """A run that learned guidance of 3 from the bundle, beside it, and its bundle."""
    config = replace(
        config,
        text_encoder=str(started / "text"),
        start_from=str(started / "bundle"),
        learn_guidance=3.0,
        epochs=6,
    )
    _train(config, started / "taught", corpus, composed_data)
    export(started / "taught", corpus, started / "one", ExportSettings(steps=3, guidance=3.0))
    return started


# Starting from a bundle


def test_a_bundle_gives_back_the_weights_it_was_made_of(started, config):
    own, given = (build_model(config.model, config.network).eval() for _ in range(2))
    load_ema(started / "run", own)
    load_start(started / "bundle", given)
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
    inputs = text.rows(1) | {"noisy": noisy[None], "time": np.float32([0.7]), "known": known[None]}
    inputs |= {"valid": np.ones((1, 64), bool), "has_text": np.ones(1, bool)}
    with torch.no_grad():
        found, _ = Conditioned(model)(**{k: torch.from_numpy(v) for k, v in inputs.items()})
    assert np.abs(found[0].numpy() - expected).max() < 1e-4


def test_a_bundle_of_another_size_is_refused(started, config):
    model = build_model(config.model, replace(config.network, width=32))
    with pytest.raises(TrainingError) as error:
        load_start(started / "bundle", model)
    path = started / "bundle" / "network.onnx"
    assert str(error.value) == f"{path}: belongs to another model than the config describes"


def test_the_record_of_a_run_from_a_bundle_has_the_bundle_s(taught):
    record = training_record(taught / "taught")
    assert record["started_from"] == Bundle.open(taught / "bundle").manifest["training"]


# Learning guidance


def _terms(model: Denoiser, text_weight: float, clips: Targets) -> dict[str, torch.Tensor]:
    """What a model with the teacher's own weights is told."""
    teacher = GuidedTeacher(copy.deepcopy(model), text_weight)
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


def test_one_reading_comes_near_two(taught):
    before, after = (TextToMotion.load(taught / name) for name in ("bundle", "one"))
    assert after.bundle.text_weight(3.0) == 1.0
    wanted, own, learned = [], [], []
    for seed in range(8):
        noisy = np.random.default_rng(seed).standard_normal((48, 273)).astype(np.float32)
        known, text = np.zeros((48, 273), bool), before.read(PROMPT)
        ask = (noisy, 0.8, known, text)
        wanted.append(before.predict_clean(*ask, 3.0))
        own.append(before.predict_clean(*ask, 1.0))
        learned.append(after.predict_clean(*ask, 1.0))
    off = np.square(np.array(own) - wanted).mean()
    assert np.square(np.array(learned) - wanted).mean() < 0.5 * off


def test_the_alignment_stays(taught):
    before, after = (TextToMotion.load(taught / name) for name in ("bundle", "one"))
    motion = before.generate(PROMPT, seconds=3, seed=1)[0]
    maps = [model.align(motion, PROMPT).weight for model in (before, after)]
    assert np.abs(maps[0] - maps[1]).max() < 1e-5
    assert maps[0].std() > 0


def test_a_teacher_that_has_learned_guidance_is_weighed_less(taught):
    assert learned_guidance(taught / "bundle") == 1.0
    assert learned_guidance(taught / "one") == 3.0
    assert learned_guidance(taught / "run") == 1.0
    assert learned_guidance(taught / "taught") == 3.0


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
        ({"start_from": "no"}, "no/checkpoint.safetensors: no checkpoint there; train first"),
        (
            {"start_from": SHIPPED, "learn_guidance": 4.0, "teacher": "no"},
            "no/checkpoint.safetensors: no checkpoint there; train first",
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
