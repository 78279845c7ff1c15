"""Every setting of a training run, saved with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from nestmotion.models.config import ModelConfig
from nestmotion.models.losses import LossWeights

__all__ = ["DataConfig", "OptimizerConfig", "TrainConfig"]


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    train_folds: the groups of these folds; the others are never looked at.
    group_share: share of the training groups that is used, told from their names alone: what few
        samples do. A smaller share is part of a larger one; validation keeps all of its groups.
    validation_share: share of the training folds' groups held out to measure progress.
    uncaptioned_share: motion without captions, as a share of the captioned clips, drawn anew each
        epoch and trained without text.
    described: whether such motion is given the source's description of the whole recording as text.
    composed_share: compositions with known action spans, as a share of the captioned clips, where a
        composed corpus is given.
    narrated_share: stretches with captions written by rules, as a share of the captioned clips, where
        a narrated corpus is given.
    balance: how far rare verbs are drawn more often than common ones, from 0 (every clip once an
        epoch) to 1 (every verb alike).
    known_values: whether half of the clips are trained with something given: their start, keyframes,
        path, single joints (training/masks.py).
    no_text_share: captioned clips trained without text, for classifier-free guidance.
    mirror_share: clips mirrored, with the sides in their captions swapped.
    twins: whether instead every clip of a batch stands beside its mirror image, with the same caption
        (sides swapped) and the same values known: what differs between the two is the side alone, and
        no other difference between clips drowns it.
    """

    train_folds: tuple[int, ...] = (1, 2, 3, 4)
    group_share: float = 1.0
    validation_share: float = 0.05
    uncaptioned_share: float = 0.15
    described: bool = False
    composed_share: float = 0.3
    narrated_share: float = 0.3
    balance: float = 0.3
    known_values: bool = True
    no_text_share: float = 0.1
    mirror_share: float = 0.5
    twins: bool = True


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW and its schedule: linear warm-up, then constant, then cosine to zero over the last share.

    muon_rate: learning rate of the inner weight matrices under Muon (Jordan 2024; training/muon.py),
        which turns a step's update into an orthogonal one; 0 leaves them to AdamW like all else.
    ema_decay: of the averaged weights that are exported.
    """

    learning_rate: float = 1e-4
    muon_rate: float = 0.0
    weight_decay: float = 0.01
    warmup_steps: int = 200
    cooldown_share: float = 0.2
    clip_norm: float = 1.0
    ema_decay: float = 0.999


@dataclass(frozen=True)
class GuidanceShape:
    """How much guidance is learned for what, as a share of `TrainConfig.learn_guidance`
    (docs/adr/0026).

    place: for the columns that say where the root is and how fast it goes.
    gestures: for what changes about 0.5 to 3 times a second in all other columns.
    sides: for what a text makes of the limbs beside the same text with its sides swapped, on top of the
        rest (docs/adr/0034).
    """

    place: float = 1.0
    gestures: float = 1.0
    sides: float = 0.0


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    model: name of an entry in nestmotion.models.MODELS; network: its size.
    text_encoder: "default" for that of the bundle in the package; otherwise a folder holding one, or
        the name of a BERT to build one from (all-MiniLM-L6-v2 needs no network), for which a reader
        of trees must then be taught (nestmotion train-reader).
    start_from: run whose averaged weights to begin with, or bundle, and whose normalizer to keep;
        parts it lacks begin afresh. "" for none.
    learn_guidance: with more than 0, what a trained model predicts with this guidance is learned
        instead of the motion itself, so that it takes one reading instead of two (training/distil.py).
    guidance_shape: where that is more or less than elsewhere.
    teacher: that model's run or bundle; "" for start_from.
    learn_detail: teach nothing but the network's detail (ModelConfig.detail_width), by the motion, and
        leave all else as it was trained.
    bfloat16: run the network's matrix products in bfloat16 (losses stay float32), where that is faster.
    threads: CPU threads of each process; one is often fastest for models of this size.
    processes: processes that share every batch, for several cores; contrasts are drawn within a share.
    checkpoint_minutes: least time between checkpoints.
    validate_epochs: epochs between validations.
    """

    model: str = "nested"
    network: ModelConfig = field(default_factory=ModelConfig)
    text_encoder: str = "default"
    start_from: str = ""
    learn_guidance: float = 0.0
    guidance_shape: GuidanceShape = field(default_factory=GuidanceShape)
    teacher: str = ""
    learn_detail: bool = False
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    epochs: int = 100
    batch_size: int = 64
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = True
    threads: int = 1
    processes: int = 1
    checkpoint_minutes: float = 3.0
    validate_epochs: int = 5
