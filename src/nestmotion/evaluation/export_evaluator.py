"""From an evaluator's training run to its folder, with what it was trained on and how well it does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError, TrainingError
from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.evaluation.evaluator import FILES, FORMAT, MANIFEST, Evaluator, group_hash
from nestmotion.evaluation.evaluator_checks import report
from nestmotion.evaluation.evaluator_network import (
    EvaluatorNetwork,
    MotionMembers,
    NetworkConfig,
    TextMembers,
)
from nestmotion.evaluation.measures import joint_speeds_m_s
from nestmotion.evaluation.motion_inputs import INPUT_SIZE, PATCH_FRAMES
from nestmotion.evaluation.train_evaluator import BEST, EvaluatorConfig, member_folder
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.onnx_files import save_onnx

__all__ = ["export_evaluator", "read_evaluator_config"]

JUMP_PERCENTILE = 99.9


def read_evaluator_config(run: Path) -> EvaluatorConfig:
    """The run's settings. Raises TrainingError when the folder is no evaluator's run."""
    path = run / "config.json"
    try:
        return TypeAdapter(EvaluatorConfig).validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise TrainingError(f"{path}: missing; {run} is not a run of train-evaluator") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TrainingError(f"{path}: not the settings of a run ({where}: {first['msg']})") from None


def export_evaluator(
    run: Path, corpus: PreparedCorpus, text_encoder: Path, words: Sequence[str], out: Path
) -> dict[str, Any]:
    """Write the run's members, each with the weights that did best on the validation groups, to the
    folder `out`, with evaluator.json, and return what that says.

    Corpus and words (`EvaluatorData.words`) must be those the run was trained on. Only here are the
    folds that were not trained on looked at: their retrieval is reported. Raises OutputError when `out`
    is not empty, TrainingError when a member is missing.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: is not empty; choose another folder")
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        record = _export(run, corpus, text_encoder, words, fresh)
        if out.exists():
            out.rmdir()
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return record


def _export(
    run: Path, corpus: PreparedCorpus, text_encoder: Path, words: Sequence[str], out: Path
) -> dict[str, Any]:
    config = read_evaluator_config(run)
    members = [member_folder(run, k) for k in range(config.members)]
    networks = [EvaluatorNetwork(read_evaluator_config(member).network) for member in members]
    pairs = zip(members, networks, strict=True)
    progress = [load_ema(member / BEST, network) for member, network in pairs]
    _save_networks(networks, config.network, out)
    clips = corpus.select(config.folds)
    held_out = [c for c in clips if is_validation_clip(c.group, config.validation_share)]
    trained = [c for c in clips if not is_validation_clip(c.group, config.validation_share)]
    speeds = [joint_speeds_m_s(corpus.motion(c).positions_m, corpus.fps) for c in trained]
    limit = np.percentile(np.concatenate(speeds), JUMP_PERCENTILE, axis=0)
    record: dict[str, Any] = {
        "format": FORMAT,
        "folds": list(config.folds),
        "validation_share": config.validation_share,
        "groups_seen": sorted({group_hash(c.group) for c in trained}),
        "text_encoder": sha256_of(text_encoder / "text_encoder.onnx"),
        "words": list(words),
        "more_captions": sha256_of(Path(config.more_captions)) if config.more_captions else None,
        "joint_speed_limit_m_s": [round(float(x), 3) for x in limit],
        "parameters": sum(p.numel() for network in networks for p in network.parameters()),
        "members": [
            {"settings": _settings(read_evaluator_config(member)), "trained": asdict(done)}
            for member, done in zip(members, progress, strict=True)
        ],
        "corpus": {k: corpus.manifest[k] for k in ("source", "clips", "captioned_clips", "files")},
        "files": {name: sha256_of(out / name) for name in FILES},
    }
    _write(out, record)
    evaluator = Evaluator.load(out, text_encoder, config.threads)
    test = [c for c in corpus.clips if c.fold not in config.folds and c.captions]
    record["validation"] = report(evaluator, corpus, [c for c in held_out if c.captions])
    record["test"] = report(evaluator, corpus, test) if test else None
    _write(out, record)
    return record


def _settings(config: EvaluatorConfig) -> dict[str, Any]:
    """Without the folders of the machine it was trained on."""
    named = {key: Path(getattr(config, key)).name for key in ("more_captions", "text_encoder")}
    return {**asdict(config), **named}


def _write(out: Path, record: dict[str, Any]) -> None:
    (out / MANIFEST).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _save_networks(networks: Sequence[EvaluatorNetwork], config: NetworkConfig, out: Path) -> None:
    batch = torch.export.Dim("batch")
    patches = torch.export.Dim("patches", max=4096)
    frames = PATCH_FRAMES * patches
    inputs = {
        "values": torch.randn(2, 4 * PATCH_FRAMES, INPUT_SIZE),
        "valid": torch.ones(2, 4 * PATCH_FRAMES, dtype=torch.bool),
    }
    shapes: dict[str, dict[int, Any]] = {name: {0: batch, 1: frames} for name in inputs}
    motion = MotionMembers([network.motion for network in networks]).eval()
    save_onnx(motion, inputs, "vector", shapes, "int8", out / "motion.onnx")
    length = torch.export.Dim("length", max=512)
    texts = {
        "values": torch.randn(2, 16, config.text_size),
        "words": torch.randint(config.words + 1, (2, 16)),
        "valid": torch.ones(2, 16, dtype=torch.bool),
    }
    shapes = {name: {0: batch, 1: length} for name in texts}
    text = TextMembers([network.text for network in networks]).eval()
    save_onnx(text, texts, "vector", shapes, "int8", out / "text.onnx")
