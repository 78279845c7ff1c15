"""Small models, and clips and texts for them: trees written by hand, features of made-up motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from nestmotion.core import canonical_skeleton
from nestmotion.features import encode
from nestmotion.models import (
    Condition,
    Denoiser,
    LossWeights,
    ModelConfig,
    MotionLoss,
    Targets,
    build_model,
)
from nestmotion.text.nodes import CUES, KINDS, MOST_TURNS, TextNodes, stack_nodes
from nestmotion.training.config import TrainConfig
from nestmotion.training.start import load_start
from synthetic_corpus import moving

__all__ = [
    "BARE",
    "ONE",
    "SMALL",
    "THEN",
    "WHILE",
    "changed_model",
    "condition",
    "loaded_model",
    "motion_loss",
    "targets",
]

SMALL = ModelConfig(
    width=16,
    layers=3,
    heads=2,
    refine_width=8,
    text_size=12,
    coarse_width=8,
    reading_layers=1,
    joint_width=3,
)

# Nodes of a text: level, kind, parent, order.
Tree = Sequence[tuple[int, str, int, int]]

# "walks left, then sits"
THEN: Tree = (
    (1, "sentence", 0, -1),
    (2, "action", 0, 0),
    (3, "motion", 1, 0),
    (4, "word", 2, 0),
    (3, "direction", 1, 0),
    (4, "word", 4, 0),
    (2, "action", 0, 1),
    (3, "motion", 6, 1),
    (4, "word", 7, 1),
)
# "walks while the arms swing"
WHILE: Tree = (
    (1, "sentence", 0, -1),
    (2, "action", 0, 0),
    (3, "motion", 1, 0),
    (4, "word", 2, 0),
    (2, "action", 0, 0),
    (3, "body_part", 4, 0),
    (4, "word", 5, 0),
)
# "walks"
ONE: Tree = ((1, "sentence", 0, -1), (2, "action", 0, 0), (3, "motion", 1, 0), (4, "word", 2, 0))
# A tree cut at depth 1.
BARE: Tree = ((1, "sentence", 0, -1),)


def condition(*trees: Tree, seed: int = 1, without_text: Sequence[int] = ()) -> Condition:
    """Texts with random vectors and cues, on these trees; the rows of `without_text` have none."""
    rng = np.random.default_rng(seed)
    nodes = stack_nodes([_nodes(tree, rng) for tree in trees])
    tensors = {f"node_{f.name}": torch.from_numpy(getattr(nodes, f.name)) for f in fields(nodes)}
    sentence = rng.normal(size=(len(trees), SMALL.text_size)).astype(np.float32)
    has_text = [row not in without_text for row in range(len(trees))]
    return Condition(torch.from_numpy(sentence), torch.tensor(has_text), **tensors)


def _nodes(tree: Tree, rng: np.random.Generator) -> TextNodes:
    level, kind, parent, order = zip(*tree, strict=True)
    return TextNodes(
        vectors=rng.normal(size=(len(tree), SMALL.text_size)).astype(np.float32),
        kind=np.array([KINDS.index(name) for name in kind]),
        level=np.array(level),
        parent=np.array(parent),
        order=np.array(order),
        cues=(rng.random((len(tree), len(CUES))) < 0.3).astype(np.float32),
        valid=np.ones(len(tree), dtype=bool),
    )


def targets(lengths: Sequence[int] = (32, 27, 18), without_text: Sequence[int] = (2,)) -> Targets:
    """Clips of THEN, WHILE, ONE, THEN ...; the first's turns are known, and the second's start."""
    multiple = SMALL.frame_multiple
    frames = -(-max(lengths) // multiple) * multiple
    features = torch.zeros(len(lengths), frames, SMALL.feature_size)
    valid = torch.zeros(len(lengths), frames, dtype=torch.bool)
    for row, length in enumerate(lengths):
        features[row, :length] = torch.from_numpy(encode(moving(length, seed=row)))
        valid[row, :length] = True
    known = torch.zeros(features.shape, dtype=torch.bool)
    known[1:2, :6] = True
    tokens = frames // SMALL.patch_frames
    turns = torch.zeros(len(lengths), tokens, MOST_TURNS, dtype=torch.bool)
    turns[0, : tokens // 2, 0] = turns[0, tokens // 2 :, 1] = True
    trees = [(THEN, WHILE, ONE)[row % 3] for row in range(len(lengths))]
    return Targets(features, valid, known, condition(*trees, without_text=without_text), turns)


def changed_model(name: str, config: ModelConfig = SMALL, by: float = 0.15) -> Denoiser:
    """A model none of whose parameters is zero any more."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(name, config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(by * torch.randn(parameter.shape))
    return model


def motion_loss(weights: LossWeights | None = None) -> MotionLoss:
    """The loss of features that are not normalised."""
    size = SMALL.feature_size
    statistics = torch.zeros(size), torch.ones(size)
    return MotionLoss(weights or LossWeights(), canonical_skeleton(), *statistics, 20.0)


def loaded_model(folder: Path, config: TrainConfig) -> Denoiser:
    """A model with the averaged weights of a run, or with a bundle's."""
    model = build_model(config.model, config.network).eval()
    load_start(folder, model)
    return model
