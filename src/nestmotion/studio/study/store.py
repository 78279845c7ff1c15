"""The database of a study: questions and answers in SQLite, one answer to a question."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.studio.study.design import BROKEN, Asked, Kind
from nestmotion.studio.study.prompts import StudyPrompt

__all__ = [
    "CLIPS",
    "DATABASE",
    "AlreadyAnsweredError",
    "ModelFacts",
    "NotFoundError",
    "Progress",
    "Question",
    "StudyStore",
    "WrongKindError",
    "new_name",
]

FORMAT = "1"
DATABASE, CLIPS = "study.sqlite", "clips"
_BUSY_S = 10.0


class NotFoundError(LookupError):
    """No such link, or no such question for this rater: both are told the same."""


class WrongKindError(ValueError):
    """A choice for a question that asks for scores, or the other way round."""


class AlreadyAnsweredError(Exception):
    """The question has an answer, and keeps it."""


@dataclass(frozen=True)
class ModelFacts:
    """A model of the study: its label in the report, its bundle's name and digest."""

    label: str
    bundle: str
    digest: str


@dataclass(frozen=True)
class Question:
    """What a rater sees: nothing of it tells models or checks. clips: 2 of a pair, 1 to be scored."""

    name: str
    kind: Kind
    prompt: str
    clips: int


@dataclass(frozen=True)
class Progress:
    """How far a rater is, and the question to answer next; None when all is answered."""

    answered: int
    total: int
    question: Question | None


def new_name() -> str:
    """A random name that nobody guesses: of a clip, a question, a rater's link."""
    return secrets.token_hex(16)


class StudyStore:
    """The database of the study in `folder`. Threads may share it, and other processes read and write
    at the same time. An answer is kept when `answer` returns, whatever happens to the process then."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        """Raises SettingsError when the folder holds no study, or one of another version."""
        self.folder, self._now, self._lock = folder, now, threading.RLock()
        if not (folder / DATABASE).is_file():
            raise SettingsError(
                f"{folder / DATABASE}: missing; make a study with: nestmotion study create"
            )
        try:
            self._db = _open(folder / DATABASE)
            found = self.facts().get("format")
        except sqlite3.DatabaseError as error:
            raise SettingsError(f"{folder / DATABASE}: not a study ({error})") from None
        if found != FORMAT:
            raise SettingsError(
                f"{folder / DATABASE}: a study of version {found}, this nestmotion reads {FORMAT}; use "
                "the nestmotion that made it"
            )

    @classmethod
    def create(
        cls,
        folder: Path,
        models: Sequence[ModelFacts],
        prompts: Sequence[tuple[StudyPrompt, float]],
        clips: Mapping[tuple[int, int], str],
        plan: Sequence[Sequence[Asked]],
        facts: Mapping[str, str],
    ) -> StudyStore:
        """Make the database of a new study. prompts: with the length of their clips in seconds. clips:
        name of the clip of a prompt and model (or BROKEN). plan: the questions of every rater.

        Raises OutputError when the file cannot be written.
        """
        try:
            with closing(_open(folder / DATABASE)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(resources.files(__package__).joinpath("schema.sql").read_text("utf-8"))
                with db:
                    _fill(db, models, prompts, clips, plan, {"format": FORMAT, **facts})
        except sqlite3.OperationalError as error:
            raise OutputError(f"{folder / DATABASE}: cannot be written: {error}") from None
        return cls(folder)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection for a `with` block; what was changed is kept when the block ends well."""
        with self._lock, self._db:
            yield self._db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def facts(self) -> dict[str, str]:
        """What was settled when the study was made."""
        with self.connection() as db:
            return dict(map(tuple, db.execute("SELECT name, value FROM facts")))

    def links(self) -> list[tuple[str, Progress]]:
        """Every rater's token, and how far that rater is."""
        with self.connection() as db:
            tokens = [row["token"] for row in db.execute("SELECT token FROM raters ORDER BY rater")]
            return [(token, _progress(db, _rater(db, token))) for token in tokens]

    def check_token(self, token: str) -> None:
        """Raises NotFoundError for a token that is none."""
        with self.connection() as db:
            _rater(db, token)

    def progress(self, token: str) -> Progress:
        """Where this rater stands; the time at which a question is first asked for is kept.

        Raises NotFoundError for a token that is none.
        """
        with self.connection() as db:
            return self._show_next(db, _rater(db, token))

    def _show_next(self, db: sqlite3.Connection, rater: int) -> Progress:
        found = _progress(db, rater)
        if found.question is not None:
            db.execute(
                "UPDATE questions SET shown_at = ? WHERE question = ? AND shown_at IS NULL",
                (self._now(), found.question.name),
            )
        return found

    def clip(self, token: str, question: str, side: str) -> bytes:
        """The GLB file of clip "a" or "b" of a question that was shown to this rater.

        Raises NotFoundError for all else.
        """
        with self.connection() as db:
            row = _shown(db, _rater(db, token), question)
        name = {"a": row["clip_a"], "b": row["clip_b"]}.get(side)
        if name is None:
            raise NotFoundError
        return (self.folder / CLIPS / f"{name}.glb").read_bytes()

    def answer(
        self, token: str, question: str, kind: Kind, values: Mapping[str, str | int]
    ) -> Progress:
        """Keep an answer to a question of that kind: {"choice": "a"} or a score by aspect. Gives what
        `progress` gives then.

        Raises NotFoundError for a question that was not shown to this rater, WrongKindError when it
        asks for something else, AlreadyAnsweredError when it has an answer.
        """
        columns = ("choice", "text_match", "naturalness", "smoothness")
        with self.connection() as db:
            rater = _rater(db, token)
            if _shown(db, rater, question)["kind"] != kind:
                raise WrongKindError
            kept = [values.get(column) for column in columns]
            # The key refuses a second answer also when two arrive at once.
            done = db.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (question) DO NOTHING",
                (question, self._now(), *kept),
            )
            if done.rowcount == 0:
                raise AlreadyAnsweredError
            return self._show_next(db, rater)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    return db


def _fill(
    db: sqlite3.Connection,
    models: Sequence[ModelFacts],
    prompts: Sequence[tuple[StudyPrompt, float]],
    clips: Mapping[tuple[int, int], str],
    plan: Sequence[Sequence[Asked]],
    facts: Mapping[str, str],
) -> None:
    db.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
    db.executemany(
        "INSERT INTO models VALUES (?, ?, ?, ?)",
        [(k, m.label, m.bundle, m.digest) for k, m in enumerate(models)],
    )
    db.executemany(
        "INSERT INTO prompts VALUES (?, ?, ?, ?)",
        [(k, p.text, p.group, seconds) for k, (p, seconds) in enumerate(prompts)],
    )
    db.executemany(
        "INSERT INTO clips VALUES (?, ?, ?)",
        [(name, p, None if m == BROKEN else m) for (p, m), name in clips.items()],
    )
    for rater, asked in enumerate(plan):
        db.execute("INSERT INTO raters VALUES (?, ?)", (rater, new_name()))
        for position, one in enumerate(asked):
            shown = [clips[one.prompt, model] for model in one.shown]
            row = (new_name(), rater, position, one.kind, one.purpose, one.prompt, *(*shown, None)[:2])
            db.execute("INSERT INTO questions VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)


def _rater(db: sqlite3.Connection, token: str) -> int:
    row = db.execute("SELECT rater FROM raters WHERE token = ?", (token,)).fetchone()
    if row is None:
        raise NotFoundError
    return int(row["rater"])


def _shown(db: sqlite3.Connection, rater: int, question: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM questions WHERE question = ? AND rater = ? AND shown_at IS NOT NULL",
        (question, rater),
    ).fetchone()
    if row is None:
        raise NotFoundError
    return row


def _progress(db: sqlite3.Connection, rater: int) -> Progress:
    (total, answered) = db.execute(
        "SELECT count(*), count(answers.question) FROM questions LEFT JOIN answers USING (question)"
        " WHERE rater = ?",
        (rater,),
    ).fetchone()
    row = db.execute(
        "SELECT question, kind, text, clip_b FROM questions JOIN prompts USING (prompt)"
        " LEFT JOIN answers USING (question)"
        " WHERE rater = ? AND answered_at IS NULL ORDER BY position LIMIT 1",
        (rater,),
    ).fetchone()
    if row is None:
        return Progress(answered, total, None)
    clips = 1 if row["clip_b"] is None else 2
    return Progress(answered, total, Question(row["question"], row["kind"], row["text"], clips))
