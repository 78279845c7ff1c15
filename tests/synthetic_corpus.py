"""A source of made-up trials, held in memory, and an encoder of made-up sentence vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.rotations import quat_from_rotation_vector
from nestmotion.corpus.source import Caption, Dropped, Span, Trial

__all__ = ["STANDING_M", "MemorySource", "StubEncoder", "captioned_trial", "moving", "still"]

# Height of the root when the toes of the rest pose are at y = 0.
STANDING_M = -float(canonical_skeleton().rest_positions_m[:, 1].min())


def moving(frames: int, seed: int = 0, fps: float = 20.0) -> Motion:
    """A body that stands on the floor, wanders at about 1 m/s and waves its arms without a rest."""
    rng = np.random.default_rng(seed)
    skeleton = canonical_skeleton()
    time = np.arange(frames) / fps
    vectors = np.zeros((frames, len(skeleton), 3))
    for name in ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "neck"):
        phase = rng.uniform(0, 6, 3) + 2 * np.pi * rng.uniform(0.5, 0.9, 3) * time[:, None]
        vectors[:, skeleton.index(name)] = 0.7 * np.sin(phase)
    heading = rng.uniform(-3, 3) + rng.uniform(-0.5, 0.5) * time
    vectors[:, 0, 1] = heading
    step = np.stack((np.sin(heading), 0 * heading, np.cos(heading)), axis=1) / fps
    root = np.array([0, STANDING_M, 0]) + np.cumsum(step, axis=0)
    return Motion(skeleton, fps, root, quat_from_rotation_vector(vectors))


def still(frames: int, fps: float = 20.0) -> Motion:
    """The rest pose, standing on the floor."""
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(canonical_skeleton()), 1))
    return Motion(canonical_skeleton(), fps, np.tile([0, STANDING_M, 0], (frames, 1)), quat)


def captioned_trial(name: str, group: str, fold: int, captions: Sequence[str], frames: int) -> Trial:
    """A moving trial that is one clip of all its frames; a bare trial when there are no captions."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    motion = moving(frames, seed)
    texts = tuple(Caption(text) for text in captions)
    spans = (Span(f"{name}-clip", 0.0, frames / 20.0, texts, "train"),) if captions else ()
    return Trial(name, group, motion, spans, fold, f"trial {name}")


@dataclass
class MemorySource:
    """A source over trials in memory. Reading the trial `interrupted_at` is as if Ctrl-C were hit."""

    trials: Sequence[Trial | Dropped]
    name: str = "memory"
    licence: str = "Synthetic motion, public domain."
    acknowledgement: str = "Nobody was recorded."
    interrupted_at: str | None = None
    was_read: list[str] = field(default_factory=list)

    def input_checksums(self) -> Mapping[str, str]:
        return {"trials": hashlib.sha256(",".join(self.trial_ids()).encode()).hexdigest()}

    def trial_ids(self) -> Sequence[str]:
        return [t.item if isinstance(t, Dropped) else t.trial_id for t in self.trials]

    def read(self, trial_id: str) -> Trial | Dropped:
        if trial_id == self.interrupted_at:
            raise KeyboardInterrupt
        self.was_read.append(trial_id)
        return self.trials[self.trial_ids().index(trial_id)]


class StubEncoder:
    """Unit sentence vectors of 384 numbers drawn from the text's hash."""

    def encode(self, texts: Sequence[str]) -> SimpleNamespace:
        seeds = [int.from_bytes(hashlib.sha256(t.encode()).digest()[:8], "big") for t in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=384) for seed in seeds])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return SimpleNamespace(sentence=vectors.astype(np.float32))
