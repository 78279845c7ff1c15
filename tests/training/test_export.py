"""From a run to a bundle that generates without torch."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from nestmotion.core import canonical_skeleton
from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import BundleError, OutputError, TrainingError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.generate import Bundle, TextToMotion
from nestmotion.generate.bundle import FILES
from nestmotion.generate.length import LengthModel
from nestmotion.models import build_model
from nestmotion.text import TextEncoder
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.data import training_clips
from nestmotion.training.export import ExportSettings, export
from nestmotion.training.loop import train
from nestmotion.training.run_folder import claim_run, create_run
from synthetic_corpus import MemorySource, captioned_trial

SETTINGS = ExportSettings(name="tiny", steps=3, guidance=2.0)
PROMPT = "a person walks to the left"


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus, config, data) -> Path:
    """A run of a few steps, enough that no weight is zero any more."""
    folder = tmp_path_factory.mktemp("export") / "run"
    claim_run(folder)
    create_run(folder, config, corpus.manifest, data.normalizer)
    train(replace(config, epochs=1), data, corpus.fps, folder)
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, run, corpus) -> Path:
    """The run's bundle, not to be changed."""
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    manifest = export(run, corpus, out, SETTINGS)
    assert json.loads((out / "bundle.json").read_text("utf-8")) == json.loads(json.dumps(manifest))
    return out


@pytest.fixture(scope="module")
def model(bundle) -> TextToMotion:
    return TextToMotion.load(bundle)


# What is in it


def test_the_manifest(bundle, config, corpus):
    manifest = Bundle.open(bundle).manifest
    network = build_model(config.model, config.network)
    record = manifest.pop("training")
    assert manifest == {
        "format": 1,
        "name": "tiny",
        "fps": 20.0,
        "patch_frames": 4,
        "seconds": {"shortest": 1.0, "longest": 10.0},
        "sampling": {"steps": 3, "guidance": 2.0},
        "parameters": sum(p.numel() for p in network.parameters()),
        "files": {name: sha256_of(bundle / name) for name in FILES},
    }
    assert sorted(path.name for path in bundle.iterdir()) == sorted(("bundle.json", *FILES))
    assert record["config"]["network"]["width"] == 32
    assert record["progress"]["step"] == 6
    assert [row["step"] for row in record["validation"]] == [6]
    assert record["corpus"]["source"] == "memory"
    assert record["corpus"]["clips"] == corpus.manifest["clips"]
    assert set(record["environment"]) >= {"git_commit", "packages", "python"}


def test_no_file_tells_where_it_was_made(bundle):
    """The exporter would note stack traces, with the folders of packages and of this repository."""
    places = [str(Path(__file__).parents[2]), sys.prefix, str(Path(torch.__file__).parents[1])]
    for path in bundle.iterdir():
        data = path.read_bytes()
        assert not [place for place in places if place.encode() in data], path.name


def test_the_small_parts(bundle, data):
    opened = Bundle.open(bundle)
    assert opened.skeleton == canonical_skeleton()
    assert np.array_equal(opened.normalizer.mean, data.normalizer.mean)
    assert np.array_equal(opened.normalizer.std, data.normalizer.std)
    licences = (bundle / "LICENCES.md").read_text("utf-8")
    assert "Synthetic motion, public domain." in licences
    assert "Nobody was recorded." in licences


def test_words_and_lengths_are_those_of_training_captions_alone(bundle, corpus, config, text_encoder):
    opened = Bundle.open(bundle)
    clips = training_clips(corpus, config.data, 4).captioned
    words = {w for c in clips for t in c.captions for w in t.text.split()}
    assert opened.vocabulary == words
    assert "secret" not in words  # of the fold that is not trained on
    pairs = [(t.text, len(c) / 20) for c in clips for t in c.captions]
    vectors = TextEncoder.load(text_encoder).encode([text for text, _ in pairs]).sentence
    expected = LengthModel.fit(vectors, np.array([seconds for _, seconds in pairs]))
    assert np.abs(opened.length_model.weight - expected.weight).max() < 1e-5
    assert opened.length_model.bias == pytest.approx(expected.bias, abs=1e-5)


# The network


def _rounded_network(run: Path, config) -> torch.nn.Module:
    """The averaged weights in torch, the large ones rounded to float16 as in the bundle."""
    network = build_model(config.model, config.network).eval()
    load_ema(run, network)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= 4096:
                parameter.copy_(parameter.half().float())
    return network


@pytest.mark.parametrize(("rows", "tokens", "valid_frames"), [(1, 1, 3), (2, 4, 16), (5, 50, 198)])
def test_onnx_gives_torch_s_numbers_at_any_size(bundle, run, config, rows, tokens, valid_frames):
    generator = torch.Generator().manual_seed(0)
    frames = 4 * tokens
    inputs = {
        "noisy": torch.randn(rows, frames, 273, generator=generator),
        "time": torch.rand(rows, generator=generator),
        "sentence": torch.randn(rows, 384, generator=generator),
        "has_text": torch.rand(rows, generator=generator) < 0.5,
        "valid": (torch.arange(frames) < valid_frames).expand(rows, -1),
    }
    with torch.no_grad():
        expected = _rounded_network(run, config)(**inputs).numpy()
    session = onnxruntime.InferenceSession(bundle / "network.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    assert np.abs(expected).max() > 1e-2
    assert np.abs(found - expected).max() < 1e-4


# Generation


def test_the_bundle_generates(model):
    motion, other = model.generate(PROMPT, seconds=2.5, seed=7, samples=2)
    assert (len(motion), motion.fps, motion.skeleton) == (50, 20.0, canonical_skeleton())
    assert motion.metadata["prompt"] == PROMPT
    assert (motion.metadata["seed"], motion.metadata["sample"]) == (7, 0)
    assert motion.metadata["steps"] == 3
    assert np.abs(motion.root_m[0, [0, 2]]).max() < 1.0
    assert np.abs(motion.positions_m - other.positions_m).max() > 1e-3


def test_the_same_seed_gives_the_same_motion(model):
    first, again = (model.generate(PROMPT, seconds=2, seed=7)[0] for _ in range(2))
    assert np.array_equal(first.positions_m, again.positions_m)
    among_many = model.generate(PROMPT, seconds=2, seed=7, samples=3)[0]
    assert np.abs(first.positions_m - among_many.positions_m).max() < 1e-3
    other = model.generate(PROMPT, seconds=2, seed=8)[0]
    assert np.abs(first.positions_m - other.positions_m).max() > 1e-3


def test_the_length_is_predicted_when_it_is_not_given(model, corpus, config):
    seconds = model.predict_seconds(PROMPT)
    lengths = [len(c) / 20 for c in training_clips(corpus, config.data, 4).captioned]
    assert min(lengths) <= seconds <= max(lengths)
    (motion,) = model.generate(PROMPT)
    assert len(motion) == round(20 * seconds)


@pytest.mark.parametrize("seconds", [1.0, 1.05, 1.1, 1.15, 10.0])
def test_every_number_of_frames_can_be_had(model, seconds):
    assert len(model.generate(PROMPT, seconds=seconds)[0]) == round(20 * seconds)


# What export refuses


def test_another_corpus(run, tmp_path):
    trials = [captioned_trial("t", "g", 1, ["a person walks"], 40)]
    prepare(MemorySource(trials), tmp_path / "corpus")
    with pytest.raises(TrainingError) as error:
        export(run, PreparedCorpus.open(tmp_path / "corpus"), tmp_path / "out", SETTINGS)
    assert str(error.value) == f"{tmp_path / 'corpus'}: not the corpus that {run} was trained on"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else(run, corpus, tmp_path, force):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(OutputError) as error:
        export(run, corpus, tmp_path, SETTINGS, force=force)
    refused = f"{tmp_path}: is not empty; use --force to replace it"
    forced = f"{tmp_path}: holds no bundle, so it is not replaced; choose another folder"
    assert str(error.value) == (forced if force else refused)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_in_the_way(run, corpus, tmp_path, force):
    out = tmp_path / "file"
    out.write_text("x")
    with pytest.raises(OutputError) as error:
        export(run, corpus, out, SETTINGS, force=force)
    assert str(error.value) == f"{out}: is a file; choose a folder"
    assert out.read_text() == "x"


def test_a_folder_that_is_no_run(corpus, tmp_path):
    with pytest.raises(TrainingError) as error:
        export(tmp_path, corpus, tmp_path / "out", SETTINGS)
    expected = f"{tmp_path / 'config.json'}: missing; {tmp_path} is not a training run"
    assert str(error.value) == expected


def test_a_failed_export_leaves_what_was_there(run, bundle, corpus, tmp_path):
    """The checkpoint is gone: the bundle to be replaced stays, and nothing lies beside it."""
    broken = Path(shutil.copytree(run, tmp_path / "run"))
    (broken / "checkpoint.safetensors").unlink()
    out = Path(shutil.copytree(bundle, tmp_path / "out"))
    with pytest.raises(TrainingError) as error:
        export(broken, corpus, out, SETTINGS, force=True)
    assert str(error.value) == f"{broken / 'checkpoint.safetensors'}: no checkpoint there; train first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]
    assert Bundle.open(out).name == "tiny"


def test_one_edited_byte_of_a_bundle_is_found(bundle, tmp_path):
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    data = bytearray((copy / "network.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "network.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"network\.onnx: changed since it was made"):
        TextToMotion.load(copy)
