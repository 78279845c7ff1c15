"""What the batches of training hold, clip by clip, and which clips they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nestmotion.features import encode, mirror_features
from nestmotion.models import Targets
from nestmotion.training.data import TrainingData

__all__ = ["Names", "epoch_rows", "rows_of"]


class Row(NamedTuple):
    """A clip of a batch: features without padding, not normalised, and what else is said of it."""

    features: np.ndarray
    sentence: np.ndarray
    has_text: bool
    known: np.ndarray
    turns: np.ndarray
    nodes: int


def rows_of(data: TrainingData, batch: Targets) -> Iterator[Row]:
    for row, valid in enumerate(batch.valid):
        frames = int(valid.sum())
        yield Row(
            data.normalizer.denormalize(batch.features[row, :frames].numpy()),
            batch.condition.sentence[row].numpy(),
            bool(batch.condition.has_text[row]),
            batch.known[row].numpy(),
            batch.turns[row].numpy(),
            int(batch.condition.node_valid[row].sum()),
        )


def epoch_rows(data: TrainingData, seed: int = 0, epoch: int = 0, batch_size: int = 5) -> Iterator[Row]:
    """Every clip of an epoch."""
    for batch in data.epoch(seed, epoch, batch_size):
        yield from rows_of(data, batch)


class Names:
    """Recognises clips of a corpus by their features."""

    def __init__(self, *corpora) -> None:
        self._known: dict[int, list[tuple[np.ndarray, str, bool]]] = {}
        for corpus in corpora:
            for clip in corpus.clips:
                features = encode(corpus.motion(clip))
                for mirrored, each in ((False, features), (True, mirror_features(features))):
                    same_length = self._known.setdefault(len(each), [])
                    same_length.append((each, clip.clip_id, mirrored))

    def __call__(self, features: np.ndarray) -> tuple[str, bool]:
        """Clip and whether mirrored."""
        found = [
            (name, mirrored)
            for clip, name, mirrored in self._known[len(features)]
            if np.abs(clip - features).max() < 1e-4
        ]
        assert len(found) == 1
        return found[0]
