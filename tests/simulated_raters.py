"""Raters made up for tests: they answer a study over HTTP, liking models by a plan, with noise.

What a rater sees tells nothing about models, so the plan looks questions up in the study's database.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from nestmotion.studio.limits import Limits
from nestmotion.studio.server import listen, server_of
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.app import study_app

__all__ = ["Asked", "Rater", "key", "serve"]

BROKEN = "broken"


@dataclass(frozen=True)
class Asked:
    """What a question hides: its purpose, prompt, and the models of its clips."""

    kind: str
    purpose: str
    prompt: str
    shown: tuple[str, ...]


def key(store: StudyStore) -> dict[str, Asked]:
    """Every question's secrets by its name."""
    with store.connection() as db:
        models = dict(map(tuple, db.execute("SELECT model, label FROM models")))
        clips = {
            c: models.get(m, BROKEN) for c, m in map(tuple, db.execute("SELECT clip, model FROM clips"))
        }
        rows = db.execute("SELECT * FROM questions JOIN prompts USING (prompt)").fetchall()
    return {
        row["question"]: Asked(
            row["kind"],
            row["purpose"],
            row["text"],
            tuple(clips[c] for c in (row["clip_a"], row["clip_b"]) if c is not None),
        )
        for row in rows
    }


@contextmanager
def serve(store: StudyStore) -> Iterator[httpx.Client]:
    """A client of a real server on a free port of this machine."""
    server, listening = server_of(study_app(store), Limits()), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        host, port = listening.getsockname()[:2]
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


class Rater:
    """Answers as liking says: odds of exp(difference of liking) in pairs, scores about 3 + liking.

    manner: "careful", or "first" for one who always takes clip A and gives 5 points, or "random".
    """

    def __init__(
        self,
        client: httpx.Client,
        token: str,
        secrets: Mapping[str, Asked],
        liking: Mapping[str, float],
        rng: np.random.Generator,
        manner: str = "careful",
    ) -> None:
        self.client, self.token, self.secrets = client, token, secrets
        self.liking, self.rng, self.manner = {**liking, BROKEN: -6.0}, rng, manner

    def answer_all(self, most: int | None = None) -> int:
        """Answer until nothing is asked any more, or so many questions; how many were answered."""
        state, count = self._get(f"/api/{self.token}"), 0
        while state["question"] is not None and count != most:
            name = state["question"]["id"]
            answer = self.answer_to(self.secrets[name])
            reply = self.client.post(f"/api/{self.token}/questions/{name}", json=answer)
            assert reply.status_code == 200, reply.text
            state, count = reply.json(), count + 1
        return count

    def answer_to(self, asked: Asked) -> dict[str, Any]:
        if asked.kind == "pair":
            a, b = (self.liking[m] for m in asked.shown)
            odds = {"first": 1.0, "random": 0.5}.get(self.manner, 1 / (1 + np.exp(b - a)))
            return {"choice": "a" if self.rng.random() < odds else "b"}
        return {
            aspect: self._points(asked.shown[0])
            for aspect in ("text_match", "naturalness", "smoothness")
        }

    def _points(self, model: str) -> int:
        if self.manner == "first":
            return 5
        if self.manner == "random":
            return int(self.rng.integers(1, 6))
        return int(np.clip(round(3 + self.liking[model] + self.rng.normal(scale=0.7)), 1, 5))

    def _get(self, path: str) -> dict[str, Any]:
        reply = self.client.get(path)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found
