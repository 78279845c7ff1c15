"""The report of the control experiment, from its result files alone: report.md and report.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.evaluation.control_goals import estimate_of, goals, values_of
from nestmotion.evaluation.document import Block, Heading, Table, Text, to_html, to_markdown
from nestmotion.evaluation.result_files import Results, read_results
from nestmotion.io._atomic import atomic_write

__all__ = ["MEASURES", "write_control_report"]

Rows = Sequence[Mapping[str, Any]]

# Measure -> (what a reader calls it, whether its 95th percentile is told, too).
MEASURES = {
    "joint_error": ("error of joints, cm", True),
    "path_error": ("error of the path, cm", True),
    "heading_error": ("error of the heading, degrees", True),
    "top3": ("R-precision, top 3", False),
    "mm_distance": ("MM distance", False),
    "drift": ("average frame drift error, cm/frame", False),
    "smoothness_error": ("smoothness error, m/s^3", False),
    "mean_jerk": ("mean jerk, m/s^3", False),
    "peak_jerk": ("peak jerk, m/s^3", False),
    "area_under_jerk": ("area under jerk, m/s^2", False),
    "jump_rate": ("jump rate", False),
    "foot_slide": ("stance-foot slide, mm/frame", False),
    "skating_ratio": ("skating ratio", False),
    "seam_pose": ("pose across the seam, cm", True),
    "seam_velocity": ("step across the seam, cm", True),
    "typical_step": ("typical step, cm", False),
    "place_drift": ("largest way from the start, cm", True),
    "preferred": ("evaluator prefers the edited clip", False),
    "told": ("evaluator prefers the clip's own caption to the changed one", False),
    "gain": ("gain in cosine with the new text", False),
    "side_changed": ("the side changed", False),
    "outside": ("change outside the stretch, cm", True),
    "outside_world": ("the same in the world, cm", True),
    "stretch": ("share of the clip that changed", False),
}
_MINUTES = {
    "clock_s": "seconds by the clock",
    "processor_s": "seconds of processor time",
    "memory": "memory, MB",
    "root_height": "height of the root, cm",
    "floor": "lowest joint, cm",
    "tilt": "tilt of the trunk, degrees",
    "pace": "pace, m/s",
}
_IN_MINUTES = ("top3", "foot_slide", "jump_rate", "mean_jerk")

_NOTES = {
    "control": (
        "Captions of test clips, at the clips' own lengths; what is asked for is taken from the clip's "
        "own motion. exact: with the pass that brings the motion to its wishes, and standing feet "
        "held; raw: as sampled; free and free raw: from the caption alone; real: the clips themselves."
    ),
    "timeline": (
        "Captions of single actions, 4 s each. exact and raw: one scene; concatenated: each made alone "
        "and set where the one before ends. transitions: the 1.5 s about each change of text; real: "
        "as long a stretch anywhere in a test clip."
    ),
    "overlap": "A caption about legs for the legs, one about arms for the rest, 6 s; one text: both.",
    "loop": "Loops of 4 s from single captions.",
    "in-place": "In place, 4 s, from single captions.",
    "edit": (
        "Words of captions changed (evaluation/control_edits.py) in motions made from the captions. "
        "What follows an edit is carried along, so that change outside the stretch is measured with it "
        "seen from its own first frame; beside it in the world. How well the evaluator hears such "
        "changes at all is seen on the real clips, whose own captions it should prefer to the changed "
        "ones. It hears sides least (docs/evaluation.md): see whether the side changed, by the heights "
        "of wrists and ankles and the turn, where the motion before showed a side."
    ),
    "stream": "A minute of twelve captions, 5 s each, streamed; alone: each caption made alone.",
    "minutes": "One stream in which each minute has the same twelve captions.",
}


def write_control_report(out: Path) -> Path:
    """Write the report of the experiment in `out` and return the path of report.md.

    Raises SettingsError when the folder holds no experiment or a file of another version.
    """
    blocks = list(_blocks(read_results(out)))
    for name, text in (
        ("report.md", to_markdown(blocks)),
        ("report.html", to_html(blocks, out, "nestmotion: control")),
    ):
        with atomic_write(out / name) as path:
            path.write_text(text, "utf-8")
    return out / "report.md"


def _blocks(results: Results) -> Iterator[Block]:
    rows = {part["name"]: _rows(results, part["name"]) for part in results.plan["parts"]}
    settings = results.plan["settings"]
    yield Heading(1, "Experiment: control")
    yield Text(
        f"Bundle {settings['bundle']} (digest {settings['bundle_digest'][:12]}), {settings['clips']} "
        "test clips. Values stand with 95% intervals over rows, which count rows of one case or with "
        "one caption as dependent; p95 is the 95th percentile. Not sure: the interval holds the goal. "
        "Measures and evaluator: docs/evaluation.md."
    )
    yield Heading(2, "Goals")
    found = goals(rows)
    yield Table(
        ["goal", "measured", "rows", "verdict"],
        [[g.text, g.measured, str(g.rows), g.verdict] for g in found],
    )
    for part in results.plan["parts"]:
        yield Heading(2, part["title"])
        own = rows[part["name"]]
        if not own:
            yield Text("Not run.")
            continue
        cases = len({row["case"] for row in own})
        yield Text(f"{cases} case{'' if cases == 1 else 's'}. {_NOTES.get(part['name'], '')}".strip())
        yield from _minutes(own) if part["name"] == "minutes" else _groups(own)
    yield Heading(2, "What ran")
    yield Table(
        ["part", "cases", "minutes", "machine", ""],
        [
            [
                r["title"],
                str(r["cases"]),
                f"{r['seconds'] / 60:.1f}",
                r["machine"],
                "" if r["finished"] else "broken off",
            ]
            for r in results.log
        ],
    )


def _rows(results: Results, part: str) -> Rows:
    return [row for one in results.part(part) for row in one.rows.get("row", [])]


def _groups(rows: Rows) -> Iterator[Block]:
    """One table a group: measures by variant."""
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        variants = list(dict.fromkeys(row["variant"] for row in own))
        table = []
        for name, (label, percentile) in MEASURES.items():
            if not any(row.get(name) is not None for row in own):
                continue
            table.append([label, *(_cell(own, name, variant, percentile) for variant in variants)])
        yield Text(f"**{group}**")
        yield Table(["measure", *variants], table)


def _minutes(rows: Rows) -> Iterator[Block]:
    minutes = list(dict.fromkeys(row["group"] for row in rows))
    table = []
    for name, label in _MINUTES.items():
        table.append([label, *(_mean(values_of(rows, name, "whole", m)) for m in minutes)])
    for name in _IN_MINUTES:
        table.append([MEASURES[name][0], *(_mean(values_of(rows, name, "stream", m)) for m in minutes)])
    yield Table(["measure", *minutes], table)


def _cell(rows: Rows, measure: str, variant: str, percentile: bool) -> str:
    values = values_of(rows, measure, variant)
    if not len(values):
        return "-"
    e = estimate_of(rows, measure, variant)
    text = f"{_number(e.value)} ({_number(e.low)} to {_number(e.high)})"
    return f"{text}, p95 {_number(float(np.percentile(values, 95)))}" if percentile else text


def _mean(values: np.ndarray) -> str:
    return _number(float(values.mean())) if len(values) else "-"


def _number(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
