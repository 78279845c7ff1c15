"""Checkpoints: weights, averaged weights and optimizer state as safetensors, the rest as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nestmotion.core.errors import TrainingError
from nestmotion.training.optimizer import Optimizer

__all__ = ["Progress", "load_checkpoint", "load_ema", "read_progress", "save_checkpoint"]

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Progress:
    """How far a run is: steps and epochs done, and seconds spent training."""

    step: int = 0
    epoch: int = 0
    seconds: float = 0.0


def save_checkpoint(
    run: Path, model: nn.Module, ema: nn.Module, optimizer: Optimizer, progress: Progress
) -> None:
    """Write the run's one checkpoint, replacing the one before it in a single step."""
    tensors: dict[str, Tensor] = {}
    tensors |= {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in ema.state_dict().items()}
    tensors |= {f"optimizer.{k}": v for k, v in optimizer.state_tensors().items()}
    metadata = {"progress": json.dumps(vars(progress))}
    temporary = run / (FILE + ".tmp")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, temporary, metadata)
    os.replace(temporary, run / FILE)


def _open(run: Path) -> tuple[dict[str, Tensor], Progress]:
    path = run / FILE
    if not path.is_file():
        raise TrainingError(f"{path}: no checkpoint there; train first")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, Progress(**json.loads(file.metadata()["progress"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: not a usable checkpoint ({error})") from None


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def load_checkpoint(run: Path, model: nn.Module, ema: nn.Module, optimizer: Optimizer) -> Progress:
    """Restore everything in place. Raises TrainingError when the file is missing or does not fit."""
    tensors, progress = _open(run)
    _load(run, model, _part(tensors, "model."))
    _load(run, ema, _part(tensors, "ema."))
    optimizer.load_state_tensors(_part(tensors, "optimizer."))
    return progress


def load_ema(run: Path, model: nn.Module, partly: bool = False) -> Progress:
    """Only the averaged weights, into `model`; with `partly`, what the run lacks is left as it is."""
    tensors, progress = _open(run)
    ema = _part(tensors, "ema.")
    _load(run, model, {**model.state_dict(), **ema} if partly else ema)
    return progress


def read_progress(run: Path) -> Progress:
    """How far the run's checkpoint is."""
    return _open(run)[1]


def _load(run: Path, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError:
        raise TrainingError(
            f"{run / FILE}: belongs to another model than the run's config describes"
        ) from None
