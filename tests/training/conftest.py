"""Small corpora to train on, and a text encoder in files for their words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.source import ActionSpan, Caption, Span, Trial
from nestmotion.generate.prompt import word_list
from nestmotion.models import ModelConfig
from nestmotion.text import TextEncoder, mirror_text
from nestmotion.training.config import DataConfig, OptimizerConfig, TrainConfig
from nestmotion.training.data import TrainingData
from rule_reader import RuleReader
from synthetic_corpus import MemorySource, captioned_trial, moving
from synthetic_text_encoder import write_text_encoder

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
