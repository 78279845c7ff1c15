"""The figures of a study's report: strengths, pairs and scores, over all prompts and by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nestmotion.evaluation.intervals import Estimate
from nestmotion.evaluation.study_answers import ASPECTS
from nestmotion.evaluation.study_tables import ModelResult, StudyTables
from nestmotion.io._atomic import atomic_write

__all__ = ["write_study_figures"]

# Okabe and Ito's colours; markers tell models apart in grey print, too.
_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DPI = 150


def write_study_figures(tables: StudyTables, folder: Path) -> dict[str, str]:
    """Write what can be drawn as PNG; file stem -> title."""
    written = {}
    for stem, (title, draw) in _FIGURES.items():
        figure = Figure(figsize=(7.0, 4.0), dpi=_DPI, layout="constrained")
        if not draw(tables, figure):
            continue
        with atomic_write(folder / f"{stem}.png") as path:
            figure.savefig(path, metadata={"Software": None})
        written[stem] = title
    return written


def _style(axes: Axes, axis: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x" if axis == "x" else "y", color="#d8d8d8", linewidth=0.6)
    axes.set_axisbelow(True)


def _dots(
    axes: Axes, at: Sequence[float], found: Sequence[Estimate], k: int, label: str, up: bool
) -> None:
    """Estimates with their intervals in the look of model k; `at` is their place on the other axis."""
    value = np.array([e.value for e in found])
    spread = np.array([[e.value - e.low, e.high - e.value] for e in found]).T
    x, y, error = (at, value, "yerr") if up else (value, at, "xerr")
    look: dict[str, Any] = {"color": _COLOURS[k % len(_COLOURS)], "marker": _MARKERS[k % len(_MARKERS)]}
    look[error] = np.maximum(spread, 0)
    axes.errorbar(x, y, linestyle="", capsize=3, label=label, **look)


def _strengths(tables: StudyTables, figure: Figure) -> bool:
    if not tables.pairs:
        return False
    axes = figure.add_subplot()
    for k, one in enumerate(tables.models):
        _dots(axes, [-k], [one.strength], k, one.model, up=False)
    axes.set_yticks([-k for k in range(len(tables.models))], [one.model for one in tables.models])
    axes.axvline(0, color="#808080", linewidth=0.8)
    axes.set(ylim=(0.6 - len(tables.models), 0.4), xlabel="Bradley-Terry strength, natural logarithm")
    _style(axes, "x")
    return True


def _pairs(tables: StudyTables, figure: Figure) -> bool:
    if not tables.pairs:
        return False
    axes = figure.add_subplot()
    order = [one.model for one in tables.models]
    for k, pair in enumerate(tables.pairs):
        _dots(axes, [-k], [pair.share.share], order.index(pair.first), "", up=False)
    names = [f"{p.first} over {p.second}\nn = {p.share.answers}" for p in tables.pairs]
    axes.set_yticks([-k for k in range(len(names))], names)
    axes.axvline(0.5, color="#808080", linewidth=0.8)
    axes.set(xlim=(0, 1), ylim=(0.6 - len(names), 0.4), xlabel="share of answers that prefer the first")
    _style(axes, "x")
    return True


def _scores(tables: StudyTables, figure: Figure) -> bool:
    if not any(one.clips_scored for one in tables.models):
        return False
    axes = figure.add_subplot()
    for k, one in enumerate(tables.models):
        at = np.arange(len(ASPECTS)) + _shift(k, len(tables.models))
        _dots(axes, list(at), list(one.scores.values()), k, one.model, up=True)
    axes.set_xticks(range(len(ASPECTS)), list(ASPECTS.values()))
    axes.set(ylim=(0.8, 5.2), ylabel="mean score, 1 to 5")
    figure.legend(loc="outside upper right", ncols=4, fontsize=8)
    _style(axes, "y")
    return True


def _grouped(
    pick: Callable[[ModelResult], Estimate], label: str, limits: tuple[float, float]
) -> Callable[[StudyTables, Figure], bool]:
    def draw(tables: StudyTables, figure: Figure) -> bool:
        groups: Mapping[str, list[ModelResult]] = tables.groups
        if not groups or all(np.isnan(pick(one).value) for found in groups.values() for one in found):
            return False
        axes = figure.add_subplot()
        for k, one in enumerate(tables.models):
            found = [pick(next(m for m in own if m.model == one.model)) for own in groups.values()]
            at = np.arange(len(groups)) + _shift(k, len(tables.models))
            _dots(axes, list(at), found, k, one.model, up=True)
        axes.set_xticks(range(len(groups)), list(groups))
        axes.set(ylim=limits, ylabel=label)
        figure.legend(loc="outside upper right", ncols=4, fontsize=8)
        _style(axes, "y")
        return True

    return draw


def _shift(k: int, count: int) -> float:
    return 0.6 * ((k + 0.5) / count - 0.5)


_FIGURES: dict[str, tuple[str, Callable[[StudyTables, Figure], bool]]] = {
    "1-strengths": ("Bradley-Terry strengths over all prompts", _strengths),
    "2-pairs": ("Preference by pair of models", _pairs),
    "3-scores": ("Mean scores", _scores),
    "4-won-by-group": (
        "Share of pairs won by group of prompts",
        _grouped(lambda one: one.won.share, "share of pairs won", (0.0, 1.0)),
    ),
    "5-text-match-by-group": (
        "Mean score of text match by group of prompts",
        _grouped(lambda one: one.scores["text_match"], "mean score, 1 to 5", (0.8, 5.2)),
    ),
}
