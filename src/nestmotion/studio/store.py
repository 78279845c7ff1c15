"""Jobs and motions in one SQLite file, so that a server which is killed loses nothing it had finished.

Every change is one transaction, written through to the disk (WAL, synchronous=FULL): a job is done
exactly when its motions are there. The file is locked while a server has it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nestmotion.core.errors import SettingsError

__all__ = ["ENDED", "JobRow", "Kind", "MotionRow", "NewMotion", "Status", "Store"]

Kind = Literal["generate", "edit", "regenerate"]
Status = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
UNENDED: tuple[Status, ...] = ("queued", "running")
ENDED: tuple[Status, ...] = ("done", "failed", "cancelled", "interrupted")

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    created TEXT NOT NULL,
    started TEXT,
    ended TEXT,
    request TEXT NOT NULL,
    source TEXT,
    prompt TEXT,
    recipe TEXT,
    warnings TEXT NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE TABLE motions (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    place INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    fps REAL NOT NULL,
    changed TEXT,
    bytes INTEGER NOT NULL,
    npz BLOB NOT NULL,
    alignment TEXT NOT NULL,
    PRIMARY KEY (job, place)
) STRICT;
"""
_JOB = (
    "number, id, kind, status, created, started, ended, prompt, "
    "request, source, recipe, warnings, error"
)
_INTERRUPTED = {
    "code": "interrupted",
    "message": "the server stopped before the job was done; ask again",
    "details": {},
}


@dataclass(frozen=True)
class MotionRow:
    """What is known of a motion without reading it. changed: {"start_s", "end_s"} of an edit."""

    place: int
    frames: int
    fps: float
    changed: dict[str, float] | None


@dataclass(frozen=True)
class NewMotion:
    """A motion to keep: its row, its NPZ file and its alignment (JSON)."""

    row: MotionRow
    npz: bytes
    alignment: str


@dataclass(frozen=True)
class JobRow:
    """A job as the file has it; times in ISO 8601, UTC."""

    number: int
    id: str
    kind: Kind
    status: Status
    created: str
    started: str | None
    ended: str | None
    prompt: str | None
    request: dict[str, Any]
    source: dict[str, Any] | None
    recipe: dict[str, Any] | None
    warnings: list[str]
    error: dict[str, Any] | None
    motions: tuple[MotionRow, ...]


class Store:
    """The file `studio.db` of a folder, for one process; any of its threads may call."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Raises SettingsError when it cannot be used, or another server uses it."""
        self._path = folder / "studio.db"
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, check_same_thread=False, timeout=1.0)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            if "locked" in str(error):
                reason = "another studio uses it; stop that one or give another --data"
            else:
                reason = f"cannot be opened: {error}"
            raise SettingsError(f"{self._path}: {reason}") from error

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            # executescript would commit on its own; one transaction makes all or nothing.
            script = f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            self._db.executescript(script)
        elif version != SCHEMA_VERSION:
            raise SettingsError(
                f"{self._path}: made by another nestmotion (schema {version}, not {SCHEMA_VERSION}); "
                "give another --data"
            )
        else:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.rollback()

    def close(self) -> None:
        """Give the file free. Later calls fail."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db

    # Writing

    def add(
        self,
        job: str,
        kind: Kind,
        request: dict[str, Any],
        prompt: str | None,
        source: dict[str, Any] | None,
        warnings: Sequence[str],
    ) -> None:
        """A queued job."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, kind, status, created, request, source, prompt, warnings) "
                "VALUES (?, ?, 'queued', ?, ?, ?, ?, ?)",
                (job, kind, _now(), _json(request), _json(source), prompt, _json(list(warnings))),
            )

    def start(self, job: str) -> bool:
        """queued -> running. False when it is no longer queued."""
        with self._transaction() as db:
            return _move(db, job, ("queued",), "running", started=_now())

    def finish(
        self, job: str, prompt: str, recipe: dict[str, Any], motions: Sequence[NewMotion]
    ) -> bool:
        """running -> done, with its motions. False, keeping nothing, when it is no longer running."""
        with self._transaction() as db:
            told = {"ended": _now(), "prompt": prompt, "recipe": _json(recipe)}
            if not _move(db, job, ("running",), "done", **told):
                return False
            (number,) = db.execute("SELECT number FROM jobs WHERE id = ?", (job,)).fetchone()
            for m in motions:
                row = (m.row.place, m.row.frames, m.row.fps, _json(m.row.changed))
                size = len(m.npz) + len(m.alignment)
                db.execute(
                    "INSERT INTO motions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (number, *row, size, m.npz, m.alignment),
                )
            return True

    def fail(self, job: str, error: dict[str, Any]) -> bool:
        """queued or running -> failed. False when it has ended already."""
        with self._transaction() as db:
            return _move(db, job, UNENDED, "failed", ended=_now(), error=_json(error))

    def cancel(self, job: str) -> bool:
        """queued or running -> cancelled. False when it has ended already."""
        with self._transaction() as db:
            return _move(db, job, UNENDED, "cancelled", ended=_now())

    def interrupt_unfinished(self) -> int:
        """Whatever a server that is gone had not finished -> interrupted. How many these were."""
        with self._transaction() as db:
            return db.execute(
                "UPDATE jobs SET status = 'interrupted', ended = ?, error = ? "
                "WHERE status IN ('queued', 'running')",
                (_now(), _json(_INTERRUPTED)),
            ).rowcount

    def forget(self, job: str) -> None:
        """Remove a job with its motions."""
        with self._transaction() as db:
            db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def trim(self, most_jobs: int, most_bytes: int) -> None:
        """Remove the oldest jobs that have ended until there are at most so many, and until the motions
        of all take up at most so much."""
        with self._transaction() as db:
            db.execute(
                f"DELETE FROM jobs WHERE status IN {ENDED} AND number <= (SELECT number FROM jobs "
                "ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (most_jobs,),
            )
            db.execute(
                f"DELETE FROM jobs WHERE status IN {ENDED} AND number IN (SELECT job FROM (SELECT job, "
                "SUM(SUM(bytes)) OVER (ORDER BY job DESC) AS up_to_here FROM motions GROUP BY job) "
                "WHERE up_to_here > ?)",
                (most_bytes,),
            )

    # Reading

    def job(self, job: str) -> JobRow | None:
        """None when there is no such job."""
        with self._lock:
            row = self._db.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (job,)).fetchone()
            return None if row is None else self._job_row(row)

    def jobs(self, limit: int, before: str | None = None) -> list[JobRow]:
        """The newest jobs, those before another one only if it is given; newest first."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_JOB} FROM jobs WHERE ?1 IS NULL OR number < (SELECT number FROM jobs "
                "WHERE id = ?1) ORDER BY number DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
            return [self._job_row(row) for row in rows]

    def npz(self, job: str, place: int) -> bytes | None:
        """The NPZ file of a motion; None when there is none."""
        return self._of_motion("npz", job, place)

    def alignment(self, job: str, place: int) -> str | None:
        """The alignment of a motion as JSON; None when there is none."""
        return self._of_motion("alignment", job, place)

    def _of_motion(self, column: str, job: str, place: int) -> Any:
        query = f"SELECT {column} FROM motions JOIN jobs ON job = number WHERE id = ? AND place = ?"
        with self._lock:
            row = self._db.execute(query, (job, place)).fetchone()
        return None if row is None else row[0]

    def _job_row(self, row: tuple[Any, ...]) -> JobRow:
        plain = row[:8]
        texts = (None if text is None else json.loads(text) for text in row[8:])
        motions = self._db.execute(
            "SELECT place, frames, fps, changed FROM motions WHERE job = ? ORDER BY place", (row[0],)
        ).fetchall()
        found = tuple(MotionRow(k, n, fps, json.loads(c or "null")) for k, n, fps, c in motions)
        values: tuple[Any, ...] = (*plain, *texts, found)
        return JobRow(*values)


def _move(
    db: sqlite3.Connection, job: str, before: tuple[Status, ...], after: Status, **told: str | None
) -> bool:
    """Change a job's status if it has one of `before`, and the columns `told`. Whether it had."""
    columns = ", ".join(f"{name} = ?" for name in ("status", *told))
    marks = ", ".join("?" * len(before))
    query = f"UPDATE jobs SET {columns} WHERE id = ? AND status IN ({marks})"
    return db.execute(query, (after, *told.values(), job, *before)).rowcount == 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
