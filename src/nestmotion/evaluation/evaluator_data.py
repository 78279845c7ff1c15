"""Pairs of motion and text that the evaluator is trained and selected on."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from nestmotion.core.errors import TrainingError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.evaluation.evaluator import normal_text, padded_texts, text_states, word_numbers
from nestmotion.evaluation.motion_inputs import (
    mirror_positions,
    motion_inputs,
    padded_inputs,
    resample_positions,
)
from nestmotion.text import TextEncoder, mirror_text

__all__ = ["EvaluatorBatch", "EvaluatorData", "PairConfig", "TextBatch", "read_captions"]

_LENGTH_POOL = 4
_RARE = 3  # word pieces seen less often in training texts have no vector of their own


@dataclass(frozen=True)
class PairConfig:
    """How pairs are drawn and varied.

    described_share: uncaptioned clips with the recording's own description as their text, as a share
        of the captioned clips, drawn anew each epoch.
    texts: captions drawn for a clip at once.
    text_pairs: pairs of captions of one clip without motion in a batch, where there are such captions.
    same_cosine: texts whose sentence vectors are this close are no negatives of each other's motion.
    token_drop: share of word pieces hidden.
    warp, resize: largest relative change of speed and of body size; cut: of the length at the ends.
    """

    described_share: float = 0.4
    texts: int = 2
    text_pairs: int = 48
    same_cosine: float = 0.95
    token_drop: float = 0.1
    warp: float = 0.1
    resize: float = 0.06
    cut: float = 0.1


@dataclass(frozen=True)
class TextBatch:
    """Texts as `padded_texts` gives them: states (B, L, D), words (B, L), valid (B, L)."""

    states: Tensor
    words: Tensor
    valid: Tensor

    def __len__(self) -> int:
        return len(self.valid)


@dataclass(frozen=True)
class EvaluatorBatch:
    """M motions with N texts; then 2 K texts without motion, of which K + k says what k says.

    owner (N): motion of each text. same (N, M), pairs_same (K, K): no negatives, see
    `contrastive_loss`. twin (N): see `side_loss`. texts: all N + 2 K.
    """

    inputs: Tensor
    frames_valid: Tensor
    texts: TextBatch
    owner: Tensor
    same: Tensor
    twin: Tensor
    pairs_same: Tensor


@dataclass(frozen=True)
class _Pair:
    """A motion, its texts, and those of its mirror image."""

    positions_m: np.ndarray
    texts: tuple[str, ...]
    mirrored_texts: tuple[str, ...]
    clip: Clip
    mirrored: bool = False

    def mirror(self) -> _Pair:
        return replace(
            self,
            positions_m=mirror_positions(self.positions_m),
            texts=self.mirrored_texts,
            mirrored_texts=self.texts,
            mirrored=not self.mirrored,
        )


class EvaluatorData:
    """Training pairs, validation pairs, and the token states of all their texts, in memory.

    words: word pieces with a vector of their own, at most. more_captions: the captions of each of
    some clips whose motion is not in the corpus.
    """

    def __init__(
        self,
        corpus: PreparedCorpus,
        encoder: TextEncoder,
        folds: Sequence[int],
        validation_share: float,
        config: PairConfig,
        words: int,
        more_captions: Sequence[Sequence[str]] = (),
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
            return [
                _Pair(_positions(corpus, c), texts(c), tuple(map(mirror_text, texts(c))), c)
                for c in chosen
            ]

        self.captioned = pairs(captioned, _captions)
        self.validation = pairs(validation, _captions)
        described = [c for c in seen if not c.captions and _description(c)]
        self.described = pairs(described, lambda clip: (_description(clip),))
        self.more_captions = [tuple(texts) for texts in more_captions if len(texts) > 1]
        trained = self.captioned + self.described
        texts = {t for pair in trained for t in pair.texts}
        texts |= {t for several in self.more_captions for t in several}
        everything = texts | {t for pair in self.validation for t in pair.texts}
        self._texts = text_states(sorted(everything | set(map(mirror_text, everything))), encoder)
        count = Counter(piece for t in sorted(texts) for piece in self._texts[t].pieces if piece)
        self.words = sorted(w for w, times in count.most_common(words) if times >= _RARE)
        self._numbers = word_numbers(self.words)
        known = sorted({normal_text(text) for pair in self.validation for text in pair.texts})
        self.caption_numbers = np.array(
            [known.index(normal_text(text)) for pair in self.validation for text in pair.texts]
        )
        self.groups = sorted({p.clip.group for p in trained})

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

    def validation_batch(self) -> tuple[EvaluatorBatch, Bool[np.ndarray, "m"]]:
        """All validation clips with all captions, as they are, each followed by its mirror image where
        a caption names a side; and which motions are no mirror images."""
        shown: list[_Pair] = []
        listed: list[tuple[int, str]] = []
        twin: list[int] = []
        for pair in self.validation:
            self._add(pair, range(len(pair.texts)), shown, listed, twin)
        plain = np.array([not pair.mirrored for pair in shown])
        return self._collate(shown, listed, twin, []), plain

    def _batch(self, pairs: Sequence[_Pair], rng: np.random.Generator) -> EvaluatorBatch:
        shown: list[_Pair] = []
        listed: list[tuple[int, str]] = []
        twin: list[int] = []
        for pair in pairs:
            moved = replace(pair, positions_m=self._varied(pair.positions_m, rng))
            moved = moved.mirror() if rng.random() < 0.5 else moved
            k = min(self.config.texts, len(pair.texts))
            self._add(moved, rng.choice(len(pair.texts), k, replace=False), shown, listed, twin)
        batch = self._collate(shown, listed, twin, self._drawn_text_pairs(rng))
        kept = torch.from_numpy(rng.random(batch.texts.valid.shape) >= self.config.token_drop)
        kept[:, 0] = True
        return replace(batch, texts=replace(batch.texts, valid=batch.texts.valid & kept))

    @staticmethod
    def _add(
        pair: _Pair,
        chosen: Sequence[int] | np.ndarray,
        shown: list[_Pair],
        listed: list[tuple[int, str]],
        twin: list[int],
    ) -> None:
        """Put a motion with the chosen texts into a batch and, where one of them names a side, its
        mirror image with the swapped text."""
        own, row = {normal_text(text) for text in pair.texts}, len(shown)
        sided = {int(k) for k in chosen if normal_text(pair.mirrored_texts[k]) not in own}
        shown += [pair, pair.mirror()] if sided else [pair]
        for k in chosen:
            listed.append((row, pair.texts[k]))
            twin.append(-1)
            if k in sided:
                twin[-1:] = [len(listed), len(listed) - 1]
                listed.append((row + 1, pair.mirrored_texts[k]))

    def _drawn_text_pairs(self, rng: np.random.Generator) -> list[tuple[str, str]]:
        """Two captions of each of some clips; where both name sides, also with these swapped."""
        count = min(self.config.text_pairs, len(self.more_captions))
        drawn: list[tuple[str, str]] = []
        for k in rng.choice(len(self.more_captions), count, replace=False) if count else ():
            texts = self.more_captions[k]
            a, b = (texts[i] for i in rng.choice(len(texts), 2, replace=False))
            other = mirror_text(a), mirror_text(b)
            drawn.append((a, b) if rng.random() < 0.5 else other)
            if other[0] != a and other[1] != b:
                drawn.append(other if drawn[-1] == (a, b) else (a, b))
        return drawn

    def _varied(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A little shorter, at another speed and of another size."""
        c = self.config
        cut = int(rng.uniform(0, c.cut) * len(positions))
        start = int(rng.integers(cut + 1))
        p = positions[start : len(positions) - (cut - start)]
        speed = 1 + rng.uniform(-c.warp, c.warp)
        return resample_positions(p, 1.0, 1.0 / speed) * np.float32(
            1 + rng.uniform(-c.resize, c.resize)
        )

    def _collate(
        self,
        shown: Sequence[_Pair],
        listed: Sequence[tuple[int, str]],
        twin: Sequence[int],
        text_pairs: Sequence[tuple[str, str]],
    ) -> EvaluatorBatch:
        inputs, frames_valid = padded_inputs([pair.positions_m for pair in shown])
        firsts, seconds = [a for a, _ in text_pairs], [b for _, b in text_pairs]
        texts = [text for _, text in listed]
        parts = padded_texts([self._texts[t] for t in (*texts, *firsts, *seconds)], self._numbers)
        return EvaluatorBatch(
            torch.from_numpy(inputs),
            torch.from_numpy(frames_valid),
            TextBatch(*map(torch.from_numpy, parts)),
            torch.tensor([row for row, _ in listed]),
            torch.from_numpy(self._same(shown, listed)),
            torch.tensor(list(twin)),
            torch.from_numpy(self._alike(firsts, seconds)),
        )

    def _same(self, shown: Sequence[_Pair], listed: Sequence[tuple[int, str]]) -> np.ndarray:
        """Which texts would do for which motions. Of overlapping clips one may be mirrored: then only
        what names no side is true of both."""
        texts = [text for _, text in listed]
        owner = np.array([row for row, _ in listed])
        alike = self._alike(texts, texts)
        same = np.stack([alike[:, owner == row].any(axis=1) for row in range(len(shown))], axis=1)
        said = [{normal_text(text) for text in pair.texts} for pair in shown]
        for a, one in enumerate(shown):
            for b, other in enumerate(shown):
                if _overlap(one.clip, other.clip):
                    for n in np.flatnonzero(owner == a):
                        as_shown = one.mirrored == other.mirrored
                        same[n, b] = as_shown or normal_text(texts[n]) in said[b]
        return same

    def _alike(self, firsts: Sequence[str], seconds: Sequence[str]) -> Bool[np.ndarray, "n m"]:
        """Pairs of texts that say nearly the same, and would not say it better with sides swapped."""
        if not firsts:
            return np.zeros((0, len(seconds)), dtype=bool)
        a = np.stack([self._texts[text].sentence for text in firsts])
        swapped = np.stack([self._swapped_sentence(text) for text in firsts])
        b = np.stack([self._texts[text].sentence for text in seconds])
        cosine = a @ b.T
        return (cosine >= self.config.same_cosine) & (cosine >= swapped @ b.T - 1e-6)

    def _swapped_sentence(self, text: str) -> np.ndarray:
        # Swapping twice may spell a word otherwise ("counter clockwise"); that text is not at hand.
        return self._texts.get(mirror_text(text), self._texts[text]).sentence


def read_captions(path: Path) -> list[list[str]]:
    """The captions of each clip of a file of JSON lines with `captions`, a list of texts.

    Raises TrainingError when the file is missing or a line holds anything else.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: cannot be read ({error})") from None
    result = []
    for number, line in enumerate(lines, start=1):
        try:
            texts = json.loads(line)["captions"]
        except (ValueError, KeyError, TypeError):
            texts = None
        if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
            raise TrainingError(
                f'{path}, line {number}: not an object with "captions", a list of texts'
            )
        result.append(texts)
    return result


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
