"""The report of a study: report.md, report.html, a CSV a table, and figures."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core.errors import SettingsError
from nestmotion.evaluation.document import Block, Heading, Image, Table, Text, to_html, to_markdown
from nestmotion.evaluation.intervals import Estimate
from nestmotion.evaluation.study_answers import ASPECTS, StudyAnswers
from nestmotion.evaluation.study_figures import write_study_figures
from nestmotion.evaluation.study_tables import MOST_FAILED, ModelResult, StudyTables, study_tables
from nestmotion.io._atomic import atomic_write

__all__ = ["write_study_report"]


def write_study_report(answers: StudyAnswers, out: Path) -> Path:
    """Write the report to the folder `out` and return the path of report.md.

    Raises SettingsError while nobody has answered, OutputError when a file cannot be written.
    """
    if not any(rater.answered for rater in answers.raters):
        raise SettingsError("nobody has answered yet; the raters' links: nestmotion study serve")
    tables = study_tables(answers)
    figures = write_study_figures(tables, out / "figures")
    blocks = list(_blocks(answers, tables, figures))
    for name, text in (
        ("report.md", to_markdown(blocks)),
        ("report.html", to_html(blocks, out, "nestmotion: a study")),
    ):
        with atomic_write(out / name) as path:
            path.write_text(text, "utf-8")
    for name, rows in _csv_files(answers, tables).items():
        with atomic_write(out / f"{name}.csv") as path, path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return out / "report.md"


def _blocks(answers: StudyAnswers, tables: StudyTables, figures: Mapping[str, str]) -> Iterator[Block]:
    yield Heading(1, "Study")
    yield from _summary(answers, tables)
    if tables.pairs:
        yield Heading(2, "Preference")
        yield from _preference(tables)
    if any(one.clips_scored for one in tables.models):
        yield Heading(2, "Scores")
        yield Text("Mean score, 1 to 5, with 95% interval.")
        yield _scores_table(tables.models)
    if tables.groups:
        yield Heading(2, "By group of prompts")
        yield from _groups(tables)
    if tables.agreement:
        yield Heading(2, "Agreement")
        yield Text("Krippendorff's alpha: 1 is full agreement of the raters, 0 that of chance.")
        rows = [[a.about, a.level, str(a.units), _estimate(a.alpha)] for a in tables.agreement]
        yield Table(["about", "level", "judged by two or more", "alpha"], rows)
    yield Heading(2, "Raters")
    yield from _raters(tables)
    if figures:
        yield Heading(2, "Figures")
        for stem, title in figures.items():
            yield Image(f"figures/{stem}.png", f"{title}, with 95% intervals.")


def _summary(answers: StudyAnswers, tables: StudyTables) -> Iterator[Block]:
    took_part = [rater for rater in tables.raters if rater.answered]
    out = [rater.name for rater in took_part if not rater.counted]
    done = sum(rater.answered == rater.asked for rater in took_part)
    yield Text(
        f"{len(took_part)} of {len(tables.raters)} raters answered, {done} of them to the end; the "
        f"clips are of {answers.prompts} prompts. Who fails more than {MOST_FAILED} attention check "
        f"with a broken clip is left out: {', '.join(out) or 'nobody'}."
    )
    yield Table(["model", "bundle"], [[label, about] for label, about in answers.models.items()])
    yield Text(
        "Intervals are 95%; they take into account that answers of one rater are alike, and answers "
        "about one prompt. Pairs with a broken clip and pairs shown again are not counted."
    )


def _preference(tables: StudyTables) -> Iterator[Block]:
    yield Table(
        ["model", "strength", "share of its pairs won", "pairs"],
        [
            [one.model, _estimate(one.strength), _estimate(one.won.share), str(one.won.answers)]
            for one in tables.models
        ],
    )
    yield Text(
        "Strength: Bradley-Terry, natural logarithm, mean 0; a model is preferred to another with the "
        "odds exp(difference)."
    )
    rows = [
        [
            f"{pair.first} over {pair.second}",
            str(pair.share.answers),
            _estimate(pair.share.share),
            "<0.0001" if pair.adjusted < 1e-4 else f"{pair.adjusted:.4f}",
            pair.preferred or "no difference shown",
        ]
        for pair in tables.pairs
    ]
    yield Table(["pair", "answers", "prefer the first", "p", "preferred"], rows)
    yield Text("p: of no preference, two-sided, with Holm's correction over the pairs.")


def _scores_table(models: Sequence[ModelResult]) -> Table:
    rows = [
        [one.model, str(one.clips_scored), *(_estimate(one.scores[aspect]) for aspect in ASPECTS)]
        for one in models
    ]
    return Table(["model", "scorings", *ASPECTS.values()], rows)


def _groups(tables: StudyTables) -> Iterator[Block]:
    names = [one.model for one in tables.models]
    if tables.pairs:
        yield Text("Share of its pairs that a model won:")
        rows = [[g, *(_estimate(one.won.share) for one in own)] for g, own in tables.groups.items()]
        yield Table(["group", *names], rows)
    for aspect, label in ASPECTS.items():
        found = {g: [one.scores[aspect] for one in own] for g, own in tables.groups.items()}
        if any(not np.isnan(e.value) for own in found.values() for e in own):
            yield Text(f"Mean score of {label}:")
            yield Table(["group", *names], [[g, *map(_estimate, own)] for g, own in found.items()])


def _raters(tables: StudyTables) -> Iterator[Block]:
    if tables.side.answers:
        yield Text(
            f"Clip A was preferred in {_estimate(tables.side.share)} of the pairs; half would be no "
            "preference for a side."
        )
    rows = [
        [
            rater.name,
            f"{rater.answered} of {rater.asked}",
            f"{rater.checks - rater.failed} of {rater.checks}",
            _number(rater.steady),
            _number(rater.first_share),
            _number(rater.median_s),
            "yes" if rater.counted else "no",
        ]
        for rater in tables.raters
    ]
    header = ["rater", "answered", "checks passed", "same answer again", "A preferred"]
    yield Table([*header, "median s", "counted"], rows)


def _csv_files(answers: StudyAnswers, tables: StudyTables) -> dict[str, list[list[Any]]]:
    counted = {rater.name for rater in tables.raters if rater.counted}
    results = [("all", one) for one in tables.models]
    results += [(group, one) for group, own in tables.groups.items() for one in own]
    interval = ("value", "low", "high")
    return {
        "preferences": [
            ["rater", "counted", "prompt", "group", "first", "second", "chosen", "repeat", "seconds"],
            *(
                [p.rater, p.rater in counted, p.prompt, p.group, p.first, p.second, p.chosen, p.repeat]
                + [round(p.seconds, 2)]
                for p in answers.preferences
            ),
        ],
        "scores": [
            ["rater", "counted", "prompt", "group", "model", *ASPECTS, "seconds"],
            *(
                [s.rater, s.rater in counted, s.prompt, s.group, s.model]
                + [*(s.values[aspect] for aspect in ASPECTS), round(s.seconds, 2)]
                for s in answers.scores
            ),
        ],
        "models": [
            ["group", "model", "measure", "answers", *interval],
            *(
                [group, one.model, measure, count, *_rounded(estimate)]
                for group, one in results
                for measure, count, estimate in _measures(one)
            ),
        ],
        "pairs": [
            ["first", "second", "answers", *interval, "p", "p_holm"],
            *(
                [p.first, p.second, p.share.answers, *_rounded(p.share.share)]
                + [p.share.p_value, p.adjusted]
                for p in tables.pairs
            ),
        ],
        "agreement": [
            ["about", "level", "units", *interval],
            *([a.about, a.level, a.units, *_rounded(a.alpha)] for a in tables.agreement),
        ],
        "raters": [
            [
                "rater",
                "asked",
                "answered",
                "checks",
                "failed",
                "steady",
                "first_share",
                "median_s",
                "counted",
            ],
            *(
                [r.name, r.asked, r.answered, r.checks, r.failed, r.steady, r.first_share, r.median_s]
                + [r.counted]
                for r in tables.raters
            ),
        ],
    }


def _measures(one: ModelResult) -> Iterator[tuple[str, int, Estimate]]:
    yield "strength", one.won.answers, one.strength
    yield "won", one.won.answers, one.won.share
    for aspect, estimate in one.scores.items():
        yield aspect, one.clips_scored, estimate


def _rounded(e: Estimate) -> list[float | str]:
    return ["" if np.isnan(v) else round(v, 6) for v in (e.value, e.low, e.high)]


def _estimate(e: Estimate) -> str:
    return "-" if np.isnan(e.value) else f"{_number(e.value)} ({_number(e.low)} to {_number(e.high)})"


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.2f}"
