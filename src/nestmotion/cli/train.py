"""nestmotion train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nestmotion.corpus import PreparedCorpus
from nestmotion.text import TextEncoder
from nestmotion.text.reader import TreeReader
from nestmotion.training.config import TrainConfig
from nestmotion.training.data import TrainingData
from nestmotion.training.loop import train
from nestmotion.training.parallel import check_processes
from nestmotion.training.run_folder import (
    check_corpus,
    check_extra,
    claim_run,
    create_run,
    read_config,
    read_normalizer,
)
from nestmotion.training.start import check_start, start_normalizer
from nestmotion.training.text_encoder import text_encoder_folder

__all__ = ["run"]

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
    TextColumn("{task.fields[note]}"),
)


def run(
    *,
    corpus: Path,
    out: Path,
    composed: Path | None = None,
    narrated: Path | None = None,
    resume: bool = False,
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = TrainConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train a model on a prepared corpus and leave a run folder with checkpoint and log.

    Args:
        corpus: Folder made by nestmotion corpus prepare.
        out: Run folder.
        composed: Folder made by nestmotion corpus compose, of clips with several actions.
        narrated: Folder made by nestmotion corpus narrate, of stretches with captions by rules.
        resume: Go on from the run's checkpoint exactly as if it had never stopped. Of the settings
            given, only threads and device count then; all else is the run's own.
        config: Settings of model, data, optimizer, loss and run.
    """
    if resume:
        config = replace(read_config(out), threads=config.threads, device=config.device)
    check_processes(config.processes, config.device)
    check_start(config)
    prepared = PreparedCorpus.open(corpus)
    extra = {
        "composed": PreparedCorpus.open(composed) if composed is not None else None,
        "narrated": PreparedCorpus.open(narrated) if narrated is not None else None,
    }
    if resume:
        check_corpus(out, prepared)
        check_extra(out, extra)
    else:
        claim_run(out)
    folder = text_encoder_folder(config.text_encoder, out)
    encoder, reader = TextEncoder.load(folder, config.threads), TreeReader.load(folder)
    with Progress(*_COLUMNS) as bars:
        reading = bars.add_task("reading clips", total=None, note="")

        def read(done: int, total: int) -> None:
            bars.update(reading, completed=done, total=total)

        data = TrainingData(
            prepared,
            encoder,
            reader,
            config.data,
            config.network,
            composed=extra["composed"],
            narrated=extra["narrated"],
            cache=corpus / "cache",
            normalizer=read_normalizer(out) if resume else start_normalizer(config),
            progress=read,
        )
        if not resume:
            create_run(out, config, prepared, extra, data.normalizer)
        steps = bars.add_task("training", total=None, note="")

        def step(done: int, total: int, terms: dict[str, float]) -> None:
            bars.update(steps, completed=done, total=total, note=f"loss {terms['total']:.3f}")

        state = train(config, data, out, resume, step)
    print(f"{out}: {state.step} steps, {state.epoch} epochs, {state.seconds / 60:.1f} minutes")
