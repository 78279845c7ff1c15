"""nestmotion experiment control."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.control import ControlRunner
from nestmotion.evaluation.control_cases import Bench
from nestmotion.evaluation.control_parts import check_parts
from nestmotion.evaluation.control_report import write_control_report
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.generate import TextToMotion

__all__ = ["run"]

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)


def run(
    *,
    corpus: Path,
    out: Path,
    cases: int = 200,
    only: str = "",
    minutes: int = 10,
    bundle: Path | None = None,
    evaluator: Path | None = None,
    threads: int = 1,
    report_only: bool = False,
) -> None:
    """Measure how well a bundle is controlled: poses, targets, paths, timelines, streams, edits, loops.

    What is finished is kept: the same command, given again after an interruption, with more parts or
    with more cases, goes on where it was.

    Args:
        corpus: Folder made by nestmotion corpus prepare.
        out: Folder for results and report.
        cases: How many cases; some parts take a share of them (docs/experiments.md).
        only: Parts to run, with commas: control,timeline,overlap,loop,in-place,edit,stream,minutes.
            All when not given.
        minutes: Length of the long stream.
        bundle: Folder of a bundle; the one in the package when not given.
        evaluator: Folder of an evaluator; the one in the package when not given.
        threads: CPU threads.
        report_only: Run nothing; write the report from the results that are there.
    """
    parts = check_parts(tuple(word.strip() for word in only.split(",") if word.strip()))
    if report_only:
        print(write_control_report(out))
        return
    prepared = PreparedCorpus.open(corpus)
    model = TextToMotion.load(bundle, threads)
    judge = Evaluator.load(evaluator, bundle, threads)
    bench = Bench.of(prepared, model, judge, minutes)
    with Progress(*_COLUMNS) as bars:
        task = bars.add_task("", total=None)
        runner = ControlRunner(
            out,
            bench,
            parts,
            cases,
            lambda part, done, total: bars.update(task, description=part, completed=done, total=total),
        )
        for _ in runner.run():
            write_control_report(out)
    print(write_control_report(out))
