"""Pairs of motion and text that the evaluator is trained and selected on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nestmotion.core.errors import TrainingError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.evaluation.evaluator import normal_text, padded_tokens, token_states
from nestmotion.evaluation.motion_inputs import (
    mirror_positions,
    motion_inputs,
    padded_inputs,
    resample_positions,
)
from nestmotion.text import TextEncoder, mirror_text

__all__ = ["EvaluatorBatch", "EvaluatorData", "PairConfig"]

_LENGTH_POOL = 4


@dataclass(frozen=True)
class PairConfig:
    """How pairs are drawn and varied.

    described_share: uncaptioned clips with the recording's own description as their text, as a share
        of the captioned clips, drawn anew each epoch.
    texts: captions drawn for a clip at once.
    same_cosine: texts whose sentence vectors are this close are no negatives of each other's motion.
    token_drop: share of word pieces hidden.
    warp, resize: largest relative change of speed and of body size; cut: of the length at the ends.
    """

    described_share: float = 0.4
    texts: int = 2
    same_cosine: float = 0.95
    token_drop: float = 0.1
    warp: float = 0.1
    resize: float = 0.06
    cut: float = 0.1


@dataclass(frozen=True)
class EvaluatorBatch:
    """M motions with N texts, and H texts with swapped sides; see `contrastive_loss`."""

    inputs: Tensor
    frames_valid: Tensor
    tokens: Tensor
    tokens_valid: Tensor
    owner: Tensor
    same: Tensor
    swapped_owner: Tensor  # the last H rows of tokens are the swapped texts


@dataclass(frozen=True)
class _Pair:
    positions_m: np.ndarray
    texts: tuple[str, ...]
    clip: Clip


class EvaluatorData:
    """Training pairs, validation pairs, and the token states of all their texts, in memory."""

    def __init__(
        self,
        corpus: PreparedCorpus,
        encoder: TextEncoder,
        folds: Sequence[int],
        validation_share: float,
        config: PairConfig,
    ) -> None:
        self.config = config
        clips = corpus.select(folds)
        held_out = [c for c in clips if is_validation_clip(c.group, validation_share)]
        seen = [c for c in clips if not is_validation_clip(c.group, validation_share)]
        captioned, validation = ([c for c in part if c.captions] for part in (seen, held_out))
        if not captioned or not validation:
            raise TrainingError(
                f"{corpus.folder}: folds {', '.join(map(str, folds))} hold {len(captioned)} captioned "
                f"clips to train on and {len(validation)} to validate with; one of each is needed"
            )

        def pairs(chosen: Sequence[Clip], texts: Callable[[Clip], tuple[str, ...]]) -> list[_Pair]:
            return [_Pair(_positions(corpus, clip), texts(clip), clip) for clip in chosen]

        self.captioned = pairs(captioned, _captions)
        self.validation = pairs(validation, _captions)
        described = [c for c in seen if not c.captions and _description(c)]
        self.described = pairs(described, lambda clip: (_description(clip),))
        everything = self.captioned + self.validation + self.described
        texts = {text for pair in everything for text in pair.texts}
        self._texts = token_states(sorted(texts | {mirror_text(t) for t in texts}), encoder)
        known = sorted({normal_text(text) for pair in self.validation for text in pair.texts})
        self.caption_numbers = np.array(
            [known.index(normal_text(text)) for pair in self.validation for text in pair.texts]
        )
        self.groups = sorted({p.clip.group for p in self.captioned + self.described})

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale of the motion inputs over the captioned training clips and their mirror
        images; a column that hardly moves is not blown up."""
        chosen = [p.positions_m for p in self.captioned]
        rows = np.concatenate([motion_inputs(q) for p in chosen for q in (p, mirror_positions(p))])
        std = rows.std(axis=0)
        return rows.mean(axis=0), np.maximum(std, 0.2 * np.sqrt((std**2).mean()))

    @property
    def pairs_per_epoch(self) -> int:
        extra = round(self.config.described_share * len(self.captioned))
        return len(self.captioned) + min(extra, len(self.described))

    def batches_per_epoch(self, batch_size: int) -> int:
        return max(self.pairs_per_epoch // batch_size, 1)

    def epoch(self, seed: int, epoch: int, batch_size: int) -> Iterator[EvaluatorBatch]:
        """The batches of one epoch; always the same for the same seed and epoch."""
        rng = np.random.default_rng((seed, epoch))
        extra = self.pairs_per_epoch - len(self.captioned)
        order = rng.permutation(len(self.described))[:extra]
        pairs = self.captioned + [self.described[k] for k in order]
        order = rng.permutation(len(pairs))[: self.batches_per_epoch(batch_size) * batch_size]
        size = batch_size * _LENGTH_POOL
        batches: list[list[int]] = []
        for start in range(0, len(order), size):
            pool = sorted(order[start : start + size], key=lambda k: len(pairs[k].positions_m))
            batches += [pool[a : a + batch_size] for a in range(0, len(pool), batch_size)]
        for k in rng.permutation(len(batches)):
            yield self._batch([pairs[i] for i in batches[k]], rng)

    def validation_batch(self) -> tuple[EvaluatorBatch, list[_Pair]]:
        """All validation clips with all captions, as they are."""
        whole = self._collate(
            [p.positions_m for p in self.validation], [list(p.texts) for p in self.validation], []
        )
        return whole, self.validation

    def _batch(self, pairs: Sequence[_Pair], rng: np.random.Generator) -> EvaluatorBatch:
        positions, texts, swapped = [], [], []
        for row, pair in enumerate(pairs):
            flip = rng.random() < 0.5
            sides = [(mirror_text(t), t) if flip else (t, mirror_text(t)) for t in pair.texts]
            known = {normal_text(text) for text, _ in sides}
            k = min(self.config.texts, len(sides))
            drawn = [sides[i] for i in rng.choice(len(sides), k, replace=False)]
            texts.append([text for text, _ in drawn])
            swapped += [(row, other) for _, other in drawn if normal_text(other) not in known]
            positions.append(self._varied(pair.positions_m, flip, rng))
        batch = self._collate(positions, texts, swapped, [p.clip for p in pairs])
        kept = torch.from_numpy(rng.random(batch.tokens_valid.shape) >= self.config.token_drop)
        kept[:, 0] = True
        return EvaluatorBatch(**{**vars(batch), "tokens_valid": batch.tokens_valid & kept})

    def _varied(self, positions: np.ndarray, flip: bool, rng: np.random.Generator) -> np.ndarray:
        """Mirrored or not, a little shorter, at another speed and of another size."""
        c = self.config
        p = mirror_positions(positions) if flip else positions
        cut = int(rng.uniform(0, c.cut) * len(p))
        start = int(rng.integers(cut + 1))
        p = p[start : len(p) - (cut - start)]
        speed = 1 + rng.uniform(-c.warp, c.warp)
        return resample_positions(p, 1.0, 1.0 / speed) * np.float32(
            1 + rng.uniform(-c.resize, c.resize)
        )

    def _collate(
        self,
        positions: Sequence[np.ndarray],
        texts: Sequence[Sequence[str]],
        swapped: Sequence[tuple[int, str]],
        clips: Sequence[Clip] = (),
    ) -> EvaluatorBatch:
        inputs, frames_valid = padded_inputs(positions)
        listed = [(row, text) for row, several in enumerate(texts) for text in several]
        states = [self._texts[text] for _, text in (*listed, *swapped)]
        tokens, tokens_valid = padded_tokens([s for s, _ in states])
        owner = np.array([row for row, _ in listed])
        same = np.zeros((len(listed), len(positions)), dtype=bool)
        if clips:
            sentence = np.stack([s for _, s in states[: len(listed)]])
            alike = sentence @ sentence.T >= self.config.same_cosine
            for row in range(len(positions)):
                same[:, row] = alike[:, owner == row].any(axis=1)
            same |= np.array([[_overlap(a, b) for b in clips] for a in clips])[owner]
        hard = np.array([row for row, _ in swapped], dtype=np.int64)
        parts = (inputs, frames_valid, tokens, tokens_valid, owner, same, hard)
        return EvaluatorBatch(*map(torch.from_numpy, parts))


def _captions(clip: Clip) -> tuple[str, ...]:
    return tuple(c.text for c in clip.captions)


def _overlap(a: Clip, b: Clip) -> bool:
    same = (a.part, a.segment) == (b.part, b.segment)
    return same and a.start < b.stop and b.start < a.stop


def _positions(corpus: PreparedCorpus, clip: Clip) -> np.ndarray:
    motion = corpus.motion(clip)
    return resample_positions(motion.positions_m.astype(np.float32), motion.fps)


def _description(clip: Clip) -> str:
    """What the recording's own description says of the action; "" when that is nothing."""
    action, _, topic = clip.description.partition("(")
    action, topic = action.strip().lower(), topic.rstrip(" )").lower()
    text = topic if action in ("", "clean", "unknown", "motion") else action
    return "" if len(re.findall(r"[a-z]{3,}", text)) == 0 or text in ("motion", "unknown") else text
