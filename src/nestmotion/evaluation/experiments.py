"""Experiments as lists of parts, each a list of tasks. A new one is a function and an entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

from nestmotion.core.errors import SettingsError
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.ablations import ABLATIONS, WHOLE, Ablation, changed
from nestmotion.evaluation.tasks import (
    Corpora,
    CorpusName,
    EvaluatorTask,
    GivenEvaluator,
    LongTask,
    MeasureTask,
    TrainingTask,
    facts,
    given_evaluator,
    needs,
    task_id,
    title,
)
from nestmotion.evaluation.train_evaluator import EvaluatorConfig
from nestmotion.models import MODELS
from nestmotion.training.config import TrainConfig
from nestmotion.training.export import ExportSettings

__all__ = [
    "EXPERIMENTS",
    "PARTS",
    "Experiment",
    "PaperSettings",
    "Part",
    "check_name",
    "check_parts",
    "paper",
    "plan_experiment",
    "tasks_by_id",
    "titles_by_id",
]

# In the order in which they are run: what the paper rests on first.
PARTS = (
    "main",
    "length",
    "structure",
    "depth",
    "few",
    "long",
    "seeds",
    "folds",
    "official",
    "ablation",
)
DEPTHS = (1, 2, 3, 4, 5)
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Part:
    """One part of an experiment. note: why there is nothing to do, "" otherwise. labels: what the
    report calls the tasks, where their settings do not say it."""

    name: str
    title: str
    tasks: tuple[MeasureTask | LongTask, ...]
    note: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """Parts in the order in which they are run, and the settings they follow from."""

    name: str
    settings: dict[str, Any]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class PaperSettings:
    """Settings of the paper's experiments.

    base: of every training; model, seed, layers, folds and share of groups are set for each.
    layers: of the baselines' network; nested keeps that of `base`, whose two branches have about as
        many weights as a baseline's thirteen layers.
    seeds, folds: training seeds of the main comparison, and further test folds beside 0.
    samples: motions a caption; with two or more, multimodality is measured.
    most_clips: test clips at most, None for all; most_compositions: of T2M-Compose.
    few_stretch: few-sample trainings get up to so many times the epochs, never more steps than one on
        all groups; 1 for the same number of epochs.
    long: lengths and number of long sequences.
    """

    base: TrainConfig = field(default_factory=TrainConfig)
    evaluator: EvaluatorConfig = field(default_factory=EvaluatorConfig)
    sampling: ExportSettings = field(default_factory=ExportSettings)
    models: tuple[str, ...] = ("nested", "diffusion", "clip-aligned", "transformer")
    layers: int = 13
    seeds: int = 1
    folds: int = 0
    samples: int = 1
    most_clips: int | None = None
    most_compositions: int | None = 400
    few_stretch: float = 1.0
    long_seconds: tuple[float, ...] = (10.0, 30.0, 60.0, 120.0)
    long_sequences: int = 16


class _Paper:
    """Makes the tasks, each in one place, so that parts that need the same one share it."""

    def __init__(
        self, corpora: Corpora, settings: PaperSettings, evaluators: tuple[GivenEvaluator, ...]
    ) -> None:
        self.corpora, self.settings, self.given = corpora, settings, evaluators
        self.folds = _captioned_folds(corpora.captions)
        both: tuple[CorpusName, ...] = ("captions", "compose")
        self.learned: dict[CorpusName, str] = {
            "captions": corpora.inputs(*(both if corpora.compose else both[:1])),
            "official": corpora.inputs("official"),
        }

    def evaluator(self, corpus: CorpusName, fold: int) -> EvaluatorTask | GivenEvaluator:
        if corpus == "captions" and fold == 0 and self.given:
            return self.given[0]
        config = replace(self.settings.evaluator, folds=self.train_folds(corpus, fold))
        return EvaluatorTask(corpus, config, self.corpora.inputs(corpus))

    def train_folds(self, corpus: CorpusName, fold: int) -> tuple[int, ...]:
        return (1,) if corpus == "official" else tuple(f for f in self.folds if f != fold)

    def training(
        self,
        model: str,
        corpus: CorpusName = "captions",
        seed: int = 0,
        fold: int = 0,
        share: float = 1.0,
        depth: int | None = None,
    ) -> TrainingTask:
        s = self.settings
        network = s.base.network
        if model != "nested":
            network = replace(network, layers=s.layers)
        elif depth is not None:
            network = replace(network, semantic_depth=depth)
        data = replace(s.base.data, train_folds=self.train_folds(corpus, fold), group_share=share)
        config = replace(
            s.base,
            model=model,
            network=network,
            data=data,
            seed=s.base.seed + seed,
            epochs=round(s.base.epochs * max(min(1 / share, s.few_stretch), 1)),
        )
        composed = corpus == "captions" and self.corpora.compose is not None
        sampling = replace(s.sampling, name=model)
        return TrainingTask(corpus, composed, config, sampling, self.learned[corpus])

    def measure(
        self, training: TrainingTask, corpus: CorpusName | None = None, fold: int = 0
    ) -> MeasureTask:
        s = self.settings
        corpus = training.corpus if corpus is None else corpus
        judge = self.evaluator(training.corpus, fold)
        most = s.most_compositions if corpus == "compose" else s.most_clips
        return MeasureTask(training, judge, corpus, self.corpora.inputs(corpus), s.samples, most)

    def on_both(self, training: TrainingTask) -> list[MeasureTask]:
        """Measured on captions and, where there is one, on the composed corpus."""
        composed = [self.measure(training, "compose")] if self.corpora.compose else []
        return [self.measure(training), *composed]

    def parts(self) -> list[Part]:
        s, models = self.settings, self.settings.models
        main = tuple(t for m in models for t in self.on_both(self.training(m)))
        depths = tuple(t for d in DEPTHS for t in self.on_both(self.training("nested", depth=d)))
        few = [self.measure(self.training(m, share=share)) for share in SHARES for m in models]
        long = [
            LongTask(
                self.training(m),
                self.evaluator("captions", 0),
                self.corpora.inputs("captions"),
                s.long_seconds,
                s.long_sequences,
            )
            for m in models
        ]
        seeds = [self.measure(self.training(m, seed=k)) for k in range(s.seeds) for m in models]
        parts = [
            Part("main", "Main comparison", main),
            Part("length", "By words in the caption", main),
            Part("structure", "By sentence structure", main),
            Part("depth", "Semantic depth by complexity", depths),
            Part("few", "Few-sample training", tuple(few)),
            Part("long", "Long sequences", tuple(long)),
        ]
        if "nested" not in models:
            parts[3] = Part("depth", "Semantic depth by complexity", (), "nested is not among --models")
        note = "" if s.seeds > 1 else "one seed only; give --seeds 3"
        parts.append(Part("seeds", "Training seeds", tuple(seeds) if s.seeds > 1 else (), note))
        return [*parts, self.folds_part(), self.official_part(), self.ablation_part()]

    def folds_part(self) -> Part:
        if not self.settings.folds:
            return Part("folds", "Folds", (), "fold 0 only; give --folds 4")
        tasks = [
            self.measure(self.training(m, fold=k), fold=k)
            for k in range(self.settings.folds + 1)
            for m in self.settings.models
        ]
        return Part("folds", "Folds", tuple(tasks))

    def ablation_part(self) -> Part:
        heading, composed = "What each piece brings", self.corpora.compose is not None
        if "nested" not in self.settings.models:
            return Part("ablation", heading, (), "nested is not among --models")
        rows = [a for a in ABLATIONS if composed or a.composed]
        tasks = [self.measure(self.without(a)) for a in rows]
        return Part("ablation", heading, tuple(tasks), labels=tuple(a.name for a in rows))

    def without(self, ablation: Ablation) -> TrainingTask:
        whole = self.training("nested")
        config = changed(whole.config, ablation, whole.composed)
        return replace(whole, config=config, composed=whole.composed and ablation.composed)

    def official_part(self) -> Part:
        heading = "HumanML3D's official split"
        clips = [c for c in self.corpora.get("official").clips if c.captions]
        if min(sum(c.fold == f for c in clips) for f in (0, 1)) < 2:
            return Part("official", heading, (), "the corpus names no official split")
        tasks = [
            self.measure(self.training(m, corpus=corpus))
            for corpus in ("captions", "official")
            for m in self.settings.models
        ]
        return Part("official", heading, tuple(tasks))


def paper(corpora: Corpora, settings: PaperSettings, evaluator: Path | None = None) -> Experiment:
    """Every table and figure of the paper.

    evaluator: folder of one that never saw fold 0; trained as a task when None.
    Raises SettingsError for a model that is none and a fold that the corpus lacks.
    """
    unknown = [name for name in settings.models if name not in MODELS]
    if unknown or not settings.models:
        named = repr(unknown[0]) if unknown else "''"
        raise SettingsError(f"no model {named}; it is one of: {', '.join(MODELS)}")
    if settings.seeds < 1 or settings.folds < 0:
        raise SettingsError("seeds must be at least 1 and folds at least 0")
    _check_folds(corpora, settings)
    given = (given_evaluator(evaluator),) if evaluator is not None else ()
    return Experiment("paper", asdict(settings), tuple(_Paper(corpora, settings, given).parts()))


EXPERIMENTS: dict[str, Callable[[Corpora, PaperSettings, Path | None], Experiment]] = {"paper": paper}


def plan_experiment(
    name: str, corpora: Corpora, settings: PaperSettings, evaluator: Path | None = None
) -> Experiment:
    """The experiment of that name. Raises SettingsError for an unknown one."""
    check_name(name)
    return EXPERIMENTS[name](corpora, settings, evaluator)


def check_name(name: str) -> None:
    """Raises SettingsError when there is no experiment of that name."""
    if name not in EXPERIMENTS:
        raise SettingsError(f"no experiment {name!r}; it is one of: {', '.join(EXPERIMENTS)}")


def check_parts(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of parts in the order in which they are run; all when none is given. Raises SettingsError
    for an unknown one."""
    for name in names:
        if name not in PARTS:
            raise SettingsError(f"no part {name!r}; it is one of: {', '.join(PARTS)}")
    return tuple(name for name in PARTS if not names or name in names)


def tasks_by_id(experiment: Experiment) -> dict[str, MeasureTask | LongTask]:
    """Every task of all parts, once."""
    return {task_id(task): task for part in experiment.parts for task in part.tasks}


def titles_by_id(experiment: Experiment) -> dict[str, str]:
    """One line for people for every task and what it needs."""
    pairs = [
        (task, label if label != WHOLE else "")
        for part in experiment.parts
        for task, label in zip(part.tasks, part.labels or repeat(""), strict=False)
    ]
    found: dict[str, str] = {}
    # Those that have a name last, so that theirs is the one that stays.
    for task, label in sorted(pairs, key=lambda pair: bool(pair[1])):
        for each in (*needs(task), task):
            found[task_id(each)] = title(facts(each), label)
    return found


def _captioned_folds(corpus: PreparedCorpus) -> tuple[int, ...]:
    return tuple(sorted({c.fold for c in corpus.clips if c.captions}))


def _check_folds(corpora: Corpora, settings: PaperSettings) -> None:
    corpus = corpora.captions
    for fold in range(settings.folds + 1):
        count = sum(c.fold == fold and bool(c.captions) for c in corpus.clips)
        if count < 2:
            has = ", ".join(map(str, _captioned_folds(corpus)))
            raise SettingsError(
                f"{corpus.folder}: {count or 'no'} captioned clip in fold {fold} to test on, it takes "
                f"at least two; captions are in folds {has or 'none'}"
            )
    if corpora.compose is not None and not any(c.fold == 0 for c in corpora.compose.clips):
        raise SettingsError(f"{corpora.compose.folder}: no composition in fold 0 to test on")
    if len(_captioned_folds(corpus)) < 2:
        raise SettingsError(f"{corpus.folder}: no captioned clips outside fold 0 to train on")
