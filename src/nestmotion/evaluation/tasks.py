"""The tasks an experiment is made of: plain settings, each with an id that follows from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import CorpusError
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.evaluator import MANIFEST, Evaluator
from nestmotion.evaluation.train_evaluator import EvaluatorConfig
from nestmotion.training.config import TrainConfig
from nestmotion.training.export import ExportSettings

__all__ = [
    "Corpora",
    "CorpusName",
    "EvaluatorTask",
    "GivenEvaluator",
    "LongTask",
    "MeasureTask",
    "Task",
    "TrainingTask",
    "facts",
    "given_evaluator",
    "needs",
    "official_view",
    "task_id",
    "title",
]

# captions: the prepared corpus by folds; compose: T2M-Compose; official: the prepared corpus by the
# split that HumanML3D publishes, in which copies of a recording lie on both sides.
CorpusName = Literal["captions", "compose", "official"]

# What changes no result, or is told by a checksum instead of its place.
_NOT_IN_ID = {"threads", "device", "checkpoint_minutes", "text_encoder", "folder"}


@dataclass(frozen=True)
class EvaluatorTask:
    """Train an evaluator. inputs: checksum of what it is trained on."""

    corpus: CorpusName
    config: EvaluatorConfig
    inputs: str


@dataclass(frozen=True)
class GivenEvaluator:
    """An evaluator that is there already; nothing to do."""

    folder: str
    digest: str


@dataclass(frozen=True)
class TrainingTask:
    """Train a model and export its bundle. composed: learn from T2M-Compose too."""

    corpus: CorpusName
    composed: bool
    config: TrainConfig
    sampling: ExportSettings
    inputs: str


@dataclass(frozen=True)
class MeasureTask:
    """Generate the captions of a corpus' test clips and measure the motions.

    samples: motions a caption. most_clips: at most so many clips, drawn by their ids; None for all.
    """

    training: TrainingTask
    evaluator: EvaluatorTask | GivenEvaluator
    corpus: CorpusName
    inputs: str
    samples: int = 1
    most_clips: int | None = None


@dataclass(frozen=True)
class LongTask:
    """Generate long sequences window by window and measure them over time.

    seconds: lengths, ascending; each is the beginning of the longest. sequences: how many.
    window_s, overlap_s: length of a window, and what it shares with the one before.
    """

    training: TrainingTask
    evaluator: EvaluatorTask | GivenEvaluator
    inputs: str
    seconds: tuple[float, ...] = (10.0, 30.0, 60.0, 120.0)
    sequences: int = 16
    window_s: float = 10.0
    overlap_s: float = 1.5


Task = EvaluatorTask | GivenEvaluator | TrainingTask | MeasureTask | LongTask


def task_id(task: Task) -> str:
    """Twelve hex digits that follow from the kind of task, its settings and its inputs."""
    text = json.dumps([type(task).__name__, _identity(asdict(task))], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _identity(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _identity(v) for k, v in value.items() if k not in _NOT_IN_ID}
    return value


def needs(task: Task) -> tuple[Task, ...]:
    """Tasks that must be finished before."""
    if isinstance(task, MeasureTask | LongTask):
        return (task.evaluator, task.training)
    return ()


def facts(task: Task) -> dict[str, Any]:
    """What tables and titles say of a task."""
    found: dict[str, Any] = {"kind": _KINDS[type(task)]}
    if isinstance(task, EvaluatorTask):
        return found | {"corpus": task.corpus, "folds": list(task.config.folds)}
    if isinstance(task, GivenEvaluator):
        return found
    training = task if isinstance(task, TrainingTask) else task.training
    config = training.config
    corpus = task.corpus if isinstance(task, MeasureTask) else training.corpus
    return found | {
        "model": config.model,
        "corpus": corpus,
        "trained_on": training.corpus,
        "composed": training.composed,
        "train_folds": list(config.data.train_folds),
        "seed": config.seed,
        "share": config.data.group_share,
        "depth": config.network.semantic_depth,
        "epochs": config.epochs,
    }


_KINDS: dict[type, str] = {
    EvaluatorTask: "evaluator",
    GivenEvaluator: "given evaluator",
    TrainingTask: "training",
    MeasureTask: "measure",
    LongTask: "long",
}
_VERBS = {"training": "train", "measure": "measure", "long": "long sequences of"}


def title(found: Mapping[str, Any], label: str = "") -> str:
    """One line for people, from a task's facts and what its part calls it, if anything."""
    if found["kind"] == "evaluator":
        return f"train evaluator on folds {', '.join(map(str, found['folds']))} of {found['corpus']}"
    if found["kind"] == "given evaluator":
        return "given evaluator"
    details = [f"seed {found['seed']}", f"depth {found['depth']}"]
    details += [f"folds {', '.join(map(str, found['train_folds']))}"]
    if found["share"] < 1:
        details.append(f"{100 * found['share']:g}% of groups")
    if label:
        details.append(label)
    return f"{_VERBS[found['kind']]} {found['model']} on {found['corpus']} ({'; '.join(details)})"


def given_evaluator(folder: Path) -> GivenEvaluator:
    """An evaluator's folder as a task. Raises SettingsError when it is none."""
    if not (folder / MANIFEST).is_file():
        Evaluator.load(folder)  # says what is wrong
    return GivenEvaluator(str(folder), sha256_of(folder / MANIFEST))


def official_view(corpus: PreparedCorpus) -> PreparedCorpus:
    """The corpus with HumanML3D's published split as folds: test is fold 0, train and val fold 1,
    motion outside the split in none."""
    folds = {"test": 0, "train": 1, "val": 1}
    clips = tuple(replace(c, fold=folds.get(c.official_split, -1)) for c in corpus.clips)
    return replace(corpus, clips=clips)


@dataclass(frozen=True)
class Corpora:
    """The opened corpora and the folder of the text encoder and tree reader."""

    captions: PreparedCorpus
    compose: PreparedCorpus | None
    text_encoder: Path

    def get(self, name: CorpusName) -> PreparedCorpus:
        """One of them. Raises CorpusError when it was not given."""
        if name == "official":
            return official_view(self.captions)
        found = self.captions if name == "captions" else self.compose
        if found is None:
            raise CorpusError("this experiment needs a composed corpus; give --composed")
        return found

    def inputs(self, *names: CorpusName) -> str:
        """Checksum of these corpora and the text encoder."""
        sums = {name: self.get(name).manifest["files"] for name in names}
        files = [f for f in ("text_encoder.onnx", "reader.onnx") if (self.text_encoder / f).is_file()]
        texts = {name: sha256_of(self.text_encoder / name) for name in files}
        return hashlib.sha256(json.dumps([sums, texts], sort_keys=True).encode()).hexdigest()[:16]
