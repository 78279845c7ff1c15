"""Training of the independent evaluator, and its folder."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nestmotion.core.errors import TrainingError
from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.splits import VALIDATION_SHARE
from nestmotion.evaluation.evaluator_data import (
    EvaluatorBatch,
    EvaluatorData,
    PairConfig,
    TextBatch,
    read_captions,
)
from nestmotion.evaluation.evaluator_network import (
    EvaluatorNetwork,
    NetworkConfig,
    contrastive_loss,
    side_loss,
)
from nestmotion.evaluation.measures import r_precision
from nestmotion.text import TextEncoder
from nestmotion.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from nestmotion.training.config import OptimizerConfig
from nestmotion.training.loop import learning_rate_share
from nestmotion.training.optimizer import Optimizer
from nestmotion.training.precision import bfloat16_pays
from nestmotion.training.run_folder import RunLog

__all__ = [
    "BEST",
    "EvaluatorConfig",
    "evaluator_data",
    "member_folder",
    "train_evaluator",
    "write_evaluator_config",
]

BEST = "best"
_VALIDATION_DRAWS = 40
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class EvaluatorConfig:
    """One training run of an evaluator.

    members: networks trained apart, with seeds from `seed` on, that judge together.
    folds: trained on; the others are never looked at. validation_share: of their groups, held out to
        choose the weights by; the default is that of the generators.
    side_weight: of `side_loss`; pair_weight: of the contrast of captions without motion.
    more_captions: file of JSON lines with `captions` of clips whose motion is not in the corpus, none
        by default; the text side learns from them which captions say the same.
    text_encoder: "default" for that of the bundle in the package, or the folder of a bundle.
    bfloat16: run matrix products in bfloat16, where that is faster.
    checkpoint_minutes: least time between checkpoints.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    pairs: PairConfig = field(default_factory=PairConfig)
    folds: tuple[int, ...] = (1, 2, 3, 4)
    validation_share: float = VALIDATION_SHARE
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(
            learning_rate=1e-3, weight_decay=0.1, warmup_steps=60, cooldown_share=1.0, ema_decay=0.99
        )
    )
    side_weight: float = 1.0
    pair_weight: float = 0.5
    more_captions: str = ""
    text_encoder: str = "default"
    members: int = 2
    epochs: int = 16
    batch_size: int = 96
    seed: int = 0
    bfloat16: bool = True
    threads: int = 1
    checkpoint_minutes: float = 2.0
    validate_epochs: int = 4


def evaluator_data(
    config: EvaluatorConfig, corpus: PreparedCorpus, encoder: TextEncoder
) -> EvaluatorData:
    """What a run with these settings learns from. Raises TrainingError when the folds hold no captioned
    clips to train on or to validate with, or the file of more captions cannot be read."""
    more = read_captions(Path(config.more_captions)) if config.more_captions else ()
    held_out, words = config.validation_share, config.network.words
    return EvaluatorData(corpus, encoder, config.folds, held_out, config.pairs, words, more)


def member_folder(run: Path, member: int) -> Path:
    """Where a run keeps one of its members."""
    return run / f"member-{member}"


def write_evaluator_config(run: Path, config: EvaluatorConfig) -> None:
    """Make the folder of a run, or of a member, with its settings."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", "utf-8")


class _Trainer:
    def __init__(self, config: EvaluatorConfig, data: EvaluatorData) -> None:
        self.config, self.data = config, data
        self.bfloat16 = config.bfloat16 and bfloat16_pays("cpu")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = EvaluatorNetwork(config.network)
        mean, std = data.statistics()
        self.network.motion.mean.copy_(torch.from_numpy(mean))
        self.network.motion.std.copy_(torch.from_numpy(std))
        self.ema = copy.deepcopy(self.network).requires_grad_(False).eval()
        o = config.optimizer
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        parts = [
            {"params": matrices, "weight_decay": o.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = Optimizer([torch.optim.AdamW(parts, lr=o.learning_rate)])
        self.total_steps = config.epochs * data.batches_per_epoch(config.batch_size)

    def _embed(self, network: EvaluatorNetwork, batch: EvaluatorBatch) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            motions = network.motion(batch.inputs, batch.frames_valid)
            return _embed_texts(network, batch.texts), motions

    def _terms(self, network: EvaluatorNetwork, batch: EvaluatorBatch) -> dict[str, Tensor]:
        """The losses; "loss" is their weighted sum."""
        (texts, motions), own = self._embed(network, batch), len(batch.owner)
        texts, alone = texts[:own], texts[own:]
        match = contrastive_loss(texts, motions, batch.owner, batch.same, network.scale)
        sides = side_loss(texts, motions, batch.owner, batch.twin, network.scale)
        terms = {"match": match, "sides": sides}
        loss = match + self.config.side_weight * sides
        if len(alone):
            firsts, seconds = alone.chunk(2)
            owner = torch.arange(len(firsts))
            terms["pairs"] = contrastive_loss(firsts, seconds, owner, batch.pairs_same, network.scale)
            loss = loss + self.config.pair_weight * terms["pairs"]
        return {"loss": loss, **terms}

    def step(self, batch: EvaluatorBatch, step: int) -> dict[str, float]:
        """One optimizer step; all randomness follows from the seed and the step's number."""
        o = self.config.optimizer
        self.optimizer.scale_rates(learning_rate_share(step, self.total_steps, o))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed * 1_000_003 + step)
            terms = self._terms(self.network.train(), batch)
        loss = terms["loss"]
        if not bool(torch.isfinite(loss)):
            raise TrainingError(
                f"step {step + 1}: the loss is not a finite number; lower the learning rate"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), o.clip_norm)
        self.optimizer.step()
        decay = min(o.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for slow, fast in zip(self.ema.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        terms["scale"] = self.network.scale
        return {name: float(term.detach()) for name, term in terms.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses, retrieval and share of side pairs ranked right by the averaged weights on the clips
        of held-out groups."""
        batch, plain = self.data.validation_batch()
        texts, motions = (x.float().numpy() for x in self._embed(self.ema, batch))
        rng = np.random.default_rng(0)
        owner, twin = batch.owner.numpy(), batch.twin.numpy()
        rows = [np.flatnonzero(owner == k) for k in np.flatnonzero(plain)]
        numbers = np.zeros(len(owner), dtype=int)
        numbers[plain[owner]] = self.data.caption_numbers
        hits = []
        for _ in range(_VALIDATION_DRAWS):
            drawn = np.array([rng.choice(r) for r in rows])
            hits.append(r_precision(texts[drawn], motions[plain], numbers[drawn], rng, repetitions=1))
        top1, top2, top3 = np.mean(hits, axis=(0, 1))
        sided = np.flatnonzero((twin >= 0) & plain[owner])
        gain = ((texts[sided] - texts[twin[sided]]) * motions[owner[sided]]).sum(axis=1)
        losses = {name: float(term) for name, term in self._terms(self.ema, batch).items()}
        return {
            **losses,
            "top1": top1,
            "top2": top2,
            "top3": top3,
            "right_side": float((gain > 0).mean()),
        }


def _embed_texts(network: EvaluatorNetwork, texts: TextBatch) -> Tensor:
    """In parts of texts of like length: most are far shorter than the longest."""
    lengths = (texts.valid * torch.arange(1, texts.valid.shape[1] + 1)).amax(dim=1)
    order = lengths.argsort()
    parts = []
    for rows in order.split(_TEXTS_AT_ONCE):
        k = int(lengths[rows].max())
        parts.append(network.text(texts.states[rows, :k], texts.words[rows, :k], texts.valid[rows, :k]))
    return torch.cat(parts)[order.argsort()]


def train_evaluator(
    config: EvaluatorConfig,
    data: EvaluatorData,
    run: Path,
    resume: bool = False,
    progress: Callable[[int, int, dict[str, float]], None] = lambda step, total, terms: None,
    stop_after_steps: int | None = None,
) -> Progress:
    """Train one member to the end (or for `stop_after_steps` more steps), leaving in its folder `run`
    a checkpoint, and in `run`/best the weights with the best mean of top 1 to 3 on the validation
    groups.

    With `resume`, goes on from the run's checkpoint. `progress(step, total, terms)` is told of every
    step. Raises TrainingError when the loss is no number any more or there is nothing to resume.
    """
    torch.set_num_threads(config.threads)
    trainer = _Trainer(config, data)
    modules = (trainer.network, trainer.ema, trainer.optimizer)
    done = load_checkpoint(run, *modules) if resume else Progress()
    log = RunLog(run, done.step)
    step, started, per_epoch = done.step, time.monotonic(), data.batches_per_epoch(config.batch_size)
    last_save = started
    (run / BEST).mkdir(exist_ok=True)
    best = max((row["score"] for row in _validations(run) if row["step"] <= step), default=-math.inf)

    def state() -> Progress:
        return Progress(step, step // per_epoch, done.seconds + time.monotonic() - started)

    def validate(epoch: int) -> float:
        terms = trainer.validate()
        # Rounded as in the log, so that a resumed run picks the same weights where two tie.
        terms["score"] = round((terms["top1"] + terms["top2"] + terms["top3"]) / 3, 6)
        log.validation(step, epoch, state().seconds, terms)
        if terms["score"] > best:
            save_checkpoint(run / BEST, *modules, state())
        return max(terms["score"], best)

    for epoch in range(step // per_epoch, config.epochs):
        for index, batch in enumerate(data.epoch(config.seed, epoch, config.batch_size)):
            if epoch * per_epoch + index < step:
                continue
            terms = trainer.step(batch, step)
            step += 1
            progress(step, trainer.total_steps, terms)
            log.training(step, epoch, state().seconds, terms)
            last = epoch + 1 == config.epochs
            if step % per_epoch == 0 and (last or (epoch + 1) % config.validate_epochs == 0):
                best = validate(epoch + 1)
            stop = stop_after_steps is not None and step - done.step >= stop_after_steps
            if stop or time.monotonic() - last_save > 60 * config.checkpoint_minutes:
                save_checkpoint(run, *modules, state())
                last_save = time.monotonic()
            if stop:
                log.close()
                return state()
    save_checkpoint(run, *modules, state())
    log.close()
    return state()


def _validations(run: Path) -> list[dict[str, Any]]:
    rows = map(json.loads, (run / "log.jsonl").read_text("utf-8").splitlines())
    return [row for row in rows if row["kind"] == "validation"]
