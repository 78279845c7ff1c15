"""The studio itself: a model, a queue and a store, without HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import uuid4

from nestmotion import __version__
from nestmotion.core.errors import NestmotionError
from nestmotion.generate import TextToMotion
from nestmotion.generate.batch import Order, alike, settled
from nestmotion.generate.prompt import LONGEST_CHARACTERS, check_prompt, doubt_english
from nestmotion.io.files import FORMATS
from nestmotion.studio.errors import ApiError, problem_of
from nestmotion.studio.files import MEDIA_TYPES, from_npz, to_bytes
from nestmotion.studio.limits import Limits
from nestmotion.studio.making import Change, Errand, Maker
from nestmotion.studio.schemas import Edit, Generate, Regenerate
from nestmotion.studio.store import ENDED, JobRow, Kind, MotionRow, Store
from nestmotion.studio.worker import QueueFullError, Task, Worker

__all__ = ["Studio"]

T = TypeVar("T")


class Studio:
    """Takes requests, makes motions one batch at a time, and keeps them.

    Methods may be called from any thread; they answer what docs/studio-api.md says or raise ApiError.
    """

    def __init__(self, model: TextToMotion, store: Store, limits: Limits | None = None) -> None:
        self.model = model
        self.limits = limits if limits is not None else Limits()
        self._store = store
        self._maker = Maker(model, store, (self.limits.kept_jobs, self.limits.kept_bytes))
        self._worker = Worker(self._maker, self.limits.queue, self.limits.batch_rows)
        self._live: dict[str, Task] = {}

    def start(self) -> None:
        """Begin to work. What another server left unfinished becomes interrupted."""
        self._store.interrupt_unfinished()
        # What is imported and allocated at the first use is so before the first user waits for it.
        self.errand(lambda model: model.generate("a person stands", 1.0, steps=1))
        self._worker.start()

    def stop(self) -> None:
        """End the job being made, mark those that wait as interrupted and let go of the store."""
        self._worker.stop()
        self._store.interrupt_unfinished()
        self._store.close()

    # Asking

    def generate(self, request: Generate) -> str:
        """Queue a generation; the job's id."""
        asked = request.model_dump()
        text = asked.pop("prompt")
        order = _checked(lambda: settled(self.model, Order(text, **asked)))
        doubt = doubt_english(order.text, self.model.bundle.vocabulary)
        task = Task(uuid4().hex, order, alike(self.model, order), order.samples)
        warnings = [] if doubt is None else [doubt]
        return self._queue(task, "generate", request.model_dump(), order.text, None, warnings)

    def change(self, job: str, place: int, request: Edit | Regenerate) -> str:
        """Queue a change of a motion; the new job's id."""
        row, npz = self._row(job), self._npz(job, place)
        if not self.editable:
            raise ApiError(422, "edit", "the model of this server heeds nothing but text")
        prompt = row.prompt or ""
        if isinstance(request, Edit):
            _checked(lambda: check_prompt(request.to, self.model.encoder))
        kind: Kind = "edit" if isinstance(request, Edit) else "regenerate"
        source = {"job": job, "motion": place}
        task = Task(uuid4().hex, Change(npz, prompt, request))
        shown = prompt if kind == "regenerate" else None
        return self._queue(task, kind, request.model_dump(), shown, source, [])

    def errand(self, call: Callable[[TextToMotion], Any]) -> Task:
        """Queue something of which nothing is kept; its `ended` has the result."""
        task = Task(uuid4().hex, Errand(call))
        self._put(task, lambda: None)
        return task

    def _queue(
        self,
        task: Task,
        kind: Kind,
        request: dict[str, Any],
        prompt: str | None,
        source: dict[str, Any] | None,
        warnings: list[str],
    ) -> str:
        self._live[task.id] = task
        task.ended.add_done_callback(lambda _: self._live.pop(task.id, None))
        try:
            self._put(task, lambda: self._store.add(task.id, kind, request, prompt, source, warnings))
        except BaseException:
            self._live.pop(task.id, None)
            raise
        return task.id

    def _put(self, task: Task, before: Callable[[], None]) -> None:
        try:
            self._worker.put(task, before)
        except QueueFullError:
            wait = min(max(math.ceil(self._maker.seconds_a_job), 1), 60)
            raise ApiError(
                429,
                "rate_limited",
                f"{self._worker.bound} jobs wait already; ask again in {wait} s",
                headers={"Retry-After": str(wait)},
            ) from None

    # Seeing

    async def wait(self, job: str, seconds: float) -> None:
        """Until the job has ended, or so long."""
        task = self._live.get(job)
        if task is not None and seconds > 0:
            await asyncio.wait([asyncio.wrap_future(task.ended)], timeout=seconds)

    def view(self, job: str) -> dict[str, Any]:
        """The job as the API shows it."""
        return self._view(self._row(job))

    def history(self, limit: int, before: str | None) -> dict[str, Any]:
        """A page of jobs, newest first."""
        if before is not None:
            self._row(before)
        rows = self._store.jobs(limit + 1, before)
        more = len(rows) > limit
        rows = rows[:limit]
        return {"jobs": [self._view(row) for row in rows], "next": rows[-1].id if more else None}

    def file(self, job: str, place: int, format_: str) -> tuple[str, bytes]:
        """The motion's prompt and its file."""
        row, npz = self._row(job), self._npz(job, place)
        if format_ not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise ApiError(404, "not_found", f"no format {format_!r}; there are {known}")
        data = npz if format_ == "npz" else to_bytes(from_npz(npz), format_)
        return row.prompt or "", data

    def alignment(self, job: str, place: int) -> str:
        """The motion's alignment, as JSON."""
        self._npz(job, place)
        return self._store.alignment(job, place) or ""

    def parse(self, prompt: str) -> dict[str, Any]:
        """The semantic tree of a prompt, as deep as the model reads it."""
        text = _checked(lambda: check_prompt(prompt, self.model.encoder))
        tree = self.model.read_tree(text, self.model.encoder.encode([text]))
        return {"prompt": text, **tree.to_dict()}

    def cancel(self, job: str) -> dict[str, Any]:
        """Stop a job that has not ended."""
        row = self._row(job)
        if not self._store.cancel(job):
            raise ApiError(409, "finished", f"the job has ended already: {row.status}")
        self._drop(job)
        return self.view(job)

    def forget(self, job: str) -> None:
        """Remove a job and its motions, whether it has ended or not."""
        self._row(job)
        self._store.cancel(job)
        self._drop(job)
        self._store.forget(job)

    def _drop(self, job: str) -> None:
        task = self._live.get(job)
        if task is not None:
            self._worker.drop(task)

    # About

    @property
    def editable(self) -> bool:
        """Whether phrases and stretches can be changed with this bundle."""
        return bool(self.model.bundle.manifest["controllable"])

    def health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "nestmotion": __version__,
            "waiting": self._worker.waiting,
            "queue": self._worker.bound,
        }

    def about(self) -> dict[str, Any]:
        """What is served and what may be asked for."""
        bundle, limits = self.model.bundle, self.limits
        sampling, seconds = bundle.manifest["sampling"], bundle.manifest["seconds"]
        return {
            "bundle": bundle.name,
            "bundle_digest": bundle.digest,
            "nestmotion": __version__,
            "fps": bundle.fps,
            "joints": list(bundle.skeleton.joint_names),
            "editable": self.editable,
            "seconds": {"shortest": seconds["shortest"], "longest": seconds["longest"]},
            "defaults": {
                "samples": 1,
                "seed": 0,
                "steps": sampling["steps"],
                "guidance": sampling["guidance"],
                "postprocess": True,
            },
            "limits": {
                "samples": limits.samples,
                "prompt_characters": LONGEST_CHARACTERS,
                "steps": limits.steps,
                "guidance": 20.0,
                "queue": limits.queue,
                "wait_s": limits.wait_s,
            },
            "formats": {name: FORMATS[f".{name}"].description for name in MEDIA_TYPES},
        }

    # Rows

    def _row(self, job: str) -> JobRow:
        row = self._store.job(job)
        if row is None:
            raise ApiError(404, "not_found", "no such job")
        return row

    def _npz(self, job: str, place: int) -> bytes:
        npz = self._store.npz(job, place)
        if npz is None:
            status = self._row(job).status
            if status not in ENDED:
                raise ApiError(409, "not_done", f"the motion is not made yet: the job is {status}")
            raise ApiError(404, "not_found", f"the job has no motion {place}")
        return npz

    def _view(self, row: JobRow) -> dict[str, Any]:
        task = self._live.get(row.id)
        live = task.progress if task is not None else 0.0
        shown = {k: v for k, v in asdict(row).items() if k not in ("number", "motions")}
        return shown | {
            "progress": 1.0 if row.status == "done" else live,
            "ahead": self._worker.ahead_of(task) if task is not None else None,
            "motions": [_motion_view(row.id, motion) for motion in row.motions],
        }


def _motion_view(job: str, motion: MotionRow) -> dict[str, Any]:
    address = f"/v1/jobs/{job}/motions/{motion.place}"
    return {
        "index": motion.place,
        "frames": motion.frames,
        "fps": motion.fps,
        "seconds": motion.frames / motion.fps,
        "changed": motion.changed,
        "alignment": f"{address}/alignment",
        "files": {format_: f"{address}.{format_}" for format_ in MEDIA_TYPES},
    }


def _checked(check: Callable[[], T]) -> T:
    """A check's result; a user's mistake becomes an answer."""
    try:
        return check()
    except NestmotionError as error:
        problem = problem_of(error)
        raise ApiError(422, problem["code"], problem["message"]) from None
