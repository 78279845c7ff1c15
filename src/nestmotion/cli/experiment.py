"""nestmotion experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.evaluator import Evaluator, default_evaluator_path
from nestmotion.evaluation.evaluator_network import NetworkConfig
from nestmotion.evaluation.experiments import (
    PaperSettings,
    check_name,
    check_parts,
    plan_experiment,
)
from nestmotion.evaluation.report import write_report
from nestmotion.evaluation.runner import Runner, remaining
from nestmotion.evaluation.tasks import Corpora
from nestmotion.evaluation.train_evaluator import EvaluatorConfig
from nestmotion.models import MODELS
from nestmotion.models.config import ModelConfig
from nestmotion.training.text_encoder import text_encoder_folder

__all__ = ["run"]

_BASE = PaperSettings().base
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)


def run(
    name: tyro.conf.Positional[str],
    /,
    *,
    corpus: Path,
    out: Path,
    composed: Path | None = None,
    only: str = "",
    models: str = ",".join(sorted(MODELS, key=lambda name: name != "nested")),
    epochs: int = 100,
    batch_size: int = _BASE.batch_size,
    learning_rate: float = _BASE.optimizer.learning_rate,
    muon_rate: float = _BASE.optimizer.muon_rate,
    warmup_steps: int = _BASE.optimizer.warmup_steps,
    seeds: int = 1,
    folds: int = 0,
    steps: int = 12,
    guidance: float = 4.0,
    samples: int = 1,
    clips: int | None = None,
    few_stretch: float = 1.0,
    evaluator: Path | None = None,
    evaluator_epochs: int = EvaluatorConfig().epochs,
    more_captions: Path | None = None,
    text_encoder: Path | None = None,
    threads: int = 1,
    device: str = "cpu",
    small: bool = False,
    keep_motions: bool = False,
    train_only: bool = False,
    report_only: bool = False,
) -> None:
    """Run the paper's experiments, and write tables and figures.

    What is finished is kept: the same command, given again after an interruption or with more parts,
    goes on where it was.

    Args:
        name: paper.
        corpus: Folder made by nestmotion corpus prepare.
        out: Folder for runs, bundles, results and report.
        composed: Folder made by nestmotion corpus compose; learned from and measured on, too.
        only: Parts to run, with commas: main,length,structure,depth,few,long,seeds,folds,official,
            ablation. All when not given.
        models: Models to compare, with commas.
        epochs: Of every training.
        batch_size: Clips a step.
        learning_rate: Of AdamW. The paper's settings are the defaults; a budget of few steps wants
            higher rates, such as 8e-4 with a Muon rate of 4e-3.
        muon_rate: Of Muon, for the inner weight matrices; 0 leaves them to AdamW.
        warmup_steps: In which the rates rise.
        seeds: Training seeds of the main comparison.
        folds: Further test folds, beside fold 0.
        steps: Sampler steps of every model.
        guidance: How strictly every model follows the text.
        samples: Motions a caption; with two or more, multimodality is measured.
        clips: Test clips at most; all when not given (of composed ones, 400).
        few_stretch: Few-sample trainings get up to so many times the epochs, but no more steps than
            a training on all groups.
        evaluator: Folder of an evaluator that never saw fold 0. When not given, that in the package if
            it was trained on other folds of this corpus; otherwise one is trained.
        evaluator_epochs: Of every evaluator that is trained.
        more_captions: File of captions without motion for every evaluator that is trained, as for
            train-evaluator; the one in the package had them.
        text_encoder: Folder of a bundle, whose text encoder and tree reader to use; the default
            bundle when not given.
        threads: CPU threads.
        device: What to train on: cpu, cuda.
        small: A trial of the whole in minutes: tiny networks, two epochs, twelve clips. Its numbers
            mean nothing.
        keep_motions: Do not delete generated motions when they have been measured.
        train_only: Do the trainings and measure nothing; the same command without it goes on.
        report_only: Run nothing; write the report from the results that are there.
    """
    check_name(name)
    parts = check_parts(_words(only))
    if report_only:
        print(write_report(out))
        return
    prepared = PreparedCorpus.open(corpus)
    more = PreparedCorpus.open(composed) if composed is not None else None
    texts = text_encoder if text_encoder is not None else text_encoder_folder("default", out)
    corpora = Corpora(prepared, more, texts)
    settings = PaperSettings(models=_words(models), seeds=seeds, folds=folds, few_stretch=few_stretch)
    settings = replace(
        settings,
        base=replace(
            settings.base,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=replace(
                settings.base.optimizer,
                learning_rate=learning_rate,
                muon_rate=muon_rate,
                warmup_steps=warmup_steps,
            ),
        ),
        evaluator=replace(
            settings.evaluator,
            epochs=evaluator_epochs,
            more_captions=str(more_captions) if more_captions is not None else "",
        ),
        sampling=replace(settings.sampling, steps=steps, guidance=guidance),
        samples=samples,
        most_clips=clips,
        most_compositions=clips or settings.most_compositions,
    )
    if small:
        settings = _small(settings)
    judge = evaluator if evaluator is not None else _shipped(prepared)
    experiment = plan_experiment(name, corpora, settings, judge)
    with Progress(*_COLUMNS) as bars:
        runner = Runner(out, experiment, corpora, threads, device, keep_motions)
        tasks = bars.add_task("tasks to measure", total=remaining(experiment, out, parts))
        now = bars.add_task("", total=None)
        todo = remaining(experiment, out, parts)
        seen: tuple[str, str] = ("", "")

        def watch(title: str, stage: str, done: int, total: int) -> None:
            nonlocal seen
            if (title, stage) != seen:
                seen = (title, stage)
                bars.reset(now, total=total)
                bars.update(tasks, completed=todo - remaining(experiment, out, parts))
            bars.update(now, description=f"{title}: {stage}", completed=done, total=total)

        runner.watch = watch
        if train_only:
            runner.train(parts)
            return
        runner.run(parts, lambda part: _report(out))
        bars.update(tasks, completed=todo)
    print(write_report(out))


def _report(out: Path) -> None:
    write_report(out)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _shipped(corpus: PreparedCorpus) -> Path | None:
    """The evaluator in the package, if it was trained on other folds of this corpus, whether prepared
    just so or a little otherwise, and not on fold 0."""
    folder = default_evaluator_path()
    if not folder.is_dir():
        return None
    seen = Evaluator.load(folder).seen_of([clip for clip in corpus.clips if clip.captions])
    return folder if seen and all(clip.fold != 0 for clip in seen) else None


def _small(settings: PaperSettings) -> PaperSettings:
    network = ModelConfig(
        width=32, layers=2, heads=2, refine_width=16, coarse_width=16, reading_layers=1, joint_width=4
    )
    judge = NetworkConfig(width=32, heads=2, motion_layers=1, text_layers=1, embedding=32)
    return replace(
        settings,
        base=replace(settings.base, network=network, epochs=2, batch_size=16),
        evaluator=replace(settings.evaluator, network=judge, members=1, epochs=2, batch_size=16),
        layers=2,
        sampling=replace(settings.sampling, steps=2),
        most_clips=12,
        most_compositions=12,
        long_seconds=(10.0, 20.0),
        long_sequences=2,
    )
