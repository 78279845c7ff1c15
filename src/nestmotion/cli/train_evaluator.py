"""nestmotion train-evaluator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress, TaskID

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.export_evaluator import export_evaluator, read_evaluator_config
from nestmotion.evaluation.train_evaluator import (
    EvaluatorConfig,
    evaluator_data,
    member_folder,
    train_evaluator,
    write_evaluator_config,
)
from nestmotion.text import TextEncoder
from nestmotion.training.checkpoint import FILE as CHECKPOINT
from nestmotion.training.run_folder import claim_run
from nestmotion.training.text_encoder import text_encoder_folder

__all__ = ["run"]


def run(
    *,
    corpus: Path,
    out: Path,
    resume: bool = False,
    config: Annotated[EvaluatorConfig, tyro.conf.arg(name="")] = EvaluatorConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train the independent evaluator and leave it in the folder evaluator inside the run folder.

    Args:
        corpus: Folder made by nestmotion corpus prepare.
        out: Run folder.
        resume: Go on from the run's checkpoint, with the run's own settings.
        config: Settings of network, pairs, optimizer and run.
    """
    if resume:
        config = replace(read_evaluator_config(out), threads=config.threads)
    prepared = PreparedCorpus.open(corpus)
    if not resume:
        claim_run(out)
    write_evaluator_config(out, config)
    texts = text_encoder_folder(config.text_encoder, out)
    encoder = TextEncoder.load(texts, config.threads)
    data = evaluator_data(config, prepared, encoder)
    with Progress() as bars:
        for k in range(config.members):
            task = bars.add_task(f"member {k}", total=None)

            def step(done: int, total: int, terms: dict[str, float], task: TaskID = task) -> None:
                bars.update(task, completed=done, total=total)

            folder, own = member_folder(out, k), replace(config, seed=config.seed + k)
            write_evaluator_config(folder, own)
            train_evaluator(own, data, folder, (folder / CHECKPOINT).exists(), step)
    if (out / "evaluator").exists():
        print(f"{out / 'evaluator'}: is there already")
        return
    record = export_evaluator(out, prepared, texts, data.words, out / "evaluator")
    for split in ("validation", "test"):
        if record[split]:
            top1, _, top3 = (record[split][f"top{k}"][0] for k in (1, 2, 3))
            print(f"{split}: {record[split]['clips']} clips, top 1 {top1:.3f}, top 3 {top3:.3f}")
    print(f"{out / 'evaluator'}: {record['parameters'] / 1e6:.1f} M parameters")
