"""The paper's experiments as small as they can be: made-up clips, networks of a few numbers."""

from __future__ import annotations

import json
from pathlib import Path

from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.evaluation.evaluator_network import NetworkConfig
from nestmotion.evaluation.experiments import PaperSettings
from nestmotion.evaluation.tasks import Corpora
from nestmotion.evaluation.train_evaluator import EvaluatorConfig
from nestmotion.models import ModelConfig
from nestmotion.text.reader import reader_settings
from nestmotion.training.config import DataConfig, OptimizerConfig, TrainConfig
from nestmotion.training.export import ExportSettings
from nestmotion.training.reader import ReaderConfig, ReaderNetwork, save_network
from synthetic_corpus import MemorySource, captioned_trial
from synthetic_text_encoder import SIZE, write_text_encoder

__all__ = ["CAPTIONS", "tiny_corpora", "tiny_corpus", "tiny_settings", "write_text_files"]

CAPTIONS = (
    "a person walks",
    "someone slowly turns to the left and then he sits down on a chair",
    "a man waves the left hand while he walks",
    "a person jumps twice, then walks to the right, then sits down, then turns and waves and walks on",
)


def write_text_files(folder: Path) -> Path:
    """A text encoder that knows the captions' words, and a reader of trees that was taught nothing."""
    words = {word for text in CAPTIONS for word in text.replace(",", "").split()}
    write_text_encoder(folder, sorted(words))
    network = ReaderNetwork(SIZE, ReaderConfig(width=8, dilations=(1,)))
    save_network(network.eval(), folder / "reader.onnx")
    (folder / "reader.json").write_text(json.dumps(reader_settings()), "utf-8")
    return folder


def tiny_corpus(folder: Path, folds: tuple[int, ...] = (0, 1, 2)) -> PreparedCorpus:
    """36 clips of one to two seconds in 18 groups."""
    trials = [
        captioned_trial(
            f"t{k}", f"family {k // 2}", folds[k // 2 % len(folds)], [CAPTIONS[k % 4]], 20 + 7 * k % 23
        )
        for k in range(36)
    ]
    prepare(MemorySource(trials), folder)
    return PreparedCorpus.open(folder)


def tiny_corpora(folder: Path) -> Corpora:
    """The corpus and the text files, made in `folder`."""
    return Corpora(tiny_corpus(folder / "corpus"), None, write_text_files(folder / "text"))


def tiny_settings(**changes: object) -> PaperSettings:
    """Two steps of training, two of sampling; two models."""
    network = ModelConfig(
        width=16,
        layers=2,
        heads=2,
        refine_width=8,
        coarse_width=8,
        reading_layers=1,
        joint_width=3,
    )
    base = TrainConfig(
        network=network,
        data=DataConfig(validation_share=0.3, balance=0.0),
        optimizer=OptimizerConfig(warmup_steps=2, learning_rate=1e-3),
        epochs=2,
        batch_size=8,
        validate_epochs=1,
        bfloat16=False,
        checkpoint_minutes=0.0,
    )
    evaluator = EvaluatorConfig(
        network=NetworkConfig(width=24, heads=2, motion_layers=1, text_layers=1, embedding=16),
        validation_share=0.3,
        members=1,
        epochs=2,
        batch_size=8,
        validate_epochs=1,
        bfloat16=False,
        checkpoint_minutes=0.0,
    )
    settings = {
        "base": base,
        "evaluator": evaluator,
        "sampling": ExportSettings(steps=2, guidance=2.0),
        "models": ("nested", "diffusion"),
        "layers": 2,
        "long_seconds": (3.0, 4.0),
        "long_sequences": 2,
    }
    return PaperSettings(**{**settings, **changes})
