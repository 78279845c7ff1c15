"""A stand-in for the evaluator whose answers are known, and a tiny real one in files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core import Motion
from nestmotion.evaluation.motion_inputs import motion_inputs


class KnownEvaluator:
    """Motions lie at a random projection of their mean inputs, texts where they are put."""

    def __init__(self) -> None:
        self.record = {"joint_speed_limit_m_s": [10.0] * 22}
        self.places: dict[str, np.ndarray] = {}
        self._projection = np.random.default_rng(0).normal(size=(137, 24))

    def embed_motions(self, motions: Sequence[Motion]) -> np.ndarray:
        rows = np.array([motion_inputs(m.positions_m).mean(axis=0) for m in motions])
        vectors = (rows - rows.mean(axis=1, keepdims=True)) @ self._projection
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.places[text] for text in texts])

    def put(self, texts: Sequence[str], motions: Sequence[Motion]) -> None:
        """Lay each text on its motion."""
        self.places |= dict(zip(texts, self.embed_motions(motions), strict=True))


@pytest.fixture
def known_evaluator() -> KnownEvaluator:
    return KnownEvaluator()


@pytest.fixture(scope="session")
def evaluator_run(tmp_path_factory):
    """A tiny evaluator, trained for two epochs on a corpus of made-up motion and exported.

    Gives (run folder, corpus, text encoder's folder, settings, data); fold 0 is its test fold.
    """
    from dataclasses import replace

    from nestmotion.corpus import PreparedCorpus, prepare
    from nestmotion.evaluation.evaluator_data import PairConfig
    from nestmotion.evaluation.evaluator_network import NetworkConfig
    from nestmotion.evaluation.export_evaluator import export_evaluator
    from nestmotion.evaluation.train_evaluator import (
        EvaluatorConfig,
        evaluator_data,
        member_folder,
        train_evaluator,
        write_evaluator_config,
    )
    from nestmotion.text import TextEncoder
    from synthetic_corpus import MemorySource, captioned_trial
    from synthetic_text_encoder import write_text_encoder

    base = tmp_path_factory.mktemp("evaluator")
    captions = ["a person waves the left hand", "someone walks", "he turns clockwise", "a man stands"]
    trials = []
    for k in range(48):
        texts = [] if k % 6 == 5 else [captions[k % 4], f"number {k % 7} walks to the right"]
        trials.append(captioned_trial(f"t{k}", f"family {k // 2}", k // 2 % 3, texts, 20 + 11 * k % 31))
    prepare(MemorySource(trials), base / "corpus")
    corpus = PreparedCorpus.open(base / "corpus")
    words = "a person waves the left right hand someone walks he turns clockwise man stands number to"
    write_text_encoder(base / "text", words.split())
    config = EvaluatorConfig(
        network=NetworkConfig(
            width=24, heads=2, motion_layers=1, text_layers=1, embedding=16, words=30
        ),
        pairs=PairConfig(),
        folds=(1, 2),
        validation_share=0.3,
        text_encoder=str(base / "text"),
        epochs=2,
        batch_size=8,
        validate_epochs=1,
        bfloat16=False,
    )
    encoder = TextEncoder.load(base / "text")
    more = [["a man turns left", "he turns to the left"], ["someone stands"], ["a man walks", "walks"]]
    (base / "more.jsonl").write_text("".join(json.dumps({"captions": c}) + "\n" for c in more))
    config = replace(config, more_captions=str(base / "more.jsonl"))
    data = evaluator_data(config, corpus, encoder)
    run = base / "run"
    write_evaluator_config(run, config)
    for k in range(config.members):
        own = replace(config, seed=config.seed + k)
        write_evaluator_config(member_folder(run, k), own)
        train_evaluator(own, data, member_folder(run, k))
    export_evaluator(run, corpus, base / "text", data.words, base / "evaluator")
    return run, corpus, base / "text", config, data


@pytest.fixture(scope="session")
def evaluator_folder(evaluator_run) -> Path:
    """Folder of the tiny evaluator."""
    return evaluator_run[0].parent / "evaluator"
