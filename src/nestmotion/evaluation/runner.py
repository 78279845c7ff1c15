"""Runs the tasks of an experiment, each once; killed at any moment, it goes on where it was.

OUT/evaluators/ID   run of train-evaluator, with the evaluator in evaluator/
OUT/runs/ID         training run; its checkpoint is deleted when the bundle is there
OUT/bundles/ID      the bundle
OUT/motions/ID      generated motions, deleted when the results are there (unless they are kept)
OUT/results/ID.jsonl, OUT/experiment.json, OUT/log.jsonl   see result_files.py
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nestmotion import __version__
from nestmotion.core.errors import TrainingError
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.evaluator import MANIFEST as EVALUATOR
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.evaluator_data import EvaluatorData
from nestmotion.evaluation.experiments import Experiment, tasks_by_id, titles_by_id
from nestmotion.evaluation.export_evaluator import export_evaluator
from nestmotion.evaluation.long_sequences import measure_long
from nestmotion.evaluation.measuring import measure
from nestmotion.evaluation.result_files import (
    append_log,
    machine,
    result_path,
    write_plan,
    write_result,
)
from nestmotion.evaluation.tasks import (
    Corpora,
    EvaluatorTask,
    GivenEvaluator,
    LongTask,
    MeasureTask,
    Task,
    TrainingTask,
    facts,
    needs,
    task_id,
)
from nestmotion.evaluation.train_evaluator import (
    EvaluatorConfig,
    evaluator_data,
    member_folder,
    train_evaluator,
    write_evaluator_config,
)
from nestmotion.generate import TextToMotion
from nestmotion.generate.bundle import MANIFEST as BUNDLE
from nestmotion.text import TextEncoder
from nestmotion.text.reader import TreeReader
from nestmotion.training.checkpoint import FILE as CHECKPOINT
from nestmotion.training.data import TrainingData, training_clips
from nestmotion.training.export import export
from nestmotion.training.loop import train
from nestmotion.training.run_folder import claim_run, create_run

__all__ = ["Runner", "remaining"]

# What is told while a task runs: its title, what is being done, and how much of how much is done.
Watch = Callable[[str, str, int, int], None]


def _silent(title: str, stage: str, done: int, total: int) -> None:
    pass


class Runner:
    """Runs an experiment's tasks in `out`.

    keep_motions: leave the generated motions there. watch(title, stage, done, total) is told of every
    step. Raises OutputError when `out` holds something else, SettingsError when it is of another
    version.
    """

    def __init__(
        self,
        out: Path,
        experiment: Experiment,
        corpora: Corpora,
        threads: int = 1,
        device: str = "cpu",
        keep_motions: bool = False,
        watch: Watch = _silent,
    ) -> None:
        self.out, self.experiment, self.corpora = out, experiment, corpora
        self.threads, self.device, self.keep_motions, self.watch = threads, device, keep_motions, watch
        self.titles = titles_by_id(experiment)
        write_plan(out, _plan(experiment))

    def train(self, parts: Sequence[str]) -> None:
        """Only the trainings that these parts need."""
        for part in self.experiment.parts:
            for task in part.tasks if part.name in parts else ():
                for other in needs(task):
                    self._do(other)

    def run(self, parts: Sequence[str], after: Callable[[str], None] = lambda part: None) -> None:
        """Run what is not finished of these parts; `after` is told of each part that is."""
        for part in self.experiment.parts:
            if part.name in parts:
                for task in part.tasks:
                    self._do(task)
                after(part.name)

    def _do(self, task: Task) -> None:
        if self._finished(task):
            self._tidy(task)
            return
        for other in needs(task):
            self._do(other)
        with self._logged(task):
            if isinstance(task, EvaluatorTask):
                self._train_evaluator(task)
            elif isinstance(task, TrainingTask):
                self._train(task)
            elif isinstance(task, MeasureTask | LongTask):
                self._measure(task)
        self._tidy(task)

    def _place(self, task: Task) -> Path:
        """The file that is there when, and only when, the task is finished."""
        own = task_id(task)
        if isinstance(task, EvaluatorTask):
            return self.out / "evaluators" / own / "evaluator" / EVALUATOR
        if isinstance(task, GivenEvaluator):
            return Path(task.folder) / EVALUATOR
        if isinstance(task, TrainingTask):
            return self.out / "bundles" / own / BUNDLE
        return result_path(self.out, own)

    def _finished(self, task: Task) -> bool:
        return self._place(task).is_file()

    def _tidy(self, task: Task) -> None:
        """Delete what a finished task needs no more and is large."""
        if isinstance(task, TrainingTask):
            (self.out / "runs" / task_id(task) / CHECKPOINT).unlink(missing_ok=True)
        elif not self.keep_motions:
            shutil.rmtree(self.out / "motions" / task_id(task), ignore_errors=True)

    def _tell(self, task: Task, stage: str) -> Callable[[int, int], None]:
        name = self.titles[task_id(task)]
        return lambda done, total: self.watch(name, stage, done, total)

    @contextmanager
    def _logged(self, task: Task) -> Iterator[None]:
        """A row of the log for each time a task ran, also when it was broken off."""
        started, begun = datetime.now(UTC), time.monotonic()
        finished = False
        try:
            yield
            finished = True
        finally:
            row = {"task": task_id(task), "title": self.titles[task_id(task)], "finished": finished}
            row |= {"started": started.isoformat(timespec="seconds")}
            row |= {"seconds": round(time.monotonic() - begun, 1), "machine": machine()}
            append_log(self.out, row | {"nestmotion": __version__, "device": self.device})

    # What each kind of task does

    def _train_evaluator(self, task: EvaluatorTask) -> None:
        run, corpus = self.out / "evaluators" / task_id(task), self.corpora.get(task.corpus)
        config = replace(task.config, threads=self.threads)
        encoder = TextEncoder.load(self.corpora.text_encoder, self.threads)
        data = evaluator_data(config, corpus, encoder)
        write_evaluator_config(run, config)
        for k in range(config.members):
            self._train_member(task, replace(config, seed=config.seed + k), data, run, k)
        export_evaluator(run, corpus, self.corpora.text_encoder, data.words, run / "evaluator")

    def _train_member(
        self, task: EvaluatorTask, config: EvaluatorConfig, data: EvaluatorData, run: Path, k: int
    ) -> None:
        folder, tell = member_folder(run, k), self._tell(task, f"member {k}")
        resume = (folder / CHECKPOINT).is_file()
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        write_evaluator_config(folder, config)
        train_evaluator(config, data, folder, resume, lambda done, total, terms: tell(done, total))

    def _train(self, task: TrainingTask) -> None:
        run, corpus = self.out / "runs" / task_id(task), self.corpora.get(task.corpus)
        folder = self.corpora.text_encoder
        config = replace(
            task.config, threads=self.threads, device=self.device, text_encoder=str(folder)
        )
        more = self._compositions(task) if task.composed else None
        reading, step = self._tell(task, "reading clips"), self._tell(task, "training")
        data = TrainingData(
            corpus,
            TextEncoder.load(folder, self.threads),
            TreeReader.load(folder, self.threads),
            config.data,
            config.network,
            composed=more,
            cache=self.out / "cache",
            progress=reading,
        )
        resume = (run / CHECKPOINT).is_file()
        if not resume:
            shutil.rmtree(run, ignore_errors=True)
            claim_run(run)
            create_run(run, config, corpus, {"composed": more}, data.normalizer)
        train(config, data, run, resume, lambda done, total, terms: step(done, total))
        bundle = self.out / "bundles" / task_id(task)
        bundle.parent.mkdir(exist_ok=True)
        export(run, corpus, bundle, task.sampling)

    def _compositions(self, task: TrainingTask) -> PreparedCorpus | None:
        """The composed corpus, or None when no composition is of the task's groups alone."""
        composed, config = self.corpora.get("compose"), task.config
        try:
            training_clips(composed, config.data, config.network.patch_frames)
        except TrainingError:
            return None
        return composed

    def _measure(self, task: MeasureTask | LongTask) -> None:
        own = task_id(task)
        judge_folder, bundle = self._place(task.evaluator).parent, self._place(task.training).parent
        judge = Evaluator.load(judge_folder, self.corpora.text_encoder, self.threads)
        model = TextToMotion.load(bundle, self.threads)
        motions, tell = self.out / "motions" / own, self._tell(task, "generating")
        if isinstance(task, MeasureTask):
            corpus = self.corpora.get(task.corpus)
            rows = list(measure(task, corpus, model, judge, motions, tell))
        else:
            rows = list(measure_long(task, self.corpora.get("captions"), model, judge, motions, tell))
        about = {
            "id": own,
            **facts(task),
            "parameters": model.bundle.manifest["parameters"],
            "evaluator": {key: judge.record.get(key) for key in ("folds", "validation", "test")},
        }
        write_result(self.out, own, [{"kind": "task", "facts": about}, *rows])


def _plan(experiment: Experiment) -> dict[str, object]:
    tasks, titles = tasks_by_id(experiment), titles_by_id(experiment)
    return {
        "name": experiment.name,
        "nestmotion": __version__,
        "settings": experiment.settings,
        "parts": [
            {
                "name": p.name,
                "title": p.title,
                "tasks": [task_id(t) for t in p.tasks],
                "note": p.note,
                "labels": list(p.labels),
            }
            for p in experiment.parts
        ],
        "tasks": {key: {"title": titles[key], **facts(task)} for key, task in tasks.items()},
        "titles": titles,
    }


def remaining(experiment: Experiment, out: Path, parts: Sequence[str]) -> int:
    """How many of the tasks that these parts measure are not finished in `out`."""
    chosen = {task_id(t) for part in experiment.parts if part.name in parts for t in part.tasks}
    return sum(not result_path(out, own).is_file() for own in chosen)
