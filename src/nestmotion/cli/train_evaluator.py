"""nestmotion train-evaluator."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.evaluator_data import EvaluatorData
from nestmotion.evaluation.export_evaluator import export_evaluator, read_evaluator_config
from nestmotion.evaluation.train_evaluator import EvaluatorConfig, train_evaluator
from nestmotion.text import TextEncoder
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
    folder = text_encoder_folder(config.text_encoder, out)
    encoder = TextEncoder.load(folder, config.threads)
    data = EvaluatorData(prepared, encoder, config.folds, config.validation_share, config.pairs)
    if not resume:
        (out / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", "utf-8")
    with Progress() as bars:
        task = bars.add_task("training", total=None)

        def step(done: int, total: int, terms: dict[str, float]) -> None:
            bars.update(task, completed=done, total=total)

        train_evaluator(config, data, out, resume, step)
    record = export_evaluator(out, prepared, folder, out / "evaluator")
    for split in ("validation", "test"):
        if record[split]:
            top1, _, top3 = (record[split][f"top{k}"][0] for k in (1, 2, 3))
            print(f"{split}: {record[split]['clips']} clips, top 1 {top1:.3f}, top 3 {top3:.3f}")
    print(f"{out / 'evaluator'}: {record['parameters'] / 1e6:.1f} M parameters")
