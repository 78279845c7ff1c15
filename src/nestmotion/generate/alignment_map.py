"""Which words are about which moment of a generated motion."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from nestmotion.core import Motion
from nestmotion.core.errors import OutputError
from nestmotion.io._atomic import atomic_write
from nestmotion.text import SemanticTree

__all__ = ["AlignmentMap", "Explained", "check_map_output", "divide"]

# A phrase spans the frames around its strongest one where it has at least this part of its strength.
_HALF = 0.5

_ROW, _LEFT, _WIDTH, _TOP = 22, 210, 640, 24
_INK, _MUTED, _FILL = "#1b1b1b", "#767676", "#0072b2"


@dataclass(frozen=True)
class AlignmentMap:
    """weight (N, T): how much node n of the tree is about frame t, 0 to 1; the sentence has all.

    Nested: a node never has more of a frame than its parent. Actions of one turn share theirs, and the
    turns' shares of a frame sum to one, where turns past the eighth have that one's share together.
    told: start and end in seconds of actions by node, where they are known and need not be read from
    the weights: in a clip that was made by turns (generate/turns.py).
    """

    tree: SemanticTree
    weight: Float[np.ndarray, "n t"]
    fps: float
    told: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def spans_s(self) -> list[tuple[float, float]]:
        """Start and end of each node in seconds, inside its parent's; actions as they are told or else
        by turns, which follow one another and together fill the clip."""
        nodes, total = self.tree.nodes, self.weight.shape[1]
        spans: list[tuple[int, int]] = [(0, total)] * len(nodes)
        orders = sorted({n.order for n in nodes if n.order is not None})
        if orders:
            rows = [next(n.id for n in nodes if n.order == order) for order in orders]
            edges = divide(np.log(self.weight[rows] + 1e-6))
            by_order = {order: (edges[k], edges[k + 1]) for k, order in enumerate(orders)}
        for node in nodes:
            if node.id in self.told:
                start, end = (min(round(t * self.fps), total) for t in self.told[node.id])
                spans[node.id] = start, end
            elif node.level == 2 and node.order is not None:
                spans[node.id] = by_order[node.order]
            elif node.parent is not None:
                spans[node.id] = _around_peak(self.weight[node.id], *spans[node.parent])
        return [(a / self.fps, b / self.fps) for a, b in spans]

    def to_dict(self) -> dict[str, Any]:
        """{"fps", "frames", "nodes"}: each node with `start_s`, `end_s` and `weight` (by frame)."""
        nodes = [
            {**node.to_dict(), "start_s": a, "end_s": b, "weight": [round(float(w), 4) for w in row]}
            for node, (a, b), row in zip(self.tree.nodes, self.spans_s(), self.weight, strict=True)
        ]
        return {"fps": self.fps, "frames": self.weight.shape[1], "nodes": nodes}

    def save(self, path: Path, force: bool = False) -> None:
        """As data (.json) or as a picture (.svg). Raises OutputError as `check_map_output` does, or
        when the file cannot be written."""
        check_map_output(path, force)
        text = self.to_svg()
        if path.suffix == ".json":
            text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        with atomic_write(path) as temporary:
            temporary.write_text(text, "utf-8")

    def to_svg(self) -> str:
        """A row for each node down to the phrases: darker where it is more about the frame, its span
        underlined, seconds above."""
        shown = [node for node in self.tree.nodes if node.level <= 3]
        spans, total = self.spans_s(), self.weight.shape[1]
        seconds = total / self.fps
        parts = [
            f'<text x="{_x(s, seconds):.1f}" y="14" fill="{_MUTED}">{s} s</text>'
            for s in range(int(seconds) + 1)
        ]
        cell = _WIDTH / total
        for row, node in enumerate(shown):
            y = _TOP + row * _ROW
            name = html.escape(f"{'  ' * (node.level - 1)}{' '.join(node.text.split())}"[:30])
            parts.append(f'<text x="4" y="{y + 14}" fill="{_INK}" xml:space="preserve">{name}</text>')
            parts += [
                f'<rect x="{_LEFT + t * cell:.2f}" y="{y}" width="{cell + 0.3:.2f}" height="16" '
                f'fill="{_FILL}" fill-opacity="{w:.2f}"/>'
                for t, w in enumerate(self.weight[node.id])
            ]
            a, b = spans[node.id]
            parts.append(
                f'<path d="M{_x(a, seconds):.1f} {y + 18}H{_x(b, seconds):.1f}" stroke="{_INK}" '
                'stroke-width="1.5"/>'
            )
        height = _TOP + len(shown) * _ROW + 4
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 40}" height="{height}" '
            'font-family="sans-serif" font-size="12">\n'
            f'<title>{html.escape(self.tree.prompt)}</title>\n<rect width="100%" height="100%" '
            'fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
        )


def check_map_output(path: Path, force: bool = False) -> None:
    """Whether `AlignmentMap.save` may write there. Raises OutputError for another suffix than .json and
    .svg or, without force, a file that exists already."""
    if path.suffix not in (".json", ".svg"):
        raise OutputError(f"{path}: an alignment map is written as .json or .svg")
    if os.path.lexists(path) and not force:
        raise OutputError(f"{path} exists already; use --force to replace it")


def _x(seconds: float, total: float) -> float:
    return _LEFT + _WIDTH * seconds / total


@dataclass(frozen=True)
class Explained:
    """A motion, and which words of its prompt are about which moment, read when it is asked for."""

    motion: Motion
    read: Callable[[], AlignmentMap]

    @cached_property
    def alignment(self) -> AlignmentMap:
        return self.read()


def divide(score: Float[np.ndarray, "g t"]) -> Sequence[int]:
    """Edges (G + 1) of the division of T steps among G turns in order, at least one step each where
    there are enough, with the highest sum of scores (dynamic programming, as Viterbi 1967)."""
    turns, total = score.shape
    if total < turns:
        return [min(k, total) for k in range(turns)] + [total]
    best = np.full((turns, total), -np.inf)
    came: Int[np.ndarray, "g t"] = np.zeros((turns, total), dtype=int)
    best[0] = np.cumsum(score[0])
    for g in range(1, turns):
        for t in range(g, total):
            stay, enter = best[g, t - 1], best[g - 1, t - 1]
            came[g, t] = g if stay >= enter else g - 1
            best[g, t] = max(stay, enter) + score[g, t]
    edges, g = [total], turns - 1
    for t in range(total - 1, 0, -1):
        if came[g, t] != g:
            edges.append(t)
            g -= 1
    return [0, *edges[::-1]]


def _around_peak(weight: Float[np.ndarray, "t"], start: int, stop: int) -> tuple[int, int]:
    """The frames around the strongest of [start, stop) that have at least half its weight."""
    if stop <= start:
        return start, stop
    peak = start + int(np.argmax(weight[start:stop]))
    limit = _HALF * weight[peak]
    first, last = peak, peak
    while first > start and weight[first - 1] >= limit:
        first -= 1
    while last + 1 < stop and weight[last + 1] >= limit:
        last += 1
    return first, last + 1
