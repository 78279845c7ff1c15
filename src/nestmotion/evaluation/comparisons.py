"""What results say: models side by side, nested against the best baseline, and the paper's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nestmotion.evaluation.intervals import (
    Estimate,
    Sources,
    estimate_mean,
    estimate_ratio,
    holm,
    paired_difference,
)
from nestmotion.evaluation.protocol import LABELS
from nestmotion.evaluation.result_files import Finished, Results

__all__ = [
    "COMPARED",
    "OURS",
    "Claim",
    "Versus",
    "against_best",
    "against_whole",
    "by_model",
    "claims",
    "group_estimate",
    "percent_text",
]

OURS = "nested"

# Measures that each clip has by itself and of which more, or less, is better.
COMPARED = (
    "coverage",
    "matched_coverage",
    "top1",
    "top3",
    "mm_distance",
    "smoothness_error",
    "jump_rate",
    "drift",
    "foot_slide",
    "skating_ratio",
)
ACCURACY = "top3"


@dataclass(frozen=True)
class Versus:
    """Nested against the best baseline on the same clips.

    difference: nested minus baseline, mean over clips. percent: nested over baseline, less one hundred
    percent; its interval holds what is unsure about either. p_value: two-sided, with Holm's correction
    over the measures of one table.
    better: whether the difference is in the measure's good direction and p_value is under 0.05.
    """

    measure: str
    baseline: str
    difference: Estimate
    percent: Estimate
    p_value: float
    better: bool


@dataclass(frozen=True)
class Claim:
    """A claim of the paper. verdict: reproduced, partly, not, or not measured."""

    text: str
    paper: str
    measured: str
    verdict: str


def by_model(finished: Sequence[Finished], corpus: str) -> dict[str, Finished]:
    """The first finished measuring task of each model on a corpus."""
    found: dict[str, Finished] = {}
    for one in finished:
        if one.facts["kind"] == "measure" and one.facts["corpus"] == corpus:
            found.setdefault(one.facts["model"], one)
    return found


def _values(one: Finished, measure: str, chosen: Callable[[Mapping], bool]) -> dict[str, float]:
    return {
        row["clip"]: np.nan if row[measure] is None else row[measure]
        for row in one.rows.get("clip", [])
        if chosen(row)
    }


def _sources(one: Finished, clips: Sequence[str]) -> Sources:
    """The recordings each clip comes from."""
    found = {row["clip"]: row["sources"] for row in one.rows.get("clip", [])}
    return [found[clip] for clip in clips]


def group_estimate(one: Finished, measure: str, key: str, group: str) -> tuple[int, Estimate]:
    """Number of clips whose `key` is `group`, and the mean of a measure over them."""
    values = _values(one, measure, lambda row: row[key] == group)
    return len(values), estimate_mean(np.array(list(values.values())), _sources(one, list(values)))


def against_best(
    models: Mapping[str, Finished],
    measures: Sequence[str] = COMPARED,
    chosen: Callable[[Mapping], bool] = lambda row: True,
) -> list[Versus]:
    """Nested against the baseline that is best by each measure on the clips chosen.

    Empty unless nested and a baseline were measured. The best baseline is picked on the same clips,
    which favours the baseline.
    """
    found = []
    for measure in measures:
        scores = {name: _values(one, measure, chosen) for name, one in models.items()}
        means = {
            name: float(np.nanmean(list(values.values())))
            for name, values in scores.items()
            if not np.isnan(list(values.values())).all()
        }
        baselines = {name: mean for name, mean in means.items() if name != OURS}
        if OURS not in means or not baselines:
            continue
        sign = 1 if LABELS[measure][2] else -1
        best = max(baselines, key=lambda name: sign * baselines[name])
        shared = [clip for clip in scores[OURS] if clip in scores[best]]
        a, b = (np.array([scores[name][clip] for clip in shared]) for name in (OURS, best))
        sources = _sources(models[OURS], shared)
        compared, ratio = paired_difference(a, b, sources), estimate_ratio(a, b, sources)
        percent = Estimate(*(100 * (x - 1) for x in (ratio.value, ratio.low, ratio.high)))
        right = sign * compared.difference.value > 0
        found.append(Versus(measure, best, compared.difference, percent, compared.p_value, right))
    adjusted = holm([v.p_value for v in found])
    return [
        Versus(v.measure, v.baseline, v.difference, v.percent, p, v.better and p < 0.05)
        for v, p in zip(found, adjusted, strict=True)
    ]


def claims(results: Results) -> list[Claim]:
    """The paper's claims, each with what was measured and a verdict.

    Reproduced: the interval lies on the claimed side of no difference and reaches the claimed size.
    Partly: on the claimed side, but smaller. Not: everything else that was measured. Claims about long
    captions and depth are judged on T2M-Compose, whose captions are long, where it was measured, and
    told of single captions beside it.
    """
    main = by_model(results.part("main"), "captions")
    composed = by_model(results.part("main"), "compose")
    return [
        _difference_claim(main, "coverage", "Motion coverage", 12.1),
        _difference_claim(main, "smoothness_error", "Inter-frame smoothness error", -17.3),
        _difference_claim(main, "drift", "Average frame drift error", -13.5),
        *_on_both(_long_captions_claim, composed, main),
        *_on_both(_above_twenty_claim, composed, main),
        _depth_claim(results),
        _few_claim(results),
    ]


def percent_text(e: Estimate) -> str:
    """A difference in percent with its interval; "-" where there is none (the baseline is 0)."""
    return "-" if np.isnan(e.value) else f"{e.value:+.1f}% ({e.low:+.1f} to {e.high:+.1f})"


_NOT_MEASURED = ("-", "not measured")


def _on_both(
    make: Callable[[Mapping[str, Finished]], Claim],
    composed: Mapping[str, Finished],
    main: Mapping[str, Finished],
) -> list[Claim]:
    """A claim on T2M-Compose and on single captions, each where it was measured."""
    found = [(", T2M-Compose", make(composed))] if OURS in composed else []
    if OURS in main or not found:
        found.append((", single captions", make(main)))
    return [replace(claim, text=claim.text + where) for where, claim in found]


def _difference_claim(
    models: Mapping[str, Finished],
    measure: str,
    text: str,
    percent: float,
    chosen: Callable[[Mapping], bool] = lambda row: True,
) -> Claim:
    claimed = f"{percent:+.1f}%"
    clips = sum(chosen(row) for row in models[OURS].rows["clip"]) if OURS in models else 0
    found = against_best(models, [measure], chosen) if clips else []
    if not found:
        return Claim(text, claimed, *_NOT_MEASURED)
    (v,) = found
    p = v.percent
    if np.isnan(p.value):
        return Claim(text, claimed, "the best baseline's value is 0", "not measured")
    said = f"{percent_text(p)} against {v.baseline}, {clips} clips"
    towards = 1 if percent > 0 else -1
    near, far = sorted((towards * p.low, towards * p.high))
    if near > 0:
        return Claim(text, claimed, said, "reproduced" if far >= abs(percent) else "partly")
    return Claim(text, claimed, said, "not")


def _long_captions_claim(models: Mapping[str, Finished]) -> Claim:
    text = "Accuracy (R-precision, top 3) on captions of over 15 words"
    return _difference_claim(models, ACCURACY, text, 9.2, lambda row: row["length"] in ("16-20", ">20"))


def _above_twenty_claim(models: Mapping[str, Finished]) -> Claim:
    text, claimed = "Accuracy of nested above 20 words", "at least 72%"
    clips, found = (
        group_estimate(models[OURS], ACCURACY, "length", ">20") if OURS in models else (0, None)
    )
    if not clips or found is None:
        return Claim(text, claimed, *_NOT_MEASURED)
    value, low, high = (100 * x for x in (found.value, found.low, found.high))
    real = models[OURS].measures[ACCURACY]["real"]
    said = f"{value:.1f}% ({low:.1f} to {high:.1f}), {clips} clips"
    said += f"; real motion, captions of any length, {100 * real:.1f}%" if real is not None else ""
    verdict = "reproduced" if low >= 72 else "partly" if high >= 72 else "not"
    return Claim(text, claimed, said, verdict)


def _depth_claim(results: Results) -> Claim:
    text, claimed = "Depth of the tree", "gain saturates beyond depth 3"
    finished, corpus = _on_best_corpus(results.part("depth"))
    done = {one.facts["depth"]: one for one in finished}
    if not {1, 3, 5} <= set(done):
        return Claim(text, claimed, *_NOT_MEASURED)
    deep, deeper = (_gain(done[a], done[b]) for a, b in ((3, 1), (5, 3)))
    said = f"{corpus}, top 3, depth 1 to 3: {_points(deep)}; 3 to 5: {_points(deeper)}"
    if deep.low <= 0:
        return Claim(text, claimed, said, "not")
    # Neither growth nor a fall beyond depth 3 is saturation.
    level = deeper.low <= 0 <= deeper.high
    return Claim(text, claimed, said, "reproduced" if level else "partly")


def _on_best_corpus(finished: Sequence[Finished]) -> tuple[list[Finished], str]:
    """Those on T2M-Compose, whose captions are complex, where there are any, and the corpus's name."""
    composed = [one for one in finished if one.facts["corpus"] == "compose"]
    return (composed, "T2M-Compose") if composed else (list(finished), "single captions")


def _gain(one: Finished, other: Finished) -> Estimate:
    return _change(one, other, ACCURACY)[0]


def against_whole(
    one: Finished, whole: Finished, measures: Sequence[str]
) -> dict[str, tuple[Estimate, bool | None]]:
    """How each measure changes where a piece is left out, over the same clips, and whether it is then
    better (True), worse (False) or no different (None; p with Holm's correction over the measures)."""
    changes = {name: _change(one, whole, name) for name in measures}
    adjusted = holm([p for _, p in changes.values()])
    return {
        name: (d, (d.value > 0) == bool(LABELS[name][2]) if p < 0.05 else None)
        for (name, (d, _)), p in zip(changes.items(), adjusted, strict=True)
    }


def _change(one: Finished, other: Finished, measure: str) -> tuple[Estimate, float]:
    a, b = (_values(x, measure, lambda row: True) for x in (one, other))
    shared = [clip for clip in a if clip in b]
    values = np.array([a[c] for c in shared]), np.array([b[c] for c in shared])
    compared = paired_difference(*values, _sources(one, shared))
    return compared.difference, compared.p_value


def _points(e: Estimate) -> str:
    return f"{100 * e.value:+.1f} points ({100 * e.low:+.1f} to {100 * e.high:+.1f})"


def _few_claim(results: Results) -> Claim:
    text, claimed = "Few-sample training", "nested stays ahead with few samples"
    said, ahead, behind = [], [], []
    for share in sorted({one.facts["share"] for one in results.part("few")}):
        own = [one for one in results.part("few") if one.facts["share"] == share]
        found = against_best(by_model(own, "captions"), [ACCURACY]) if share <= 0.25 else []
        for v in found:
            said.append(f"{100 * share:g}%: {_points(v.difference)} against {v.baseline}")
            ahead.append(v.difference.low > 0)
            behind.append(v.difference.high < 0)
    if not ahead:
        return Claim(text, claimed, *_NOT_MEASURED)
    some = any(ahead) and not any(behind)
    verdict = "reproduced" if all(ahead) else "partly" if some else "not"
    return Claim(text, claimed, "top 3, " + "; ".join(said), verdict)
