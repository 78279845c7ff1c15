"""The paper's figures from result files, each a PNG with its data as CSV beside it.

Colours are Okabe and Ito's, told apart with every common colour blindness; markers, dashes and hatches
tell the models apart in grey print too.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nestmotion.evaluation.comparisons import ACCURACY, OURS, by_model, group_estimate
from nestmotion.evaluation.groups import ACTIONS, LENGTHS, STRUCTURES
from nestmotion.evaluation.measures import ACCELERATION_FRAMES
from nestmotion.evaluation.protocol import LABELS
from nestmotion.evaluation.result_files import Finished, Results
from nestmotion.io._atomic import atomic_write

__all__ = ["FIGURES", "write_figures"]

# Model -> (colour, marker, dashes, hatch).
STYLES = {
    "nested": ("#d55e00", "o", "-", ""),
    "diffusion": ("#0072b2", "s", "--", "//"),
    "clip-aligned": ("#009e73", "^", "-.", ".."),
    "transformer": ("#cc79a7", "D", ":", "xx"),
    "real": ("#404040", "", "-", ""),
}
_RADAR = ("coverage", "top3", "fid", "smoothness_error", "drift", "foot_slide", "acceleration")
_DPI = 150

Rows = list[list[Any]]


def write_figures(results: Results, folder: Path) -> dict[str, str]:
    """Write what can be drawn; file stem -> title, in the paper's order."""
    written = {}
    for stem, (heading, draw) in FIGURES.items():
        figure = Figure(figsize=(7.0, 4.2), dpi=_DPI, layout="constrained")
        rows = draw(results, figure)
        if not rows:
            continue
        with atomic_write(folder / f"{stem}.csv") as path, path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        with atomic_write(folder / f"{stem}.png") as path:
            figure.savefig(path, metadata={"Software": None})
        written[stem] = heading
    return written


def _models(results: Results, part: str = "main") -> dict[str, Finished]:
    """Of T2M-Compose, whose captions are long, where there is one and the part is about captions."""
    composed = by_model(results.part(part), "compose")
    return composed if composed and part != "main" else by_model(results.part(part), "captions")


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#d8d8d8", linewidth=0.6)
    axes.set_axisbelow(True)


def _radar(results: Results, figure: Figure) -> Rows:
    models = _models(results)
    names = [
        n for n in _RADAR if models and all(m.measures[n]["value"] is not None for m in models.values())
    ]
    if len(names) < 3:
        return []
    table = {m: [one.measures[n]["value"] for n in names] for m, one in models.items()}
    angle = np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    axes = figure.add_subplot(projection="polar")
    rows: Rows = [["model", "measure", "value", "score"]]
    for model, values in table.items():
        score = [
            _score(n, v, [t[k] for t in table.values()])
            for k, (n, v) in enumerate(zip(names, values, strict=True))
        ]
        colour, marker, dashes, _ = STYLES[model]
        closed = [*score, score[0]]
        axes.plot([*angle, angle[0]], closed, dashes, color=colour, marker=marker, label=model)
        rows += [[model, n, v, round(s, 6)] for n, v, s in zip(names, values, score, strict=True)]
    axes.set_xticks(angle, [f"{LABELS[n][0]}" for n in names], fontsize=8)
    axes.set(ylim=(0, 1.05), yticks=(0.25, 0.5, 0.75, 1.0))
    axes.tick_params("y", labelsize=7)
    axes.tick_params("x", pad=14)
    figure.legend(loc="outside right upper", fontsize=8)
    return rows


def _score(name: str, value: float, all_values: Sequence[float]) -> float:
    """1 for the best of the models; the others in proportion, less is worse."""
    if LABELS[name][2]:
        return value / max(all_values) if max(all_values) > 0 else 1.0
    return min(all_values) / value if value > 0 else 1.0


def _drift(results: Results, figure: Figure) -> Rows:
    models = _models(results)
    values = {
        m: [row["drift"] for row in one.rows["clip"] if row["drift"] is not None]
        for m, one in models.items()
    }
    if not any(values.values()):
        return []
    axes = figure.add_subplot()
    boxes = axes.boxplot(
        list(values.values()),
        tick_labels=list(values),
        patch_artist=True,
        medianprops={"color": "black"},
        flierprops={"markersize": 2, "markeredgecolor": "#808080"},
    )
    for box, model in zip(boxes["boxes"], values, strict=True):
        box.set(facecolor=STYLES[model][0], alpha=0.75, hatch=STYLES[model][3])
    axes.set_ylabel("average frame drift error, cm/frame")
    _style(axes)
    return [["model", "drift_cm_per_frame"], *([m, v] for m, own in values.items() for v in own)]


def _grouped(part: str, key: str, groups: Sequence[str]) -> Callable[[Results, Figure], Rows]:
    """Accuracy by group of captions: lines for lengths, bars for structures."""

    def draw(results: Results, figure: Figure) -> Rows:
        models = _models(results, part)
        rows: Rows = [["model", key, "clips", "value", "low", "high"]]
        for model, one in models.items():
            for group in groups:
                clips, e = group_estimate(one, ACCURACY, key, group)
                if clips:
                    rows.append([model, group, clips, *(round(x, 6) for x in (e.value, e.low, e.high))])
        if len(rows) == 1:
            return []
        axes = figure.add_subplot()
        for k, model in enumerate(models):
            own = {row[1]: row[3:] for row in rows[1:] if row[0] == model}
            shift = (0.3 if key == "length" else 0.8) * ((k + 0.5) / len(models) - 0.5)
            at = [groups.index(g) + shift for g in own]
            value, low, high = (np.array([v[i] for v in own.values()]) for i in range(3))
            _draw_group(axes, model, key, at, value, np.stack((value - low, high - value)), len(models))
        counts = {row[1]: row[2] for row in rows[1:]}
        axes.set_xticks(range(len(groups)), [f"{g}\nn = {counts.get(g, 0)}" for g in groups])
        axes.set_ylabel("R-precision, top 3")
        axes.set_xlabel("words in the caption" if key == "length" else "sentence structure")
        axes.set(xlim=(-0.5, len(groups) - 0.5), ylim=(0, 1.02))
        figure.legend(loc="outside upper right", fontsize=8, ncols=4)
        _style(axes)
        return rows

    return draw


def _draw_group(
    axes: Axes,
    model: str,
    key: str,
    at: Sequence[float],
    value: np.ndarray,
    spread: np.ndarray,
    count: int,
) -> None:
    colour, marker, dashes, hatch = STYLES[model]
    spread = np.maximum(spread, 0)
    if key == "length":
        axes.errorbar(
            at, value, spread, color=colour, marker=marker, linestyle=dashes, capsize=3, label=model
        )
    else:
        axes.bar(
            at,
            value,
            0.75 / count,
            yerr=spread,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            capsize=3,
            label=model,
        )


def _acceleration(results: Results, figure: Figure) -> Rows:
    models = _models(results)
    if not models:
        return []
    curves: dict[str, Mapping[str, list[dict]]] = {"real": next(iter(models.values())).rows}
    curves |= {m: one.rows for m, one in models.items()}
    left, right = figure.subplots(1, 2)
    rows: Rows = [["model", "of", "at", "value"]]
    for name, own in curves.items():
        of = "real" if name == "real" else "generated"
        colour, _, dashes, _ = STYLES[name]
        look = {"color": colour, "linestyle": dashes, "linewidth": 2.5 if name == "real" else 1.4}
        by_frame = next(row for row in own["acceleration_by_frame"] if row["of"] == of)
        frames = np.arange(len(by_frame["mean"])) + by_frame["first_frame"]
        left.plot(frames, by_frame["mean"], label=name, **look)
        rows += [[name, "frame", int(t), v] for t, v in zip(frames, by_frame["mean"], strict=True)]
        window = next(row for row in own["acceleration"] if row["of"] == of and row["frames"])
        centre = (np.array(window["edges"][1:]) + np.array(window["edges"][:-1])) / 2
        right.plot(centre, window["density"], **look)
        rows += [
            [name, "m/s^2 in frames 20 to 40", round(float(t), 6), v]
            for t, v in zip(centre, window["density"], strict=True)
        ]
    left.axvspan(*ACCELERATION_FRAMES, color="#f0e442", alpha=0.35, linewidth=0)
    left.set(xlabel="frame (20 to 40 marked)", ylabel="mean acceleration of joints, m/s²")
    right.set(
        xlabel="acceleration in frames 20 to 40, m/s²", ylabel="density", xlim=(0, 30), yscale="log"
    )
    for axes in (left, right):
        _style(axes)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    return rows


def _surface(results: Results, figure: Figure) -> Rows:
    composed = [one for one in results.part("depth") if one.facts["corpus"] == "compose"]
    done = {one.facts["depth"]: one for one in composed or results.part("depth")}
    if len(done) < 2:
        return []
    depths = sorted(done)
    found = {(d, a): group_estimate(done[d], ACCURACY, "actions", a) for d in depths for a in ACTIONS}
    kept = [a for a in ACTIONS if all(found[d, a][0] for d in depths)]
    rows: Rows = [["depth", "actions", "clips", "value", "low", "high"]]
    for (d, a), (clips, e) in found.items():
        if clips:
            rows.append([d, a, clips, *(round(x, 6) for x in (e.value, e.low, e.high))])
    if len(kept) < 2:
        return []
    axes: Any = figure.add_subplot(projection="3d")
    x, y = np.meshgrid(depths, np.arange(len(kept)))
    z = np.array([[found[d, a][1].value for d in depths] for a in kept])
    axes.plot_surface(x, y, z, cmap="cividis", edgecolor="black", linewidth=0.4, alpha=0.9)
    axes.set_xticks(depths)
    axes.set_yticks(range(len(kept)), kept)
    axes.set(xlabel="semantic depth", ylabel="actions in the caption", zlabel="R-precision, top 3")
    return rows


FIGURES: dict[str, tuple[str, Callable[[Results, Figure], Rows]]] = {
    "1a-measures": ("Measures of all models; 1 is the best of them", _radar),
    "1b-drift": ("Average frame drift error a clip", _drift),
    "2a-length": ("Accuracy by words in the caption", _grouped("length", "length", LENGTHS)),
    "2b-structure": ("Accuracy by sentence structure", _grouped("structure", "structure", STRUCTURES)),
    "3a-acceleration": ("Acceleration of joints against real motion", _acceleration),
    "3b-depth": (f"Accuracy of {OURS} by semantic depth and number of actions", _surface),
}
