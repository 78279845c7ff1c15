"""From a training run to a bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from nestmotion.core import canonical_skeleton
from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError, TrainingError
from nestmotion.corpus import PreparedCorpus
from nestmotion.features.parts import part_columns
from nestmotion.generate.amplitude import Amplitude
from nestmotion.generate.bundle import CARD, FILES, FORMAT, MANIFEST, TEXT_FILES, is_bundle
from nestmotion.generate.length import LengthModel
from nestmotion.generate.prompt import word_list
from nestmotion.generate.sides import WeakSide
from nestmotion.models import Condition, Conditioned, Denoiser, build_model
from nestmotion.text import TextEncoder
from nestmotion.text.nodes import CUES
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.config import TrainConfig
from nestmotion.training.data import training_clips
from nestmotion.training.model_card import licences, model_card
from nestmotion.training.onnx_files import save_onnx
from nestmotion.training.run_folder import (
    check_corpus,
    read_config,
    read_normalizer,
    training_record,
)
from nestmotion.training.start import average_with_start, check_own_share
from nestmotion.training.text_encoder import text_encoder_folder

__all__ = ["DetailShare", "ExportSettings", "export"]

LONGEST_S = 10.0
SHORTEST_S = 1.0
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class DetailShare:
    """How much of what learned detail changes is changed: of the arms, and of all else. It takes away
    some of what guidance brings, and legs need that more than arms do (docs/adr/0030)."""

    arms: float = 1.0
    rest: float = 1.0


@dataclass(frozen=True)
class ExportSettings:
    """What generation with the bundle does unless told otherwise: sampler steps and guidance. With the
    guidance that a run has learned (TrainConfig.learn_guidance) a step is one reading, not two.
    amplitude: how many times as far joints turn as the network says (benchmarks/amplitude.py).
    weak_side: the side that the network does less well (docs/adr/0028), left, right or none.
    own_share: the rest of each weight is that of what the run started from, for something in between.
    detail: how much of the detail that was learned is made.
    """

    name: str = "nested"
    steps: int = 12
    guidance: float = 4.0
    amplitude: Amplitude = field(default_factory=Amplitude)
    weak_side: WeakSide = field(default_factory=WeakSide)
    own_share: float = 1.0
    detail: DetailShare = field(default_factory=DetailShare)


def export(
    run: Path,
    corpus: PreparedCorpus,
    out: Path,
    settings: ExportSettings,
    force: bool = False,
) -> dict[str, Any]:
    """Write the run's averaged weights as a bundle to `out` and return its manifest.

    The corpus must be the one the run was trained on: its training captions give the length model and
    the vocabulary. Raises OutputError when `out` is not empty and `force` is off, TrainingError when
    run and corpus do not belong together, there is nothing to average weights with, or no such detail.
    """
    config = read_config(run)
    check_corpus(run, corpus)
    check_own_share(run, config, settings.own_share)
    _check_detail_share(config, settings.detail)
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose a folder")
    if out.exists() and any(out.iterdir()):
        if not force:
            raise OutputError(f"{out}: is not empty; use --force to replace it")
        if not is_bundle(out):
            raise OutputError(f"{out}: holds no bundle, so it is not replaced; choose another folder")
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        manifest = _write(run, config, corpus, fresh, settings)
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{out}: cannot be written: {reason}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _write(
    run: Path,
    config: TrainConfig,
    corpus: PreparedCorpus,
    out: Path,
    settings: ExportSettings,
) -> dict[str, Any]:
    model = build_model(config.model, config.network)
    load_ema(run, model)
    guidance = average_with_start(model, config, settings.own_share)
    for part in model.detail_parts():
        part.weaken(_shares(settings.detail))
    for name in TEXT_FILES:
        shutil.copyfile(text_encoder_folder(config.text_encoder, run) / name, out / name)
    _export_network(model.eval(), out / "network.onnx")
    normalizer = {k: v.tolist() for k, v in read_normalizer(run).to_arrays().items()}
    _write_json(out / "normalizer.json", normalizer)
    _write_json(out / "skeleton.json", canonical_skeleton().to_dict())
    _text_statistics(corpus, config, TextEncoder.load(out), out)
    (out / "LICENCES.md").write_text(licences(corpus.manifest), "utf-8")
    manifest = {
        "format": FORMAT,
        "name": settings.name,
        "fps": corpus.fps,
        "model": config.model,
        "generative": model.generative,
        "controllable": model.controllable,
        "semantic_depth": config.network.semantic_depth,
        "patch_frames": config.network.patch_frames,
        "frame_multiple": config.network.frame_multiple,
        "seconds": {"shortest": SHORTEST_S, "longest": LONGEST_S},
        "sampling": {
            "steps": settings.steps,
            "guidance": settings.guidance,
            "learned_guidance": guidance,
            "amplitude": asdict(settings.amplitude),
            "weak_side": asdict(settings.weak_side),
        },
        "own_share": settings.own_share,
        "detail": asdict(settings.detail),
        "parameters": sum(p.numel() for p in model.parameters()),
        "training": training_record(run),
        "files": {name: sha256_of(out / name) for name in FILES},
    }
    _write_json(out / MANIFEST, manifest)
    (out / CARD).write_text(model_card(manifest), "utf-8")
    return manifest


def _check_detail_share(config: TrainConfig, detail: DetailShare) -> None:
    if not all(0.0 <= share <= 1.0 for share in (detail.arms, detail.rest)):
        raise TrainingError(
            f"shares of the detail are 0 to 1, not {detail.arms:g} (arms) and {detail.rest:g} (rest)"
        )
    if detail != DetailShare() and not config.network.detail_width:
        raise TrainingError(
            "this run's network has no detail; leave --detail.arms and --detail.rest out"
        )


def _shares(detail: DetailShare) -> Float[torch.Tensor, "f"]:
    arms = torch.from_numpy(part_columns(canonical_skeleton(), ("left arm", "right arm")))
    return torch.where(arms, detail.arms, detail.rest)


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", "utf-8")


def _export_network(model: Denoiser, path: Path) -> None:
    config = model.config
    b, t, n = 2, 2 * config.frame_multiple, 5
    condition = Condition(
        sentence=torch.randn(b, config.text_size),
        has_text=torch.tensor([True, False]),
        node_vectors=torch.randn(b, n, config.text_size),
        node_kind=torch.zeros(b, n, dtype=torch.int64),
        node_level=torch.tensor([1, 2, 3, 4, 4]).expand(b, n).contiguous(),
        node_parent=torch.tensor([0, 0, 1, 2, 2]).expand(b, n).contiguous(),
        node_order=torch.tensor([-1, 0, 0, 0, 0]).expand(b, n).contiguous(),
        node_cues=torch.zeros(b, n, len(CUES)),
        node_valid=torch.ones(b, n, dtype=torch.bool),
    )
    inputs = {
        "noisy": torch.randn(b, t, config.feature_size),
        "time": torch.rand(b),
        "known": torch.zeros(b, t, config.feature_size, dtype=torch.bool),
        "valid": torch.ones(b, t, dtype=torch.bool),
        **condition.tensors(),
    }
    batch, nodes = torch.export.Dim("batch"), torch.export.Dim("nodes", min=1, max=1024)
    frames = config.frame_multiple * torch.export.Dim("groups", max=1024)
    shapes: dict[str, dict[int, Any]] = {name: {0: batch} for name in inputs}
    for name in ("noisy", "known", "valid"):
        shapes[name][1] = frames
    for name in inputs:
        if name.startswith("node_"):
            shapes[name][1] = nodes
    save_onnx(Conditioned(model), inputs, ("clean", "alignment"), shapes, "float16", path)


def _text_statistics(
    corpus: PreparedCorpus, config: TrainConfig, encoder: TextEncoder, out: Path
) -> None:
    """Fit the length model and list the words, both on training captions alone."""
    clips = training_clips(corpus, config.data, config.network.patch_frames).captioned
    pairs = [(caption.text, len(clip) / corpus.fps) for clip in clips for caption in clip.captions]
    vectors = _sentence_vectors(sorted({text for text, _ in pairs}), encoder)
    length = LengthModel.fit(
        np.array([vectors[text] for text, _ in pairs]), np.array([seconds for _, seconds in pairs])
    )
    _write_json(out / "length.json", length.to_dict())
    words: Sequence[str] = sorted({word for text, _ in pairs for word in word_list(text)})
    (out / "vocabulary.txt").write_text("\n".join(words) + "\n", "utf-8")


def _sentence_vectors(texts: Sequence[str], encoder: TextEncoder) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for a in range(0, len(texts), _TEXTS_AT_ONCE):
        part = texts[a : a + _TEXTS_AT_ONCE]
        found.update(zip(part, encoder.encode(part).sentence, strict=True))
    return found
