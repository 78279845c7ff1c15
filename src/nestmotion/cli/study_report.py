"""nestmotion study report."""

from __future__ import annotations

from pathlib import Path

import tyro

from nestmotion.evaluation.study_report import write_study_report
from nestmotion.studio.study import StudyStore
from nestmotion.studio.study.results import read_answers

__all__ = ["run"]


def run(study: tyro.conf.Positional[Path], /, *, out: Path | None = None) -> None:
    """Write what the raters of a study answered: preferences, strengths, scores and agreement.

    May be called while the study is open. The report says which model is which.

    Args:
        study: Folder made by nestmotion study create.
        out: Folder for report.md, report.html, tables as CSV, and figures; the folder "report" in that
            of the study when not given. An earlier report there is replaced.
    """
    answers = read_answers(StudyStore(study))
    print(write_study_report(answers, out if out is not None else study / "report"))
