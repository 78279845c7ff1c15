"""Long sequences: one window after another, each continuing the one before, measured over time."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize, concatenate, ground_height_m, move, resample
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation import measures
from nestmotion.evaluation.chosen import caption_of, check_bundle_unseen
from nestmotion.evaluation.evaluator import Evaluator, normal_text
from nestmotion.evaluation.measuring import tested_clips
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3
from nestmotion.evaluation.motion_inputs import FPS
from nestmotion.evaluation.tasks import LongTask
from nestmotion.features.known import known_frames
from nestmotion.generate import TextToMotion
from nestmotion.io.npz import load_npz, save_npz

__all__ = ["LONG_MEASURES", "continue_motion", "measure_long", "window_count"]

_SEED = 0
_SEAM_S = 0.5

# Measure of a window -> (what a reader calls it, unit).
LONG_MEASURES = {
    "top3": ("R-precision, top 3", "share"),
    "drift": ("average frame drift error", "cm/frame"),
    "smoothness_error": ("smoothness error", "m/s^3"),
    "mean_jerk": ("mean jerk", "m/s^3"),
    "seam_jerk": ("mean jerk within 0.5 s of a seam", "m/s^3"),
    "jump_rate": ("jump rate", "share"),
    "foot_slide": ("stance-foot slide", "mm/frame"),
    "skating_ratio": ("skating ratio", "share"),
    "floor_error": ("lowest joint off the floor", "cm"),
}


def window_count(task: LongTask) -> int:
    """Windows that the longest sequence takes."""
    step = task.window_s - task.overlap_s
    return 1 + max(int(np.ceil((task.seconds[-1] - task.window_s) / step - 1e-9)), 0)


def continue_motion(
    model: TextToMotion, before: Motion | None, text: str, seed: int, task: LongTask
) -> Motion:
    """`before` with one more window: it goes on from the last `overlap_s` of it, by the text.

    A model that keeps to known values is given the overlap as the beginning of its window; of another
    one the whole window, as long as what it adds, is set down where `before` ends, facing as it ends.
    """
    fps = model.bundle.fps
    if before is None:
        return model.generate(text, task.window_s, seed, by_turns=False)[0]
    overlap = round(task.overlap_s * fps)
    if not model.bundle.manifest["controllable"]:
        added = model.generate(text, task.window_s - task.overlap_s, seed, by_turns=False)[0]
        return concatenate([before, added])
    tail = before.frames(len(before) - overlap, len(before))
    known = known_frames(canonicalize(tail), slice(0, overlap), round(task.window_s * fps))
    window = model.generate(text, seed=seed, known=known)[0]
    x, _, z = tail.root_m[0]
    placed = move(canonicalize(window), tail.heading_rad[0], (x, 0.0, z))
    return concatenate([before, placed.frames(overlap, len(placed))], align=False)


def measure_long(
    task: LongTask,
    corpus: PreparedCorpus,
    model: TextToMotion,
    judge: Evaluator,
    motions: Path,
    progress: Callable[[int, int], None],
) -> Iterator[dict[str, Any]]:
    """Rows of kind window: of each window of each sequence its time and LONG_MEASURES.

    Each window has the caption of another test clip, which is its reference for drift and smoothness;
    R-precision is drawn among all windows. motions: folder in which each sequence is kept after every
    window, and found again. Raises SettingsError as `measuring.measure` does.
    """
    clips = tested_clips(corpus, judge, None)
    judge.check_unseen(clips)
    check_bundle_unseen(model, clips, "test")
    windows = window_count(task)
    order = np.random.default_rng(_SEED).permutation(len(clips))
    chosen = order[np.arange(task.sequences * windows) % len(clips)]
    parts: list[Motion] = []
    rows: list[dict[str, Any]] = []
    for k in range(task.sequences):
        own = [clips[i] for i in chosen[k * windows : (k + 1) * windows]]
        texts = [caption_of(clip) for clip in own]
        whole = _sequence(task, k, texts, model, motions, progress)
        for w, (clip, part) in enumerate(zip(own, _windows(whole, task, windows), strict=True)):
            facts = _window_facts(whole, part, corpus.motion(clip), w, task, judge)
            row = {"kind": "window", "sequence": k, "window": w, "start_s": _start_s(task, w)}
            rows.append(row | {"clip": clip.clip_id, "caption": texts[w]} | facts)
            parts.append(part)
    listed = [row["caption"] for row in rows]
    known = sorted({normal_text(text) for text in listed})
    number = np.array([known.index(normal_text(text)) for text in listed])
    vectors = judge.embed_texts(listed), judge.embed_motions(parts)
    hits = measures.r_precision(*vectors, number, np.random.default_rng(_SEED))
    for row, hit in zip(rows, hits, strict=True):
        yield row | {"top3": round(float(hit[2]), 6)}


def _sequence(
    task: LongTask,
    number: int,
    texts: Sequence[str],
    model: TextToMotion,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Motion:
    """One sequence of all its windows, going on from the last that is on disk."""

    def path(window: int) -> Path:
        return folder / f"{number:03d}-{window:02d}.npz"

    done = [w for w in range(len(texts)) if path(w).is_file()]
    whole = load_npz(path(done[-1])) if done else None
    for w in range(done[-1] + 1 if done else 0, len(texts)):
        seed = zlib.crc32(f"{_SEED} {number} {w}".encode())
        save_npz(continue_motion(model, whole, texts[w], seed, task), path(w))
        whole = load_npz(path(w))
        if w:
            path(w - 1).unlink(missing_ok=True)
        progress(number * len(texts) + w + 1, task.sequences * len(texts))
    assert whole is not None
    return whole


def _start_s(task: LongTask, window: int) -> float:
    """When a window's own time begins: after what it shares with the one before."""
    return task.window_s + (window - 1) * (task.window_s - task.overlap_s) if window else 0.0


def _windows(whole: Motion, task: LongTask, windows: int) -> list[Motion]:
    edges = [round(_start_s(task, w) * whole.fps) for w in range(windows)] + [len(whole)]
    return [whole.frames(a, b) for a, b in itertools.pairwise(edges)]


def _window_facts(
    whole: Motion, part: Motion, reference: Motion, window: int, task: LongTask, judge: Evaluator
) -> dict[str, Any]:
    """LONG_MEASURES of one window, but for R-precision, which is of all together."""
    real, limit = resample(reference, FPS), np.array(judge.record["joint_speed_limit_m_s"])
    jerk = measures.joint_jerk_m_s3(whole.positions_m, FPS).mean(axis=1)
    seam, around = round(_start_s(task, window) * FPS), round(_SEAM_S * FPS)
    near = jerk[max(seam - around - 1, 0) : seam + around - 1] if window else np.zeros(0)
    paths = [canonicalize(m).root_m[:, [0, 2]] for m in (part, real)]
    found = {
        "drift": measures.drift_cm(*paths),
        "smoothness_error": measures.smoothness_error_m_s3(part.positions_m, real.positions_m, FPS),
        "mean_jerk": mean_jerk_m_s3(part),
        "seam_jerk": float(near.mean()) if len(near) else float("nan"),
        "jump_rate": measures.jump_rate(part.positions_m, FPS, limit),
        "foot_slide": foot_slide_mm(part),
        "skating_ratio": measures.skating_ratio(part.positions_m),
        "floor_error": abs(ground_height_m(part)) * 100,
    }
    return {name: None if np.isnan(v) else round(float(v), 6) for name, v in found.items()}
