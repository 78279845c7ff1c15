"""The queue and its thread."""

from __future__ import annotations

import threading

import pytest

from nestmotion.studio.worker import QueueFullError, Task, Worker


class _Recorder:
    """Ends tasks as it gets them, and remembers which came together."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def __call__(self, tasks):
        self.groups.append([task.id for task in tasks])
        for task in tasks:
            if task.work is not None:
                task.work()
            task.ended.set_result(task.id)


@pytest.fixture
def make():
    workers = []

    def start(do, bound=10, most_rows=4):
        workers.append(Worker(do, bound, most_rows))
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()


def test_tasks_that_fit_together_are_done_together_and_nobody_starves(make):
    done = _Recorder()
    worker = make(done)
    kinds = [("a", "x", 2), ("b", "y", 1), ("c", "x", 1), ("d", None, 1), ("e", "x", 2), ("f", "y", 1)]
    tasks = [Task(name, None, kind, rows) for name, kind, rows in kinds]
    for task in tasks:
        worker.put(task)
    worker.start()
    assert [task.ended.result(10) for task in tasks] == list("abcdef")
    assert done.groups == [["a", "c"], ["b", "f"], ["d"], ["e"]]


def test_the_bound_holds_and_a_dropped_task_makes_room(make):
    worker = make(_Recorder(), bound=2)
    first, second, third = (Task(name, None) for name in "abc")
    worker.put(first)
    worker.put(second)
    called = []
    with pytest.raises(QueueFullError):
        worker.put(third, lambda: called.append("third"))
    assert called == []
    assert (worker.ahead_of(first), worker.ahead_of(second), worker.ahead_of(third)) == (0, 1, None)
    worker.drop(first)
    assert first.ended.cancelled()
    worker.put(third, lambda: called.append("third"))
    assert called == ["third"]
    assert worker.waiting == 2


def test_a_task_whose_preparation_fails_is_not_queued(make):
    worker = make(_Recorder())

    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        worker.put(Task("a", None), fail)
    assert worker.waiting == 0


def test_a_failure_ends_its_tasks_and_the_worker_goes_on(make):
    worker = make(_Recorder())

    def fail():
        raise ValueError("broken")

    bad, good = Task("bad", fail), Task("good", None)
    worker.put(bad)
    worker.put(good)
    worker.start()
    with pytest.raises(ValueError, match="broken"):
        bad.ended.result(10)
    assert good.ended.result(10) == "good"


def test_nobody_waits_for_a_dropped_task_that_is_being_done(make):
    began, go = threading.Event(), threading.Event()

    def work():
        began.set()
        go.wait(10)

    def do(tasks):
        for task in tasks:
            task.work()
            task.end(task.id)

    worker = make(do)
    running, after = Task("running", work), Task("after", lambda: None)
    worker.put(running)
    worker.put(after)
    worker.start()
    assert began.wait(10)
    worker.drop(running)
    assert running.ended.cancelled()
    assert running.unwanted.is_set()
    go.set()
    assert after.ended.result(10) == "after"


def test_stopping_drops_what_waits_and_takes_nothing_more(make):
    began, go = threading.Event(), threading.Event()

    def work():
        began.set()
        go.wait(10)

    worker = make(_Recorder())
    running, waiting = Task("running", work), Task("waiting", None)
    worker.put(running)
    worker.put(waiting)
    worker.start()
    assert began.wait(10)
    assert worker.ahead_of(waiting) == 1
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    assert running.unwanted.wait(10)
    go.set()
    stopper.join(10)
    assert running.ended.result(10) == "running"
    assert waiting.ended.cancelled()
    with pytest.raises(QueueFullError):
        worker.put(Task("late", None))
