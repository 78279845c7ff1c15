"""A small corpus to train on, and a text encoder in files for its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.generate.prompt import word_list
from nestmotion.models import ModelConfig
from nestmotion.training.config import DataConfig, OptimizerConfig, TrainConfig
from nestmotion.training.data import TrainingData
from synthetic_corpus import MemorySource, StubEncoder, captioned_trial
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


@pytest.fixture(scope="session")
def text_encoder(tmp_path_factory) -> Path:
    """Folder of an encoder that knows the words of the captions."""
    folder = tmp_path_factory.mktemp("text_encoder")
    write_text_encoder(folder, sorted({word for text in CAPTIONS for word in word_list(text)}))
    return folder


@pytest.fixture(scope="session")
def config(text_encoder) -> TrainConfig:
    """A tiny network, six batches an epoch."""
    return TrainConfig(
        network=ModelConfig(width=32, layers=1, heads=2),
        text_encoder=str(text_encoder),
        data=DataConfig(train_folds=(1, 2), validation_share=0.2),
        optimizer=OptimizerConfig(warmup_steps=4, learning_rate=1e-3),
        epochs=4,
        batch_size=5,
        validate_epochs=1,
        seed=3,
    )


@pytest.fixture(scope="session")
def data(corpus, config) -> TrainingData:
    """The corpus' training folds, read once for all tests."""
    return TrainingData(corpus, StubEncoder(), config.data, config.network.patch_frames)
