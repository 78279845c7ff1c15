"""Batches of features and sentence vectors from a prepared corpus.

Everything random is a function of (seed, epoch) or (seed, step), so that a resumed run sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nestmotion.core.errors import TrainingError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.features import FeatureLayout, Normalizer, encode, mirror_features
from nestmotion.text import TextEncoder, mirror_text
from nestmotion.training.config import DataConfig

__all__ = ["Batch", "TrainingClips", "TrainingData", "sentence_vectors", "training_clips"]

# Batches are formed of clips of like length within this many batches, so that little is padded.
_LENGTH_POOL = 8
_TEXTS_AT_ONCE = 64

SENTENCE_FLOOR_SHARE = 0.2


@dataclass(frozen=True)
class Batch:
    """Normalised features (B, T, F), sentence vectors (B, S), has_text (B,), valid (B, T)."""

    features: Tensor
    sentence: Tensor
    has_text: Tensor
    valid: Tensor

    def to(self, device: str) -> Batch:
        return Batch(*(x.to(device) for x in (self.features, self.sentence, self.has_text, self.valid)))


@dataclass(frozen=True)
class _Item:
    """One clip's features and its captions' vectors, as they are and mirrored: (2, captions, S)."""

    features: np.ndarray
    sentences: np.ndarray


def is_validation_group(group: str, share: float) -> bool:
    """Whether a group is held out of its folds' training data; drawn from its name alone."""
    digest = hashlib.sha256(f"validation {group}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


@dataclass(frozen=True)
class TrainingClips:
    """Clips to train on with and without captions, and captioned ones of held-out groups."""

    captioned: list[Clip]
    validation: list[Clip]
    bare: list[Clip]


def training_clips(corpus: PreparedCorpus, config: DataConfig, patch_frames: int) -> TrainingClips:
    """Divide the training folds' clips. Raises TrainingError when a part that is needed is empty."""
    clips = [c for c in corpus.select(config.train_folds) if len(c) >= 2 * patch_frames]
    held_out = {c.group for c in clips if is_validation_group(c.group, config.validation_share)}
    captioned = [c for c in clips if c.captions and c.group not in held_out]
    validation = [c for c in clips if c.captions and c.group in held_out]
    bare = [c for c in clips if not c.captions and c.group not in held_out]
    if not captioned or not validation:
        raise TrainingError(
            f"folds {config.train_folds} hold {len(captioned)} captioned clips to train on and "
            f"{len(validation)} to validate with; at least one of each is needed"
        )
    return TrainingClips(captioned, validation, bare)


class TrainingData:
    """Training and validation clips in memory, with their normalizer.

    `progress(done, total)` is told of clips encoded. Raises TrainingError when a fold holds no
    captioned clips.
    """

    def __init__(
        self,
        corpus: PreparedCorpus,
        encoder: TextEncoder,
        config: DataConfig,
        patch_frames: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.config, self.patch_frames = config, patch_frames
        clips = training_clips(corpus, config, patch_frames)
        bare = clips.bare if config.uncaptioned_share else []
        items = _items(clips.captioned + clips.validation + bare, corpus, encoder, progress)
        first, second = len(clips.captioned), len(clips.captioned) + len(clips.validation)
        self.captioned, self.validation, self.bare = items[:first], items[first:second], items[second:]
        size = self.captioned[0].sentences.shape[-1]
        seen = (x for item in self.captioned for x in (item.features, mirror_features(item.features)))
        self.normalizer = Normalizer.fit(seen, FeatureLayout())
        captions = np.concatenate([item.sentences.reshape(-1, size) for item in self.captioned])
        self.sentence_mean = captions.mean(axis=0)
        std = captions.std(axis=0)
        # A number that hardly differs between captions must not blow up in a prompt where it does.
        self.sentence_std = np.maximum(std, max(SENTENCE_FLOOR_SHARE * std.mean(), 1e-6))

    @property
    def items_per_epoch(self) -> int:
        """Clips an epoch, captioned and not."""
        extra = min(round(self.config.uncaptioned_share * len(self.captioned)), len(self.bare))
        return len(self.captioned) + extra

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches an epoch; the last, smaller one is left out unless it is the only one."""
        return max(self.items_per_epoch // batch_size, 1)

    def epoch(self, seed: int, epoch: int, batch_size: int) -> Iterator[Batch]:
        """The batches of one epoch; always the same for the same seed and epoch."""
        rng = np.random.default_rng((seed, epoch))
        extra = self.items_per_epoch - len(self.captioned)
        chosen = (
            [self.bare[k] for k in rng.choice(len(self.bare), extra, replace=False)] if extra else []
        )
        items = self.captioned + chosen
        order = rng.permutation(len(items))
        # Every pool but the last is a whole number of batches, so that one batch at most is not full.
        pool_size = batch_size * _LENGTH_POOL
        batches = []
        for start in range(0, len(order), pool_size):
            pool = order[start : start + pool_size]
            by_length = sorted(pool, key=lambda k: len(items[k].features))
            batches += [by_length[a : a + batch_size] for a in range(0, len(by_length), batch_size)]
        full = [b for b in batches if len(b) == batch_size] or batches
        for k in rng.permutation(len(full)):
            yield self._collate([items[i] for i in full[k]], rng)

    def validation_batches(self, batch_size: int) -> Iterator[Batch]:
        """All validation clips with their first captions, unmirrored, with text."""
        items = sorted(self.validation, key=lambda item: len(item.features))
        for a in range(0, len(items), batch_size):
            yield self._collate(items[a : a + batch_size], None)

    def _collate(self, items: Sequence[_Item], rng: np.random.Generator | None) -> Batch:
        longest = max(len(item.features) for item in items)
        frames = -(-longest // self.patch_frames) * self.patch_frames
        features = np.zeros((len(items), frames, items[0].features.shape[1]), dtype=np.float32)
        sentence = np.zeros((len(items), items[0].sentences.shape[-1]), dtype=np.float32)
        has_text = np.zeros(len(items), dtype=bool)
        valid = np.zeros((len(items), frames), dtype=bool)
        for row, item in enumerate(items):
            flip = rng is not None and rng.random() < self.config.mirror_share
            drop = rng is not None and rng.random() < self.config.no_text_share
            clip = mirror_features(item.features) if flip else item.features
            features[row, : len(clip)] = self.normalizer.normalize(clip)
            valid[row, : len(clip)] = True
            captions = item.sentences[int(flip)]
            if len(captions) and not drop:
                k = int(rng.integers(len(captions))) if rng is not None else 0
                sentence[row], has_text[row] = captions[k], True
        return Batch(*map(torch.from_numpy, (features, sentence, has_text, valid)))


def _items(
    clips: Sequence[Clip],
    corpus: PreparedCorpus,
    encoder: TextEncoder,
    progress: Callable[[int, int], None],
) -> list[_Item]:
    texts = {c.text for clip in clips for c in clip.captions}
    vectors = sentence_vectors(sorted(texts | {mirror_text(t) for t in texts}), encoder)
    size = len(next(iter(vectors.values())))
    items = []
    for done, clip in enumerate(clips, 1):
        original = [vectors[c.text] for c in clip.captions]
        mirrored = [vectors[mirror_text(c.text)] for c in clip.captions]
        sentences = np.array([original, mirrored], dtype=np.float32).reshape(2, -1, size)
        items.append(_Item(encode(corpus.motion(clip)), sentences))
        progress(done, len(clips))
    return items


def sentence_vectors(texts: Sequence[str], encoder: TextEncoder) -> dict[str, np.ndarray]:
    """The sentence vector of every text."""
    result: dict[str, np.ndarray] = {}
    ordered = sorted(texts, key=len)
    for a in range(0, len(ordered), _TEXTS_AT_ONCE):
        part = ordered[a : a + _TEXTS_AT_ONCE]
        result.update(zip(part, encoder.encode(part).sentence, strict=True))
    return result
