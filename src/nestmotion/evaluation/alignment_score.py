"""How well a model's alignment map finds the stretches of composed clips, whose spans are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nestmotion.corpus.source import Caption
from nestmotion.generate.alignment_map import AlignmentMap

__all__ = ["AlignmentScore", "equal_division_iou", "interval_iou", "score_alignment"]

Interval = tuple[float, float]


def interval_iou(a: Interval, b: Interval) -> float:
    """Length of what two stretches of time share, divided by the length of what either covers."""
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    either = (a[1] - a[0]) + (b[1] - b[0]) - shared
    return shared / either if either > 0 else 0.0


@dataclass(frozen=True)
class AlignmentScore:
    """Of one composed clip: IoU of each part's predicted span with the true one; whether the centres of
    weight of the parts come in the true order (told from the map itself, not from its division, which
    is in order by construction); how many parts the tree has an action for."""

    iou: tuple[float, ...]
    in_order: bool
    found: int


def score_alignment(alignment: AlignmentMap, caption: Caption) -> AlignmentScore:
    """Compare a map with the known spans of a composed caption.

    A part's predicted span goes from the first to the last of the turns of the actions whose text
    begins in the part's text; a part without an action counts as IoU 0.
    """
    spans = alignment.spans_s()
    actions = [node for node in alignment.tree.nodes if node.level == 2]
    time = np.arange(alignment.weight.shape[1]) / alignment.fps
    iou, centres = [], []
    for part in caption.actions:
        own = [n.id for n in actions if part.start_char <= n.start < part.end_char]
        if not own:
            iou.append(0.0)
            continue
        found = (min(spans[k][0] for k in own), max(spans[k][1] for k in own))
        iou.append(interval_iou(found, (part.start_s, part.end_s)))
        weight = alignment.weight[own].max(axis=0)
        centres.append(float((weight * time).sum() / max(weight.sum(), 1e-9)))
    in_order = len(centres) == len(iou) and bool((np.diff(centres) > 0).all())
    return AlignmentScore(tuple(iou), in_order, len(centres))


def equal_division_iou(caption: Caption) -> tuple[float, ...]:
    """IoU of each part when the clip is simply divided in as many equal stretches as it has parts."""
    parts: Sequence = caption.actions
    total, count = parts[-1].end_s, len(parts)
    return tuple(
        interval_iou((total * k / count, total * (k + 1) / count), (part.start_s, part.end_s))
        for k, part in enumerate(parts)
    )
