"""The training loop, one for every model."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from nestmotion.core import canonical_skeleton
from nestmotion.core.errors import TrainingError
from nestmotion.models import Denoiser, MotionLoss, Targets, build_model
from nestmotion.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from nestmotion.training.config import OptimizerConfig, TrainConfig
from nestmotion.training.data import TrainingData
from nestmotion.training.distil import GuidedTeacher
from nestmotion.training.optimizer import build_optimizer
from nestmotion.training.parallel import Crew, check_processes, run_together
from nestmotion.training.precision import bfloat16_pays
from nestmotion.training.run_folder import RunLog
from nestmotion.training.start import check_start, learned_guidance, load_start

__all__ = ["learning_rate_share", "train"]

# Every step of every process has random numbers of its own.
_SEED_STRIDE, _RANK_STRIDE = 1_000_003, 1_000_000_007


def learning_rate_share(step: int, total: int, config: OptimizerConfig) -> float:
    """Share of the learning rate at a step: up, constant, and down along a cosine to zero."""
    warm = min((step + 1) / max(config.warmup_steps, 1), 1.0)
    cooldown = max(config.cooldown_share * total, 1.0)
    left = min(max((total - step) / cooldown, 0.0), 1.0)
    return warm * (1 - math.cos(math.pi * left)) / 2


def _let_learn(model: nn.Module, parts: Iterable[nn.Module]) -> None:
    """Let these parts of a model learn, and nothing else."""
    model.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)


class _Trainer:
    def __init__(self, config: TrainConfig, data: TrainingData, crew: Crew, bfloat16: bool) -> None:
        self.config, self.data, self.crew, self.bfloat16 = config, data, crew, bfloat16
        # The global generator is seeded inside a fork and restored: nothing outside is disturbed.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = build_model(config.model, config.network).to(config.device)
        sentence, node = data.text_statistics()
        self.model.set_text_statistics(
            (torch.tensor(sentence[0]), torch.tensor(sentence[1])),
            (torch.tensor(node[0]), torch.tensor(node[1])),
        )
        self.teacher = None
        if config.start_from:
            load_start(Path(config.start_from), self.model)
        if config.learn_guidance:
            folder = Path(config.teacher or config.start_from)
            teacher = copy.deepcopy(self.model)
            load_start(folder, teacher)
            weight = config.learn_guidance / learned_guidance(folder)
            self.teacher = GuidedTeacher(teacher, weight, config.guidance_shape, data.fps)
            _let_learn(self.model, self.model.guided_parts())
        if config.learn_detail:
            _let_learn(self.model, self.model.detail_parts())
        self.ema = copy.deepcopy(self.model).requires_grad_(False).eval()
        n = data.normalizer
        self.loss = MotionLoss(
            config.loss, canonical_skeleton(), torch.tensor(n.mean), torch.tensor(n.std), data.fps
        ).to(config.device)
        self.optimizer = build_optimizer(self.model, config.optimizer, crew)
        self.total_steps = config.epochs * data.batches_per_epoch(config.batch_size)

    def _terms(self, model: Denoiser, batch: Targets, generator: torch.Generator) -> dict[str, Tensor]:
        kind = self.config.device.split(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=self.bfloat16):
            if self.teacher is not None:
                return self.teacher.terms(model, batch, self.loss, generator)
            if self.config.learn_detail:
                return model.detail_terms(batch, self.loss, generator)
            return model.loss_terms(batch, self.loss, generator)

    def step(self, batch: Targets, step: int) -> dict[str, float]:
        """One optimizer step; all randomness follows from the seed and the step's number."""
        c = self.config
        self.optimizer.scale_rates(learning_rate_share(step, self.total_steps, c.optimizer))
        seed = c.seed * _SEED_STRIDE + step + self.crew.rank * _RANK_STRIDE
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # dropout has no generator argument
            terms = self._terms(self.model.train(), self.crew.share(batch).to(c.device), generator)
        self.optimizer.zero_grad()
        terms["total"].backward()
        self.crew.average_gradients(self.model)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), c.optimizer.clip_norm)
        # Told from the gradient, which all processes share, so that they end together.
        if not bool(torch.isfinite(norm)):
            raise TrainingError(
                f"step {step + 1}: the loss or its gradient is not a finite number; lower the learning "
                "rate or look at the data, then go on from the last checkpoint with --resume"
            )
        self.optimizer.step()
        decay = min(c.optimizer.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for slow, fast in zip(self.ema.parameters(), self.model.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        return {**{k: float(v.detach()) for k, v in terms.items()}, "gradient_norm": float(norm)}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Loss terms of the averaged weights on held-out groups, always with the same noise; `turns`
        on held-out compositions, whose turns are known."""
        found = self._mean_terms(self.data.validation_batches(self.config.batch_size))
        alone = self.teacher is not None or self.config.learn_detail
        if self.data.composed_validation and not alone:
            composed = self.data.validation_batches(self.config.batch_size, composed=True)
            found |= {k: v for k, v in self._mean_terms(composed).items() if k == "turns"}
        return found

    def _mean_terms(self, batches: Iterable[Targets]) -> dict[str, float]:
        sums: dict[str, float] = {}
        count = 0
        generator = torch.Generator().manual_seed(0)
        for batch in batches:
            terms = self._terms(self.ema, batch.to(self.config.device), generator)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
            count += len(batch)
        return {name: value / count for name, value in sums.items()}


def train(
    config: TrainConfig,
    data: TrainingData,
    run: Path,
    resume: bool = False,
    progress: Callable[[int, int, dict[str, float]], None] = lambda step, total, terms: None,
    stop_after_steps: int | None = None,
) -> Progress:
    """Train to the end (or for `stop_after_steps` more steps) and leave a checkpoint in `run`.

    With `resume`, goes on from the run's checkpoint exactly as if it had never stopped, on a processor
    of the same kind.
    `progress(step, total, terms)` is told of every step.
    Raises TrainingError when the loss is no number any more, there is no checkpoint to resume from, or
    `check_processes` or `check_start` does.
    """
    check_processes(config.processes, config.device)
    check_start(config)
    torch.set_num_threads(config.threads)
    bfloat16 = config.bfloat16 and bfloat16_pays(config.device)

    def work(crew: Crew) -> Progress:
        trainer = _Trainer(config, data, crew, bfloat16)
        return _train(trainer, run, resume, progress, stop_after_steps)

    return run_together(config.processes, work)


def _train(
    trainer: _Trainer,
    run: Path,
    resume: bool,
    progress: Callable[[int, int, dict[str, float]], None],
    stop_after_steps: int | None,
) -> Progress:
    config, data, leads = trainer.config, trainer.data, trainer.crew.leads
    done = Progress()
    if resume:
        done = load_checkpoint(run, trainer.model, trainer.ema, trainer.optimizer)
    log = RunLog(run, done.step) if leads else None
    step, seconds, started = done.step, done.seconds, time.monotonic()
    last_save, first_step = started, done.step
    per_epoch = data.batches_per_epoch(config.batch_size)

    def elapsed() -> float:
        return seconds + time.monotonic() - started

    def save() -> Progress:
        state = Progress(step, step // per_epoch, elapsed())
        if leads:
            save_checkpoint(run, trainer.model, trainer.ema, trainer.optimizer, state)
        return state

    def end() -> Progress:
        if log is not None:
            log.close()
        return save()

    def is_validated(epoch: int) -> bool:
        return epoch % config.validate_epochs == 0 or epoch == config.epochs

    if not resume:
        save()
    for epoch in range(step // per_epoch, config.epochs):
        for index, batch in enumerate(data.epoch(config.seed, epoch, config.batch_size)):
            if epoch * per_epoch + index < step:
                continue
            terms = trainer.step(batch, step)
            step += 1
            if log is not None:
                progress(step, trainer.total_steps, terms)
                log.training(step, epoch, elapsed(), terms)
                if step % per_epoch == 0 and is_validated(epoch + 1):
                    log.validation(step, epoch + 1, elapsed(), trainer.validate())
            if stop_after_steps is not None and step - first_step >= stop_after_steps:
                return end()
            if time.monotonic() - last_save > 60 * config.checkpoint_minutes:
                save()
                last_save = time.monotonic()
    return end()
