"""One measuring task: generate the test captions, clip by clip, and measure the motions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core import Motion
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import groups_of
from nestmotion.evaluation.chosen import caption_of, check_bundle_unseen, chosen_clips, generate_motions
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.groups import caption_groups
from nestmotion.evaluation.measures import ACCELERATION_FRAMES, accelerations_m_s2
from nestmotion.evaluation.motion_inputs import FPS
from nestmotion.evaluation.protocol import evaluate_motions
from nestmotion.evaluation.tasks import MeasureTask
from nestmotion.generate import TextToMotion
from nestmotion.io.npz import load_npz, save_npz
from nestmotion.text.reader import TreeReader

__all__ = ["acceleration_rows", "measure", "tested_clips"]

_SEED = 0

# Accelerations of joints, m/s^2: edges of the histograms' bins; the last takes all that is above.
_EDGES = np.linspace(0.0, 40.0, 81)
_CURVE_FRAMES = 100


def tested_clips(corpus: PreparedCorpus, judge: Evaluator, most: int | None) -> list[Clip]:
    """The test clips, or at most so many of them, drawn by their ids alone.

    Raises SettingsError when there are not two.
    """
    clips = chosen_clips(corpus, "test", judge.record)
    if most is None:
        return clips
    drawn = sorted(clips, key=lambda c: hashlib.sha256(f"test {c.clip_id}".encode()).digest())[:most]
    kept = {clip.clip_id for clip in drawn}
    return [clip for clip in clips if clip.clip_id in kept]


def measure(
    task: MeasureTask,
    corpus: PreparedCorpus,
    model: TextToMotion,
    judge: Evaluator,
    motions: Path,
    progress: Callable[[int, int], None],
) -> Iterator[dict[str, Any]]:
    """Rows of kinds measure, acceleration and clip.

    motions: folder in which each clip's motions are kept as soon as they are made, and found again.
    Raises SettingsError when evaluator or bundle were trained on the clips (the official split alone
    may have copies of test recordings in training: that is what it is measured for).
    """
    clips = tested_clips(corpus, judge, task.most_clips)
    if task.corpus != "official":
        judge.check_unseen(clips)
    check_bundle_unseen(model, clips, "test")
    made = []
    for k, clip in enumerate(clips):
        made.append(_motions_of(task, clip, model, corpus.fps, motions, k))
        progress(k + 1, len(clips))
    first, references = [m[0] for m in made], [corpus.motion(clip) for clip in clips]
    captions = [caption_of(clip) for clip in clips]
    samples = made if task.samples > 1 else ()
    rng = np.random.default_rng(_SEED)
    sources = [groups_of(clip) for clip in clips]
    results = evaluate_motions(first, references, captions, judge, rng, samples, sources)
    for name, row in results["measures"].items():
        yield {"kind": "measure", "name": name, **row}
    yield from acceleration_rows(first, references)
    groups = caption_groups(captions, model.encoder, TreeReader.load(model.bundle.folder))
    for clip, group, own, row in zip(clips, groups, sources, results["per_clip"], strict=True):
        yield {"kind": "clip", "clip": clip.clip_id, "sources": own, **asdict(group), **row}


def _motions_of(
    task: MeasureTask, clip: Clip, model: TextToMotion, fps: float, folder: Path, number: int
) -> list[Motion]:
    """As they are read back from their files, whether just made or there already."""
    paths = [folder / f"{number:05d}-{k}.npz" for k in range(task.samples)]
    if not all(path.is_file() for path in paths):
        # The models are compared, not what can be done with any of them.
        (made,) = generate_motions(model, [clip], fps, _SEED, task.samples, by_turns=False)
        for path, motion in zip(paths, made, strict=True):
            save_npz(motion, path)
    return [load_npz(path) for path in paths]


def acceleration_rows(
    generated: Sequence[Motion], references: Sequence[Motion]
) -> Iterator[dict[str, Any]]:
    """For the figure: how often joints have which acceleration, in all frames and in frames 20 to 40,
    and the mean acceleration about each frame; of generated and of real motion."""
    for name, motions in (("generated", generated), ("real", references)):
        for frames in (None, ACCELERATION_FRAMES):
            rows = [accelerations_m_s2(m.positions_m, FPS, frames) for m in motions]
            values = np.minimum(np.concatenate([r.ravel() for r in rows]), _EDGES[-1])
            density, _ = np.histogram(values, _EDGES, density=len(values) > 0)
            yield {
                "kind": "acceleration",
                "of": name,
                "frames": list(frames) if frames else None,
                "edges": _EDGES.tolist(),
                "density": _rounded(np.nan_to_num(density)),
            }
        curves = [accelerations_m_s2(m.positions_m, FPS).mean(axis=1)[:_CURVE_FRAMES] for m in motions]
        # Row t of an acceleration is about frame t + 1; frames that few clips reach say little.
        longest = max(map(len, curves), default=0)
        reached = [[c[t] for c in curves if len(c) > t] for t in range(longest)]
        kept = [values for values in reached if 2 * len(values) >= len(curves)]
        mean = np.array([np.mean(values) for values in kept])
        yield {"kind": "acceleration_by_frame", "of": name, "first_frame": 1, "mean": _rounded(mean)}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(v), 6) for v in values]
