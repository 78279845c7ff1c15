"""One thread that works off a bounded queue, taking tasks of one kind together."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

__all__ = ["QueueFullError", "Task", "Worker"]

_log = logging.getLogger("nestmotion.studio")


class QueueFullError(Exception):
    """As many tasks wait as the queue holds."""


@dataclass(eq=False)
class Task:
    """Something to be made.

    work: what is asked for, for the function that does it. together: tasks with equal values may be
    done in one go; None for alone. rows: how much of a go it takes up.
    progress: 0 to 1, set by the function. unwanted: set when nobody needs it any more.
    ended: has a result, or an exception, as soon as there will be nothing more; cancelled when dropped.
    """

    id: str
    work: Any
    together: Hashable | None = None
    rows: int = 1
    progress: float = 0.0
    unwanted: threading.Event = field(default_factory=threading.Event)
    ended: Future[Any] = field(default_factory=Future)

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """Tell those who wait, unless it was dropped or told already."""
        with contextlib.suppress(InvalidStateError):
            if error is not None:
                self.ended.set_exception(error)
            else:
                self.ended.set_result(result)


class Worker:
    """`do` gets one or more tasks that may be done together and must end each one's future."""

    def __init__(self, do: Callable[[Sequence[Task]], None], bound: int, most_rows: int) -> None:
        self.bound = bound
        self._do = do
        self._most_rows = most_rows
        self._waiting: deque[Task] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._doing: Sequence[Task] = ()
        self._thread = threading.Thread(target=self._run, name="studio-worker", daemon=True)

    def start(self) -> None:
        """Begin to work. Tasks may wait already."""
        self._thread.start()

    def stop(self, patience_s: float = 10.0) -> None:
        """Take no more tasks, drop those that wait, and let the one being done end."""
        with self._changed:
            self._stopping = True
            dropped, self._waiting = list(self._waiting), deque()
            for task in (*dropped, *self._doing):
                task.unwanted.set()
            self._changed.notify_all()
        for task in dropped:
            task.ended.cancel()
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def put(self, task: Task, before: Callable[[], None] = lambda: None) -> None:
        """Queue a task, after `before` has been called with its place safe.

        Raises QueueFullError.
        """
        with self._changed:
            if self._stopping or len(self._waiting) >= self.bound:
                raise QueueFullError
            before()
            self._waiting.append(task)
            self._changed.notify_all()

    def drop(self, task: Task) -> None:
        """Let a task be: nobody waits for it any more, and it leaves the queue if it is there."""
        task.unwanted.set()
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)
        task.ended.cancel()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def ahead_of(self, task: Task) -> int | None:
        """How many tasks come before one that waits; None when it does not wait."""
        with self._changed:
            if task not in self._waiting:
                return None
            return self._waiting.index(task) + len(self._doing)

    def _run(self) -> None:
        while (tasks := self._take()) is not None:
            try:
                self._do(tasks)
            except BaseException as error:
                _log.exception("the worker failed")
                for task in tasks:
                    task.end(error=error)
            finally:
                self._doing = ()

    def _take(self) -> Sequence[Task] | None:
        """The first task and those behind it that may be done with it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            first = self._waiting.popleft()
            taken, rows = [first], first.rows
            if first.together is not None:
                for task in list(self._waiting):
                    if task.together == first.together and rows + task.rows <= self._most_rows:
                        self._waiting.remove(task)
                        taken.append(task)
                        rows += task.rows
            self._doing = taken
            return taken
