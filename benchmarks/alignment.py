"""Alignment on composed clips of held-out groups: predicted spans of actions against the true ones.

    python benchmarks/alignment.py BUNDLE COMPOSED [FOLD]

COMPOSED is a folder made by `nestmotion corpus compose`. The map is that of the true motion read with
its caption. With FOLD, all compositions of that test fold instead. Intervals: 95%,
with a variance that takes compositions of which parts come from one group for dependent (dyadic
clustering: Aronow, Samii and Assenova 2015).
"""

import sys
from pathlib import Path

import numpy as np

from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import groups_of
from nestmotion.evaluation.alignment_score import equal_division_iou, score_alignment
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips


def interval(values: list[float], clips: list[Clip]) -> str:
    """Mean with its 95% interval."""
    array, count = np.array(values), len(values)
    groups = sorted({group for clip in clips for group in groups_of(clip)})
    member = np.array([[group in groups_of(clip) for group in groups] for clip in clips], dtype=float)
    error = array - array.mean()
    variance = error @ (member @ member.T > 0) @ error / count**2
    reach = 1.96 * np.sqrt(max(variance, 0.0))
    return f"{array.mean():.3f} ({array.mean() - reach:.3f} to {array.mean() + reach:.3f})"


def main() -> None:
    model, corpus = TextToMotion.load(sys.argv[1]), PreparedCorpus.open(Path(sys.argv[2]))
    if len(sys.argv) > 3:
        clips = list(corpus.select([int(sys.argv[3])], captioned=True))
    else:
        clips = training_clips(corpus, DataConfig(), patch_frames=4).validation
    found, equal, order, parts = [], [], [], [0, 0]
    for clip in clips:
        caption = clip.captions[0]
        score = score_alignment(model.align(corpus.motion(clip), caption.text), caption)
        found.append(np.mean(score.iou))
        equal.append(np.mean(equal_division_iou(caption)))
        order.append(float(score.in_order))
        parts = [parts[0] + score.found, parts[1] + len(score.iou)]
    print(f"{len(clips)} composed clips, {parts[1]} parts, {parts[0]} with an action in the tree")
    print(f"mean IoU of the true motion's map  {interval(found, clips)}")
    print(f"mean IoU of equal division         {interval(equal, clips)}")
    better = [a - b for a, b in zip(found, equal, strict=True)]
    print(f"difference, clip by clip           {interval(better, clips)}")
    print(f"order of the map's centres kept    {interval(order, clips)}")


if __name__ == "__main__":
    main()
