"""Jobs and motions in a file."""

from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.errors import SettingsError
from nestmotion.studio.store import ENDED, MotionRow, NewMotion, Store


def _motion(place: int = 0, size: int = 10) -> NewMotion:
    return NewMotion(MotionRow(place, 120, 20.0, {"start_s": 1.0, "end_s": 2.5}), bytes(size), "{}")


def _add(store: Store, job: str) -> None:
    store.add(job, "generate", {"prompt": "a person waves"}, "a person waves", None, ["odd"])


def _done(store: Store, job: str, size: int = 10) -> None:
    _add(store, job)
    assert store.start(job)
    assert store.finish(job, "a person waves", {"seed": 1}, [_motion(0, size), _motion(1, size)])


def test_a_finished_job_is_there_after_reopening(tmp_path):
    store = Store(tmp_path)
    _done(store, "a")
    before = store.job("a")
    store.close()
    after = Store(tmp_path).job("a")
    assert after == before
    assert (after.status, after.recipe, after.warnings) == ("done", {"seed": 1}, ["odd"])
    assert after.motions == tuple(
        MotionRow(k, 120, 20.0, {"start_s": 1.0, "end_s": 2.5}) for k in (0, 1)
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after.ended)


@given(st.lists(st.sampled_from(["start", "finish", "fail", "cancel", "interrupt"]), max_size=6))
def test_a_job_ends_once_and_has_motions_exactly_when_done(tmp_path_factory, steps):
    store = Store(tmp_path_factory.mktemp("store"))
    _add(store, "a")
    history = ["queued"]
    for step in steps:
        match step:
            case "start":
                changed = store.start("a")
            case "finish":
                changed = store.finish("a", "p", {}, [_motion()])
            case "fail":
                changed = store.fail("a", {"code": "x"})
            case "cancel":
                changed = store.cancel("a")
            case _:
                changed = store.interrupt_unfinished() == 1
        status = store.job("a").status
        assert changed == (status != history[-1])
        if changed:
            history.append(status)
    assert sum(status in ENDED for status in history) <= 1
    assert history[-1] in ENDED or not set(history) & set(ENDED)
    assert bool(store.job("a").motions) == (history[-1] == "done")
    store.close()


def test_finishing_is_all_or_nothing(tmp_path):
    store = Store(tmp_path)
    _add(store, "a")
    store.start("a")
    with pytest.raises(sqlite3.IntegrityError):
        store.finish("a", "p", {}, [_motion(0), _motion(0)])
    assert store.job("a").status == "running"
    assert store.npz("a", 0) is None


def test_pages_of_history(tmp_path):
    store = Store(tmp_path)
    for k in range(5):
        _add(store, f"j{k}")
    assert [row.id for row in store.jobs(2)] == ["j4", "j3"]
    assert [row.id for row in store.jobs(9, before="j3")] == ["j2", "j1", "j0"]
    assert store.jobs(9, before="nothing") == []


def test_forgetting_takes_the_motions_along(tmp_path):
    store = Store(tmp_path)
    _done(store, "a")
    store.forget("a")
    assert store.job("a") is None
    assert store.npz("a", 0) is None
    assert store.alignment("a", 0) is None


def test_trimming_drops_the_oldest_that_have_ended(tmp_path):
    store = Store(tmp_path)
    _add(store, "waiting")
    for k in range(4):
        _done(store, f"j{k}", size=1000)
    store.trim(most_jobs=100, most_bytes=2 * 2004)
    assert [row.id for row in store.jobs(9)] == ["j3", "j2", "waiting"]
    store.trim(most_jobs=1, most_bytes=10**9)
    assert [row.id for row in store.jobs(9)] == ["j3", "waiting"]


def test_one_server_at_a_time(tmp_path):
    store = Store(tmp_path)
    message = f"{tmp_path}/studio.db: another studio uses it; stop that one or give another --data"
    with pytest.raises(SettingsError, match=re.escape(message)):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_files_that_are_not_ours(tmp_path):
    (tmp_path / "studio.db").write_bytes(b"not a database at all, but long enough to be one" * 9)
    with pytest.raises(SettingsError, match=r"studio\.db: cannot be opened: file is not a database"):
        Store(tmp_path)
    newer = tmp_path / "newer"
    Store(newer).close()
    with sqlite3.connect(newer / "studio.db") as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(SettingsError, match=r"made by another nestmotion \(schema 7, not 1\)"):
        Store(newer)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="cannot be opened"):
        Store(tmp_path / "file")
