"""What the worker does with jobs: makes their motions and keeps them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nestmotion.core import Motion
from nestmotion.core.errors import NestmotionError
from nestmotion.generate import TextToMotion
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.generate.batch import Order, explain_together
from nestmotion.generate.editing import Edited, edit_phrase, regenerate
from nestmotion.studio.errors import Problem, problem_of
from nestmotion.studio.files import from_npz, to_bytes
from nestmotion.studio.schemas import Edit, Regenerate
from nestmotion.studio.store import MotionRow, NewMotion, Store
from nestmotion.studio.worker import Task

__all__ = ["Change", "Errand", "Maker"]

_log = logging.getLogger("nestmotion.studio")

INTERNAL: Problem = {
    "code": "internal_error",
    "message": "a mistake of the server's; its log says more",
    "details": {},
}


@dataclass(frozen=True)
class Change:
    """A motion (NPZ), its prompt and what is to be changed of it."""

    npz: bytes
    prompt: str
    request: Edit | Regenerate


@dataclass(frozen=True)
class Errand:
    """A function that is called with the model; its result is the task's, and nothing is kept."""

    call: Callable[[TextToMotion], Any]


class _UnwantedError(Exception):
    """Nobody waits for what is being made."""


class Maker:
    """Called with tasks by the worker's thread. Their work is an Order, a Change or an Errand."""

    def __init__(self, model: TextToMotion, store: Store, kept: tuple[int, int]) -> None:
        self._model = model
        self._store = store
        self._kept = kept
        self.seconds_a_job = 1.0  # a running mean

    def __call__(self, tasks: Sequence[Task]) -> None:
        began = time.monotonic()
        if isinstance(tasks[0].work, Errand):
            for task in tasks:
                self._run_errand(task)
            return
        running = [task for task in tasks if self._store.start(task.id)]
        try:
            if running:
                self._make(running)
        except _UnwantedError:
            pass
        except NestmotionError as error:
            self._fail(running, problem_of(error))
        except Exception:
            _log.exception("a job failed")
            self._fail(running, INTERNAL)
        for task in tasks:
            task.end()
        taken = (time.monotonic() - began) / len(tasks)
        self.seconds_a_job += 0.2 * (taken - self.seconds_a_job)

    def _run_errand(self, task: Task) -> None:
        if task.unwanted.is_set():
            return task.end()
        try:
            task.end(task.work.call(self._model))
        except Exception as error:
            task.end(error=error)

    def _fail(self, tasks: Sequence[Task], problem: Problem) -> None:
        for task in tasks:
            self._store.fail(task.id, problem)

    def _make(self, tasks: Sequence[Task]) -> None:
        if isinstance(tasks[0].work, Order):
            self._generate(tasks)
        else:
            for task in tasks:
                self._change(task)
        self._store.trim(*self._kept)

    def _generate(self, tasks: Sequence[Task]) -> None:
        def on_step(done: float) -> None:
            if all(task.unwanted.is_set() for task in tasks):
                raise _UnwantedError
            for task in tasks:
                task.progress = done

        made = explain_together(self._model, [task.work for task in tasks], on_step)
        for task, samples in zip(tasks, made, strict=True):
            recipe = dict(samples[0].motion.metadata)
            recipe.pop("sample")
            motions = [
                _new(k, sample.motion, sample.alignment, None) for k, sample in enumerate(samples)
            ]
            self._store.finish(task.id, recipe["prompt"], recipe, motions)

    def _change(self, task: Task) -> None:
        change: Change = task.work
        edited = _edited(self._model, from_npz(change.npz), change.prompt, change.request)
        alignment = self._model.align(edited.motion, edited.prompt)
        changed = {"start_s": edited.start_s, "end_s": edited.end_s}
        made = _new(0, edited.motion, alignment, changed)
        self._store.finish(task.id, edited.prompt, dict(edited.motion.metadata), [made])


def _edited(model: TextToMotion, motion: Motion, prompt: str, request: Edit | Regenerate) -> Edited:
    seed, steps, guidance = request.seed, request.steps, request.guidance
    if isinstance(request, Edit):
        return edit_phrase(
            *(model, motion, prompt, request.phrase, request.to),
            seed=seed,
            steps=steps,
            guidance=guidance,
        )
    return regenerate(
        *(model, motion, prompt, request.start_s, request.end_s),
        seed=seed,
        joints=request.joints,
        steps=steps,
        guidance=guidance,
    )


def _new(
    place: int, motion: Motion, alignment: AlignmentMap, changed: dict[str, float] | None
) -> NewMotion:
    row = MotionRow(place, len(motion), motion.fps, changed)
    said = {"prompt": alignment.tree.prompt, **alignment.to_dict()}
    return NewMotion(row, to_bytes(motion, "npz"), json.dumps(said, ensure_ascii=False))
