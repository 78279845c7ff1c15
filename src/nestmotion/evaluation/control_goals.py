"""What the control experiment has to show, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from nestmotion.evaluation.intervals import Estimate, Sources, estimate_mean, estimate_ratio

__all__ = ["Goal", "estimate_of", "goals", "values_of"]

Rows = Sequence[Mapping[str, Any]]

_KEYFRAMES = ("keyframes-1", "keyframes-2", "keyframes-5", "keyframes-20")
_TARGETS = ("wrist", "foot")


@dataclass(frozen=True)
class Goal:
    """A goal in words, what was measured on so many rows, whether it is met, and whether that is sure:
    whether the 95% interval lies on one side of the goal (True where none is told)."""

    text: str
    measured: str
    rows: int
    met: bool
    sure: bool = True

    @property
    def verdict(self) -> str:
        """In words."""
        return ("met" if self.met else "not met") + ("" if self.sure else ", not sure")


def values_of(rows: Rows, measure: str, variant: str, *groups: str) -> Float[np.ndarray, "n"]:
    """A measure of the rows of a variant, in some groups or all; rows that lack it are left out."""
    found = _measured(rows, measure, variant, groups)
    return np.array([row[measure] for row in found], dtype=float)


def estimate_of(rows: Rows, measure: str, variant: str, *groups: str) -> Estimate:
    """The mean of values_of; its interval takes rows of one case or caption for dependent."""
    found = _measured(rows, measure, variant, groups)
    return estimate_mean(np.array([row[measure] for row in found], dtype=float), _sources(found))


def _measured(rows: Rows, measure: str, variant: str, groups: Sequence[str]) -> Rows:
    return [
        row
        for row in rows
        if row["variant"] == variant
        and (not groups or row["group"] in groups)
        and row.get(measure) is not None
    ]


def _sources(rows: Rows) -> Sources:
    return [(row["case"], row.get("caption", row["case"])) for row in rows]


def _sure(e: Estimate, limit: float) -> bool:
    return not e.low <= limit <= e.high


def goals(rows: Mapping[str, Rows]) -> list[Goal]:
    """The goals of the parts that have rows. rows: by part."""
    found = {
        "control": _control,
        "timeline": _timeline,
        "minutes": _minutes,
        "edit": _edit,
        "loop": _loop,
        "in-place": _in_place,
    }
    return [goal for part, make in found.items() if rows.get(part) for goal in make(rows[part])]


def _control(rows: Rows) -> Iterator[Goal]:
    for text, measure, groups, unit, most in (
        ("keyframes: joints within 2 cm on the mean", "joint_error", _KEYFRAMES, "cm", 2.0),
        ("joint targets: within 2 cm on the mean", "joint_error", _TARGETS, "cm", 2.0),
        ("root path: within 3 cm on the mean", "path_error", (), "cm", 3.0),
        ("heading: within 5 degrees on the mean", "heading_error", (), "degrees", 5.0),
    ):
        values = values_of(rows, measure, "exact", *groups)
        if len(values):
            p95 = np.percentile(values, 95)
            measured = (
                f"{values.mean():.2f} {unit}, p95 {p95:.2f} (raw {_raw(rows, measure, groups):.2f})"
            )
            yield Goal(text, measured, len(values), bool(values.mean() <= most))
    yield from _ratio("text accuracy at least 95% of free motion's", rows, "top3", 0.95, at_least=True)
    yield from _ratio("foot slide at most 1.25 times free motion's", rows, "foot_slide", 1.25)


def _raw(rows: Rows, measure: str, groups: Sequence[str]) -> float:
    values = values_of(rows, measure, "raw", *groups)
    return float(values.mean()) if len(values) else float("nan")


def _ratio(text: str, rows: Rows, measure: str, limit: float, at_least: bool = False) -> Iterator[Goal]:
    """Of the means over all groups; the interval over cases, each with all its groups."""
    made, free = (values_of(rows, measure, variant) for variant in ("exact", "free"))
    by_case = {variant: _case_means(rows, measure, variant) for variant in ("exact", "free")}
    both = sorted(by_case["exact"].keys() & by_case["free"].keys())
    if both and free.mean() > 0:
        a, b = (np.array([by_case[variant][case] for case in both]) for variant in ("exact", "free"))
        captions = {row["case"]: row.get("caption", row["case"]) for row in rows}
        found = estimate_ratio(a, b, [(captions[case],) for case in both])
        ratio = float(made.mean() / free.mean())
        real = values_of(rows, measure, "real")
        beside = f"; real motion {real.mean():.3f}" if len(real) else ""
        measured = (
            f"{ratio:.3f} ({found.low:.3f} to {found.high:.3f}; {made.mean():.3f} against "
            f"{free.mean():.3f}{beside})"
        )
        met = ratio >= limit if at_least else ratio <= limit
        yield Goal(text, measured, len(made), met, _sure(found, limit))


def _case_means(rows: Rows, measure: str, variant: str) -> dict[int, float]:
    cases: dict[int, list[float]] = {}
    for row in rows:
        if row["variant"] == variant and row.get(measure) is not None:
            cases.setdefault(row["case"], []).append(row[measure])
    return {case: float(np.mean(values)) for case, values in cases.items()}


def _timeline(rows: Rows) -> Iterator[Goal]:
    peaks = {
        variant: values_of(rows, "peak_jerk", variant, "transitions")
        for variant in ("exact", "real", "concatenated")
    }
    if all(map(len, peaks.values())):
        exact, real, plain = (float(peaks[v].mean()) for v in ("exact", "real", "concatenated"))
        measured = (
            f"{exact / real:.2f} times ({exact:.0f} m/s^3; concatenated {plain / real:.2f} times)"
        )
        text = "transitions: peak jerk at most 3 times real motion's"
        yield Goal(text, measured, len(peaks["exact"]), exact <= 3 * real)


def _minutes(rows: Rows) -> Iterator[Goal]:
    minutes = list(dict.fromkeys(row["group"] for row in rows))
    first, last, count = minutes[0], minutes[-1], len(minutes)
    made, spent = (values_of(rows, name, "whole") for name in ("seconds_made", "clock_s"))
    processor = values_of(rows, "processor_s", "whole")
    speed = made.sum() / spent.sum()
    by_processor = made.sum() / processor.sum()
    yield Goal(
        "stream: 5 times as fast as real time or faster",
        f"{speed:.1f} times by the clock, {by_processor:.1f} by processor time",
        len(made),
        bool(speed >= 5),
    )
    if count < 2:
        return
    memory = [values_of(rows, "memory", "whole", m) for m in (first, last)]
    if all(map(len, memory)):
        grown = float((memory[1] - memory[0]).mean())
        yield Goal(
            f"memory flat: under 10 MB more after minute {count} than after minute 1",
            f"{grown:+.1f} MB",
            len(memory[0]),
            grown < 10,
        )
    for measure, label in (
        ("top3", "text match"),
        ("foot_slide", "foot slide"),
        ("jump_rate", "jump rate"),
    ):
        a, b = (values_of(rows, measure, "stream", m).mean() for m in (first, last))
        sign = -1 if measure == "top3" else 1
        worse = sign * (b / a - 1) if a else float(b > a)
        found = _interval(rows, measure, first, last)
        said = f"{100 * worse:+.0f}% worse"
        if not np.isnan(found.low):
            said += f", {found.low:+.0f}% to {found.high:+.0f}%"
        yield Goal(
            f"{label} of minute {count} at most 10% worse than of minute 1",
            f"{b:.4g} against {a:.4g} ({said})",
            len(values_of(rows, measure, "stream", last)),
            bool(worse <= 0.1),
            _sure(found, 10.0),
        )


def _interval(rows: Rows, measure: str, first: str, last: str) -> Estimate:
    """How much worse the last minute is, in percent, over streams; NaN of a single stream."""
    by_case = [
        _case_means([row for row in rows if row["group"] == minute], measure, "stream")
        for minute in (last, first)
    ]
    both = sorted(by_case[0].keys() & by_case[1].keys())
    b, a = (np.array([values[case] for case in both]) for values in by_case)
    found = estimate_ratio(b, a)
    sign = -1 if measure == "top3" else 1
    ends = sorted(sign * 100 * (end - 1) for end in (found.low, found.high))
    return Estimate(sign * 100 * (found.value - 1), *ends)


def _edit(rows: Rows) -> Iterator[Goal]:
    outside = values_of(rows, "outside", "edited")
    if len(outside):
        yield Goal(
            "editing: outside its stretch the motion changes by under 1 cm on the mean",
            f"{outside.mean():.3f} cm",
            len(outside),
            bool(outside.mean() < 1),
        )
    kinds = dict.fromkeys(row["group"] for row in rows)
    by_kind = ", ".join(
        f"{k} {100 * values_of(rows, 'preferred', 'edited', k).mean():.0f}%" for k in kinds
    )
    told = values_of(rows, "told", "real")
    heard = f"; real clips' own words in {100 * told.mean():.0f}%" if len(told) else ""
    text = "editing: the evaluator prefers the edited clip for the new text in 80% or more"
    yield _share(text, rows, "preferred", f"; {by_kind}", heard)
    if len(values_of(rows, "side_changed", "edited")):
        text = "editing: the side changes where one was seen, in 80% or more"
        yield _share(text, rows, "side_changed")


def _share(text: str, rows: Rows, measure: str, inside: str = "", after: str = "") -> Goal:
    """Of edits, at least 80%."""
    e = estimate_of(rows, measure, "edited")
    said = f"{100 * e.value:.0f}% ({100 * e.low:.0f} to {100 * e.high:.0f}{inside}){after}"
    count = len(values_of(rows, measure, "edited"))
    return Goal(text, said, count, e.value >= 0.8, _sure(e, 0.8))


def _loop(rows: Rows) -> Iterator[Goal]:
    typical = values_of(rows, "typical_step", "exact")
    for measure, label in (("seam_pose", "pose"), ("seam_velocity", "velocity")):
        values = values_of(rows, measure, "exact")
        share = float((values < typical).mean())
        yield Goal(
            f"loops: the seam's {label} differs by less than a typical frame step",
            f"{values.mean():.2f} cm against {typical.mean():.2f}, less in {100 * share:.0f}% of loops",
            len(values),
            bool(values.mean() < typical.mean()),
        )


def _in_place(rows: Rows) -> Iterator[Goal]:
    values = values_of(rows, "place_drift", "exact")
    yield Goal(
        "in place: the root drifts under 2 cm",
        f"{values.mean():.2f} cm, p95 {np.percentile(values, 95):.2f}",
        len(values),
        bool(values.mean() < 2),
    )
