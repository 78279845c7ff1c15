"""nestmotion train-reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from nestmotion.training.reader import ReaderConfig, train_reader

__all__ = ["run"]

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def run(
    *,
    captions: tuple[Path, ...],
    out: Path,
    leave_out: tuple[Path, ...] = (),
    encoder: Path | None = None,
    config: Annotated[ReaderConfig, tyro.conf.arg(name="")] = ReaderConfig(),  # noqa: B008 (frozen)
    force: bool = False,
) -> None:
    """Teach a network to read semantic trees as the rules do, so that generation needs no spaCy.

    Args:
        captions: Files with one {"captions": [...]} a line, or prepared corpora, of which the training
            folds count. One caption in twenty is held out to measure with.
        out: Folder to write reader.onnx and reader.json to.
        leave_out: Such files with captions to be neither taught nor measured with.
        encoder: Folder with the text encoder; the bundle in the package when not given.
        config: Size of the network and its training.
        force: Replace a reader that is there.
    """
    with Progress(*_COLUMNS) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        record = train_reader(captions, leave_out, encoder, out, config, force, progress)
    print(f"{out}: reader taught by {record['texts']} texts; on {record['agreement']['texts']} others:")
    for name, value in record["agreement"].items():
        print(f"  {name:<18} {value:.3f}")
