"""What is measured on which clips: generated motions against references with the same captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import canonicalize, resample
from nestmotion.core.errors import SettingsError
from nestmotion.evaluation import measures
from nestmotion.evaluation.evaluator import Evaluator, normal_text
from nestmotion.evaluation.intervals import Estimate, Sources, estimate_mean, jackknife
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3
from nestmotion.evaluation.motion_inputs import FPS

__all__ = ["LABELS", "REPETITIONS", "evaluate_motions", "results_table"]

REPETITIONS = 20

# Measure -> (what a reader calls it, unit, whether more is better; None where neither is).
LABELS: dict[str, tuple[str, str, bool | None]] = {
    "coverage": ("coverage", "share", True),
    "matched_coverage": ("matched coverage", "share", True),
    "top1": ("R-precision, top 1", "share", True),
    "top2": ("R-precision, top 2", "share", True),
    "top3": ("R-precision, top 3", "share", True),
    "mm_distance": ("MM distance", "", False),
    "fid": ("FID", "", False),
    "diversity": ("diversity", "", None),
    "multimodality": ("multimodality", "", None),
    "smoothness_error": ("smoothness error", "m/s^3", False),
    "mean_jerk": ("mean jerk", "m/s^3", None),
    "peak_jerk": ("peak jerk", "m/s^3", None),
    "area_under_jerk": ("area under jerk", "m/s^2", None),
    "jump_rate": ("jump rate", "share", False),
    "drift": ("average frame drift error", "cm/frame", False),
    "foot_slide": ("stance-foot slide", "mm/frame", False),
    "skating_ratio": ("skating ratio", "share", False),
    "acceleration": ("acceleration distance", "m/s^2", False),
    "acceleration_20_40": ("the same, frames 20 to 40", "m/s^2", False),
}


def evaluate_motions(
    generated: Sequence[Motion],
    references: Sequence[Motion],
    captions: Sequence[str],
    evaluator: Evaluator,
    rng: np.random.Generator,
    samples: Sequence[Sequence[Motion]] = (),
    sources: Sources | None = None,
) -> dict[str, Any]:
    """Measure generated motions, one a caption, against the references with the same captions.

    samples: several motions of each caption, for multimodality; without them it is not measured.
    sources: the recordings each clip comes from; intervals count clips that share one as dependent.
    Everything is measured at 20 fps. Returns `clips`, their number; `measures`, for each of LABELS
    the `value` with its 95% interval `low` to `high` over clips, and `real`, real motion's own (for
    distances between sets that of two random halves of the references; None where the measure is a
    difference from the reference itself); and `per_clip`, one row a caption. What cannot be measured
    is None. Raises SettingsError when the lengths differ, there is only one clip, or a motion has
    other joints than the canonical skeleton.
    """
    _check(generated, references, captions)
    made, real = ([resample(m, FPS) for m in motions] for motions in (generated, references))
    numbers = _caption_numbers(captions)
    texts = evaluator.embed_texts(captions)
    m, r = evaluator.embed_motions(made), evaluator.embed_motions(real)
    rows = _rows(made, real, evaluator)
    real_rows = _rows(real, real, evaluator)
    for motions, table in ((m, rows), (r, real_rows)):
        hits = measures.r_precision(texts, motions, numbers, rng, repetitions=REPETITIONS)
        table |= {"top1": hits[:, 0], "top2": hits[:, 1], "top3": hits[:, 2]}
        table["mm_distance"] = measures.mm_distance(texts, motions)
    halves = measures.split_halves(len(real), rng)
    rows["coverage"] = measures.covered(r, m).astype(float)
    rows["matched_coverage"] = measures.matched_covered(r, m).astype(float)
    real_rows["coverage"] = measures.covered(r[halves[0]], r[halves[1]]).astype(float)
    if samples:
        several = np.stack([evaluator.embed_motions(motions) for motions in samples])
        rows["multimodality"] = measures.multimodality(several)
    found = {name: estimate_mean(values, sources) for name, values in rows.items()}
    compared_with_itself = {"smoothness_error", "drift"}
    floor = {
        name: estimate_mean(values).value
        for name, values in real_rows.items()
        if name not in compared_with_itself
    }
    whole, whole_floor = _of_sets(made, real, m, r, halves, rng)
    return {
        "clips": len(captions),
        "measures": _table(found | whole, floor | whole_floor),
        "per_clip": [
            {"caption": caption, "words": len(normal_text(caption).split()), "seconds": ref.duration_s}
            | {name: _number(values[k]) for name, values in rows.items()}
            for k, (caption, ref) in enumerate(zip(captions, references, strict=True))
        ],
    }


def _check(generated: Sequence[Motion], references: Sequence[Motion], captions: Sequence[str]) -> None:
    if not len(generated) == len(references) == len(captions):
        raise SettingsError(
            f"{len(generated)} motions, {len(references)} references and {len(captions)} captions do "
            "not belong together; give one of each a clip"
        )
    if len(captions) < 2:
        raise SettingsError(f"{len(captions)} clips cannot be ranked; give at least two")
    names = canonical_skeleton().joint_names
    for motion in (*generated, *references):
        if motion.skeleton.joint_names != names:
            raise SettingsError(
                f"a motion has {len(motion.skeleton)} joints that are not the {len(names)} canonical "
                "ones; convert it with nestmotion convert --retarget"
            )


def _caption_numbers(captions: Sequence[str]) -> np.ndarray:
    known: dict[str, int] = {}
    return np.array([known.setdefault(normal_text(text), len(known)) for text in captions])


def _rows(
    made: Sequence[Motion], real: Sequence[Motion], evaluator: Evaluator
) -> dict[str, Float[np.ndarray, "n"]]:
    """Measures that each clip has by itself."""
    limit = np.array(evaluator.record["joint_speed_limit_m_s"])
    jerks = [measures.joint_jerk_m_s3(m.positions_m, FPS).max(axis=1) for m in real]
    usual = float(np.concatenate(jerks).mean())
    pairs = list(zip(made, real, strict=True))

    def each(measure: Callable[[np.ndarray], float]) -> np.ndarray:
        return np.array([measure(m.positions_m) for m in made])

    return {
        "smoothness_error": np.array(
            [measures.smoothness_error_m_s3(a.positions_m, b.positions_m, FPS) for a, b in pairs]
        ),
        "mean_jerk": np.array([mean_jerk_m_s3(m) for m in made]),
        "peak_jerk": each(lambda p: measures.peak_jerk_m_s3(p, FPS)),
        "area_under_jerk": each(lambda p: measures.area_under_jerk_m_s2(p, FPS, usual)),
        "jump_rate": each(lambda p: measures.jump_rate(p, FPS, limit)),
        "drift": np.array([measures.drift_cm(_floor_path_m(a), _floor_path_m(b)) for a, b in pairs]),
        "foot_slide": np.array([foot_slide_mm(m) for m in made]),
        "skating_ratio": each(measures.skating_ratio),
    }


def _floor_path_m(motion: Motion) -> Float[np.ndarray, "t 2"]:
    return canonicalize(motion).root_m[:, [0, 2]]


def _of_sets(
    made: Sequence[Motion],
    real: Sequence[Motion],
    m: Float[np.ndarray, "n d"],
    r: Float[np.ndarray, "n d"],
    halves: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Measures of all clips together, and the same of real motion: of one half against the other."""
    one, other = halves
    n, seed = len(made), int(rng.integers(2**31))

    def spread(motions: np.ndarray) -> float:
        return measures.diversity(motions, np.random.default_rng(seed))

    found = {
        "fid": jackknife(lambda k: measures.frechet_distance(r[k], m[k]), n, rng),
        "diversity": jackknife(lambda k: spread(m[k]), n, rng),
    }
    floor = {"fid": measures.frechet_distance(r[one], r[other]), "diversity": spread(r)}
    for name, frames in (("acceleration", None), ("acceleration_20_40", measures.ACCELERATION_FRAMES)):
        a, b = (
            [measures.accelerations_m_s2(x.positions_m, FPS, frames) for x in motions]
            for motions in (made, real)
        )

        def distance(k: np.ndarray, a: list = a, b: list = b) -> float:
            return measures.acceleration_distance([a[i] for i in k], [b[i] for i in k])

        found[name] = jackknife(distance, n, rng)
        floor[name] = measures.acceleration_distance([b[i] for i in one], [b[i] for i in other])
    return found, floor


def _table(found: dict[str, Estimate], floor: dict[str, float]) -> dict[str, Any]:
    none = Estimate(np.nan, np.nan, np.nan)
    return {
        name: {key: _number(value) for key, value in asdict(found.get(name, none)).items()}
        | {"real": _number(floor.get(name, np.nan)), "unit": unit}
        for name, (_, unit, _) in LABELS.items()
    }


def _number(value: float) -> float | None:
    """For JSON, which knows no NaN."""
    return None if np.isnan(value) else round(float(value), 6)


def results_table(results: dict[str, Any]) -> str:
    """The measures as lines of text: value, 95% interval, real motion's own value, unit."""
    lines = [f"{'':28}{'value':>9}  {'95% interval':>19}  {'real':>9}"]
    for name, (label, unit, more) in LABELS.items():
        row = results["measures"][name]
        if row["value"] is None:
            continue
        arrow = {True: " ↑", False: " ↓", None: ""}[more]
        interval = f"{_shown(row['low'])} to {_shown(row['high'])}"
        lines.append(
            f"{label + arrow:28}{_shown(row['value']):>9}  {interval:>19}  {_shown(row['real']):>9}  "
            f"{'' if unit == 'share' else unit}".rstrip()
        )
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
