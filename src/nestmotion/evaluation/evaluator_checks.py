"""How far an evaluator can be trusted: its own retrieval on real motion, and simple facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import groups_of
from nestmotion.evaluation.evaluator import Evaluator, normal_text
from nestmotion.evaluation.intervals import estimate_mean
from nestmotion.evaluation.measures import r_precision
from nestmotion.text import mirror_text

__all__ = ["report", "retrieval", "side_hits"]

DRAWS = 20


def retrieval(
    evaluator: Evaluator, corpus: PreparedCorpus, clips: Sequence[Clip], rng: np.random.Generator
) -> np.ndarray:
    """Top 1 to 3 of each clip (N, 3) in pools of 32, mean over draws of one of its captions."""
    motions = evaluator.embed_motions([corpus.motion(clip) for clip in clips])
    listed = [c.text for clip in clips for c in clip.captions]
    texts = evaluator.embed_texts(listed)
    known = sorted({normal_text(text) for text in listed})
    number = np.array([known.index(normal_text(text)) for text in listed])
    ends = np.cumsum([len(clip.captions) for clip in clips])
    starts = np.concatenate(([0], ends[:-1]))
    draws = [rng.integers(starts, ends) for _ in range(DRAWS)]
    hits = [r_precision(texts[k], motions, number[k], rng, repetitions=1) for k in draws]
    return np.mean(hits, axis=0)


def side_hits(evaluator: Evaluator, corpus: PreparedCorpus, clips: Sequence[Clip]) -> np.ndarray:
    """For each caption that names a side, whether its clip is nearer to it than to the caption with
    sides swapped. Captions whose swapped form stands among the clip's own are left out."""
    pairs = _sided(clips)
    if not pairs:
        return np.zeros(0, dtype=bool)
    motions = evaluator.embed_motions([corpus.motion(clip) for clip in clips])
    rows, texts, others = zip(*pairs, strict=True)
    gain = evaluator.embed_texts(texts) - evaluator.embed_texts(others)
    return (gain * motions[list(rows)]).sum(axis=1) > 0


def _sided(clips: Sequence[Clip]) -> list[tuple[int, str, str]]:
    """Row of the clip, caption, and the caption with its sides swapped."""
    pairs = []
    for row, clip in enumerate(clips):
        own = {normal_text(c.text) for c in clip.captions}
        swapped = [(row, c.text, mirror_text(c.text)) for c in clip.captions]
        pairs += [(k, a, b) for k, a, b in swapped if normal_text(b) not in own]
    return pairs


def report(evaluator: Evaluator, corpus: PreparedCorpus, clips: Sequence[Clip]) -> dict[str, Any]:
    """Retrieval and side check on clips of real motion, with 95% intervals."""
    rng = np.random.default_rng(0)
    hits = retrieval(evaluator, corpus, clips, rng)
    sides = side_hits(evaluator, corpus, clips).astype(float)
    columns = {f"top{k + 1}": hits[:, k] for k in range(3)} | {"true_side_nearer": sides}
    recordings = [groups_of(clip) for clip in clips]
    sources = dict.fromkeys(columns, recordings)
    sources["true_side_nearer"] = [recordings[row] for row, _, _ in _sided(clips)]
    rows: dict[str, Any] = {"clips": len(clips), "sided_captions": len(sides)}
    for name, values in columns.items():
        e = estimate_mean(values, sources[name])
        rows[name] = [None if np.isnan(x) else round(x, 4) for x in (e.value, e.low, e.high)]
    return rows
