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
from nestmotion.features.known import known_path
from nestmotion.generate import Bundle, TextToMotion, default_bundle_path
from nestmotion.generate.bundle import FILES, TEXT_FILES
from nestmotion.generate.length import LengthModel
from nestmotion.models import Conditioned, Denoiser, build_model
from nestmotion.text import TextEncoder
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.data import training_clips
from nestmotion.training.export import ExportSettings, _export_network, export
from nestmotion.training.model_card import model_card
from synthetic_batches import ONE, SMALL, THEN, WHILE, changed_model, condition
from synthetic_corpus import MemorySource, captioned_trial

SETTINGS = ExportSettings()
PROMPT = "a person walks to the left"


@pytest.fixture(scope="module")
def model(bundle) -> TextToMotion:
    return TextToMotion.load(bundle)


# What is in it


def test_the_manifest(bundle, config, corpus):
    manifest = Bundle.open(bundle).manifest
    network = build_model(config.model, config.network)
    record = manifest.pop("training")
    assert manifest == {
        "format": 3,
        "name": "tiny",
        "fps": 20.0,
        "model": "nested",
        "generative": True,
        "controllable": True,
        "semantic_depth": config.network.semantic_depth,
        "patch_frames": 4,
        "frame_multiple": 16,
        "seconds": {"shortest": 1.0, "longest": 10.0},
        "sampling": {
            "steps": 3,
            "guidance": 2.0,
            "learned_guidance": 1.0,
            "amplitude": {"legs": 1.0, "upper": 1.0},
            "weak_side": {"turns": "", "others": ""},
        },
        "own_share": 1.0,
        "detail": {"arms": 1.0, "rest": 1.0},
        "parameters": sum(p.numel() for p in network.parameters()),
        "files": {name: sha256_of(bundle / name) for name in FILES},
    }
    assert sorted(path.name for path in bundle.iterdir()) == sorted(
        ("bundle.json", "MODEL_CARD.md", *FILES)
    )
    assert record["config"]["network"]["width"] == config.network.width
    assert record["progress"]["step"] == 7
    assert [row["step"] for row in record["validation"]] == [7]
    assert record["corpus"]["source"] == "memory"
    assert record["corpus"]["clips"] == corpus.manifest["clips"]
    assert record["composed_clips"] == 18
    assert set(record["environment"]) >= {"git_commit", "packages", "python"}


def test_what_reads_the_text_is_that_of_the_run(bundle, text_files):
    for name in TEXT_FILES:
        assert (bundle / name).read_bytes() == (text_files / name).read_bytes()


def test_no_file_tells_where_it_was_made(bundle):
    """The exporter would note stack traces, with the folders of packages and of this repository."""
    places = [str(Path(__file__).parents[2]), sys.prefix, str(Path(torch.__file__).parents[1])]
    for path in bundle.iterdir():
        data = path.read_bytes()
        assert not [place for place in places if place.encode() in data], path.name


def test_the_small_parts(bundle, composed_data):
    opened = Bundle.open(bundle)
    assert opened.skeleton == canonical_skeleton()
    assert np.array_equal(opened.normalizer.mean, composed_data.normalizer.mean)
    assert np.array_equal(opened.normalizer.std, composed_data.normalizer.std)
    licences = (bundle / "LICENCES.md").read_text("utf-8")
    assert "Synthetic motion, public domain." in licences
    assert "Nobody was recorded." in licences


def test_the_card_says_what_the_manifest_says(bundle):
    manifest = Bundle.open(bundle).manifest
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    corpus, step = manifest["training"]["corpus"], manifest["training"]["progress"]["step"]
    assert card.startswith("# Model card: tiny\n")
    assert "1 to 10 seconds of motion of one person out, at 20 frames a second" in card
    assert f"{manifest['parameters'] / 1e6:.1f} million parameters, 3 steps, guidance 2." in card
    assert f"{corpus['clips']} clips, {corpus['hours']:.1f} hours" in card
    assert "18 composed clips, 0 narrated clips. Trained on folds 1, 2." in card
    assert f"**Training.** {step} steps." in card


def test_the_card_names_the_runs_before_and_one_step_models():
    first = {"progress": {"step": 7}, "started_from": None}
    manifest = json.loads((default_bundle_path() / "bundle.json").read_text("utf-8"))
    training = manifest["training"] | {"progress": {"step": 5}, "started_from": first}
    said = ("amplitude", "weak_side")
    sampling = {k: v for k, v in manifest["sampling"].items() if k not in said}
    changed = {"training": training, "generative": False, "sampling": sampling, "detail": {}}
    card = model_card(manifest | changed)
    assert "2 runs, each from the weights of the one before: 7, 5 steps." in card
    assert "million parameters, one step." in card
    changed["sampling"] = sampling | {"amplitude": {"legs": 1.0, "upper": 2.5}}
    card = model_card(manifest | changed)
    assert "one step; movements made larger: legs 1, upper 2.5 times." in card
    changed["sampling"] = sampling | {"weak_side": {"turns": "right", "others": "left"}}
    card = model_card(manifest | changed)
    weak = "turns to the right, others to the left"
    assert f"one step; texts of its weak side ({weak}) are made as their mirror image." in card
    card = model_card(manifest | changed | {"own_share": 0.25})
    assert "7, 5 steps. Weights: 0.25 of the last run's, the rest of its start's. The settings" in card
    card = model_card(manifest | changed | {"detail": {"arms": 0.5, "rest": 0.0}})
    assert "5 steps. Of the detail that was learned it makes 0.5 (arms), 0 (rest). The sett" in card


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


def _rounded_network(run: Path, config) -> Denoiser:
    """The averaged weights in torch, the large ones rounded to float16 as in the bundle."""
    network = build_model(config.model, config.network).eval()
    load_ema(run, network)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= 4096:
                parameter.copy_(parameter.half().float())
    return network


def _inputs(rows: int, frames: int, valid_frames: int) -> dict[str, torch.Tensor]:
    """Random inputs of a network; texts of as many nodes as the largest tree of the first `rows`."""
    generator = torch.Generator().manual_seed(0)
    shape = (rows, frames, 273)
    trees = [(ONE, THEN, WHILE)[k % 3] for k in range(rows)]
    text = condition(*trees, without_text=[1])
    size = (*text.node_kind.shape, 384)
    return {
        "noisy": torch.randn(shape, generator=generator),
        "time": torch.rand(rows, generator=generator),
        "known": torch.rand(shape, generator=generator) < 0.2,
        "valid": (torch.arange(frames) < valid_frames).expand(rows, -1),
        **text.tensors(),
        "sentence": torch.randn(rows, 384, generator=generator),
        "node_vectors": torch.randn(size, generator=generator),
    }


def _compare(path: Path, network: Denoiser, inputs: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        clean, alignment = Conditioned(network)(**inputs)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = session.run(["clean", "alignment"], {name: inputs[name].numpy() for name in names})
    assert clean.abs().max() > 1e-2
    assert np.abs(found[0] - clean.numpy()).max() < 1e-4
    assert np.abs(found[1] - alignment.numpy()).max() < 1e-4


@pytest.mark.parametrize(("rows", "groups", "valid_frames"), [(1, 1, 3), (2, 2, 32), (5, 13, 198)])
def test_onnx_gives_torch_s_numbers_at_any_size(bundle, run, config, rows, groups, valid_frames):
    network = _rounded_network(run, config)
    _compare(bundle / "network.onnx", network, _inputs(rows, 16 * groups, valid_frames))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "diffusion", "clip-aligned"])
def test_the_other_models_can_be_exported_too(tmp_path, name):
    """With the inputs they heed: a model that hears only the sentence wants no nodes."""
    network = changed_model(name, replace(SMALL, text_size=384, layers=2))
    for parameter in network.parameters():
        if parameter.numel() >= 4096:
            parameter.data = parameter.data.half().float()
    _export_network(network, tmp_path / "network.onnx")
    _compare(tmp_path / "network.onnx", network, _inputs(3, 48, 41))


# Generation


def test_the_bundle_generates(model):
    motion, other = model.generate(PROMPT, seconds=2.5, seed=7, samples=2)
    assert (len(motion), motion.fps, motion.skeleton) == (50, 20.0, canonical_skeleton())
    assert motion.metadata["prompt"] == PROMPT
    assert (motion.metadata["seed"], motion.metadata["sample"]) == (7, 0)
    assert motion.metadata["steps"] == 3
    assert np.abs(motion.root_m[0, [0, 2]]).max() < 1.0
    assert np.abs(motion.positions_m - other.positions_m).max() > 1e-3


def test_what_is_known_is_kept_and_each_moment_explained(model):
    known = known_path(np.stack((np.zeros(40), np.linspace(0, 2, 40)), axis=1))
    (found,) = model.explain(PROMPT, known=known, seed=7, postprocess=False)
    assert len(found.motion) == 40
    # A network of one epoch may begin turned away, and the motion is then turned as a whole.
    away = np.linalg.norm((found.motion.root_m - found.motion.root_m[0])[:, [0, 2]], axis=1)
    assert np.abs(away - np.linspace(0, 2, 40)).max() < 0.02
    weight = found.alignment.weight
    assert weight.shape == (len(found.alignment.tree.nodes), 40)
    assert (weight[0] == 1).all()
    assert max(node.level for node in found.alignment.tree.nodes) <= 4


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
    (motion,) = model.generate(PROMPT, by_turns=False)
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
