"""Small corpora to train on, and a text encoder in files for their words."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.source import ActionSpan, Caption, Span, Trial
from nestmotion.generate.prompt import word_list
from nestmotion.models import ModelConfig
from nestmotion.text import TextEncoder, mirror_text
from nestmotion.text.reader import reader_settings
from nestmotion.training.config import DataConfig, OptimizerConfig, TrainConfig
from nestmotion.training.data import TrainingData
from nestmotion.training.export import ExportSettings, export
from nestmotion.training.loop import train
from nestmotion.training.reader import ReaderConfig, ReaderNetwork, save_network
from nestmotion.training.run_folder import claim_run, create_run
from rule_reader import RuleReader
from synthetic_corpus import MemorySource, captioned_trial, moving
from synthetic_text_encoder import SIZE, write_text_encoder

EXPORTED = ExportSettings(name="tiny", steps=3, guidance=2.0)

CAPTIONS = [
    "a person walks to the left",
    "someone strolls ahead",
    "the right arm waves",
    "he turns clockwise",
    "she wanders about",
]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> PreparedCorpus:
    """60 clips of 1 to 3 s in 30 groups and three folds; every fifth has no captions.

    Fold 0 says "secret" in every caption, and nobody else does.
    """
    trials = []
    for k in range(60):
        group, captions = k // 2, [CAPTIONS[k % 5], CAPTIONS[(k + 1) % 5]]
        if group % 3 == 0:
            captions = ["a secret", *captions]
        captions = [] if k % 5 == 4 else captions
        trials.append(
            captioned_trial(f"t{k}", f"family {group}", group % 3, captions, 20 + 11 * k % 41)
        )
    folder = tmp_path_factory.mktemp("training") / "corpus"
    prepare(MemorySource(trials), folder)
    return PreparedCorpus.open(folder)


def _composition(k: int, first: str, then: str) -> Trial:
    """A clip of two actions whose second begins after 0.4 of its length."""
    frames, text = 30 + k, f"{first}, then {then}"
    seconds = frames / 20.0
    turn = round(0.4 * seconds, 2)
    spans = (
        ActionSpan(0, len(first), 0.0, turn),
        ActionSpan(len(first), len(text), turn, seconds),
    )
    span = Span(f"c{k}-clip", 0.0, seconds, (Caption(text, actions=spans),), "train")
    groups = f"family {k}+family {k + 3}"
    return Trial(f"c{k}", groups, moving(frames, seed=100 + k), (span,), k % 3)


@pytest.fixture(scope="session")
def composed(tmp_path_factory) -> PreparedCorpus:
    """18 compositions of "walks left" and "waves", in three folds; both spans of each are known."""
    trials = [_composition(k, "a person walks to the left", "waves the right arm") for k in range(18)]
    folder = tmp_path_factory.mktemp("composed") / "corpus"
    prepare(MemorySource(trials), folder)
    return PreparedCorpus.open(folder)


@pytest.fixture(scope="session")
def text_encoder(tmp_path_factory) -> Path:
    """Folder of an encoder that knows the words of the captions, also of mirrored ones."""
    folder = tmp_path_factory.mktemp("text_encoder")
    texts = [side for text in CAPTIONS for side in (text, mirror_text(text))]
    write_text_encoder(folder, sorted({word for text in [*texts, "then"] for word in word_list(text)}))
    return folder


@pytest.fixture(scope="session")
def encoder(text_encoder) -> TextEncoder:
    return TextEncoder.load(text_encoder)


@pytest.fixture(scope="session")
def reader() -> RuleReader:
    return RuleReader()


@pytest.fixture(scope="session")
def config(text_encoder) -> TrainConfig:
    """A tiny network, six batches an epoch."""
    return TrainConfig(
        network=ModelConfig(
            width=16,
            layers=2,
            heads=2,
            refine_width=8,
            coarse_width=8,
            reading_layers=1,
            joint_width=3,
        ),
        text_encoder=str(text_encoder),
        data=DataConfig(train_folds=(1, 2), validation_share=0.2, balance=0.0, twins=False),
        optimizer=OptimizerConfig(warmup_steps=4, learning_rate=1e-3),
        epochs=4,
        batch_size=5,
        validate_epochs=1,
        seed=3,
        bfloat16=False,
    )


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Folder where texts that were read once are found again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def data(corpus, encoder, reader, config, cache) -> TrainingData:
    """The corpus' training folds, read once for all tests."""
    return TrainingData(corpus, encoder, reader, config.data, config.network, cache=cache)


@pytest.fixture(scope="session")
def composed_data(corpus, composed, encoder, reader, config, cache) -> TrainingData:
    """The same with the compositions."""
    return TrainingData(corpus, encoder, reader, config.data, config.network, composed, cache=cache)


@pytest.fixture(scope="module")
def read(corpus, encoder, reader, config, cache) -> Callable[..., TrainingData]:
    """Function (composed=None, **settings): data read with these settings."""

    def make(composed=None, **settings) -> TrainingData:
        changed = replace(config.data, **settings)
        return TrainingData(corpus, encoder, reader, changed, config.network, composed, cache=cache)

    return make


@pytest.fixture(scope="session")
def with_settings() -> Callable[..., TrainingData]:
    """Function (data, **settings): the same clips in epochs of other settings."""

    def change(data: TrainingData, **settings) -> TrainingData:
        other = copy.copy(data)
        other.config = replace(data.config, **settings)
        return other

    return change


@pytest.fixture(scope="session")
def text_files(tmp_path_factory, text_encoder) -> Path:
    """A folder with a text encoder and a reader that was taught nothing."""
    folder = tmp_path_factory.mktemp("text") / "files"
    shutil.copytree(text_encoder, folder)
    network = ReaderNetwork(SIZE, ReaderConfig(width=8, dilations=(1,)))
    save_network(network.eval(), folder / "reader.onnx")
    (folder / "reader.json").write_text(json.dumps(reader_settings()), "utf-8")
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory, corpus, composed, config, composed_data, text_files) -> Path:
    """A run of an epoch, enough that no weight is zero any more."""
    folder = tmp_path_factory.mktemp("export") / "run"
    config = replace(
        config,
        epochs=1,
        text_encoder=str(text_files),
        optimizer=OptimizerConfig(warmup_steps=1, learning_rate=1e-2),
    )
    claim_run(folder)
    create_run(folder, config, corpus, {"composed": composed}, composed_data.normalizer)
    train(config, composed_data, folder)
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory, run, corpus) -> Path:
    """The run's bundle, not to be changed."""
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    manifest = export(run, corpus, out, EXPORTED)
    assert json.loads((out / "bundle.json").read_text("utf-8")) == json.loads(json.dumps(manifest))
    return out


@pytest.fixture(scope="session")
def taught(tmp_path_factory, bundle, corpus, config, composed_data, text_files) -> Path:
    """A run that learned guidance of 3 from the bundle."""
    folder = tmp_path_factory.mktemp("taught") / "run"
    config = replace(
        config,
        text_encoder=str(text_files),
        start_from=str(bundle),
        learn_guidance=3.0,
        epochs=6,
    )
    claim_run(folder)
    create_run(folder, config, corpus, {}, composed_data.normalizer)
    train(config, composed_data, folder)
    return folder
