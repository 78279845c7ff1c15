"""Checkpoints: complete, without pickles, and refused when they do not fit."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from nestmotion.core.errors import TrainingError
from nestmotion.training.checkpoint import (
    Progress,
    load_checkpoint,
    load_ema,
    read_progress,
    save_checkpoint,
)
from nestmotion.training.config import OptimizerConfig
from nestmotion.training.optimizer import Optimizer, build_optimizer

PROGRESS = Progress(step=3, epoch=1, seconds=2.5)
BOTH = OptimizerConfig(learning_rate=0.1, muon_rate=0.1)


class _Net(nn.Module):
    """A matrix for Muon, and a norm for AdamW."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, width), nn.LayerNorm(width)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[1](self.layers[0](x))


def _trained(seed: int = 0, width: int = 4) -> tuple[nn.Module, nn.Module, Optimizer]:
    """A small network after three steps, its average, and its optimizer, AdamW and Muon."""
    torch.manual_seed(seed)
    model = _Net(width)
    ema = copy.deepcopy(model)
    optimizer = build_optimizer(model, BOTH)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
    return model, ema, optimizer


def _state(model: nn.Module, ema: nn.Module, optimizer: Optimizer) -> list[torch.Tensor]:
    moments = optimizer.state_tensors()
    return [
        *model.state_dict().values(),
        *ema.state_dict().values(),
        *(moments[key] for key in sorted(moments)),
    ]


def test_everything_returns(tmp_path):
    saved, other = _trained(0), _trained(1)
    save_checkpoint(tmp_path, *saved, PROGRESS)
    assert not all(torch.equal(a, b) for a, b in zip(_state(*saved), _state(*other), strict=True))
    assert load_checkpoint(tmp_path, *other) == PROGRESS
    assert all(torch.equal(a, b) for a, b in zip(_state(*saved), _state(*other), strict=True))


def test_an_optimizer_that_took_no_step_goes_on_alike(tmp_path):
    saved = _trained(0)
    save_checkpoint(tmp_path, *saved, PROGRESS)
    model, ema = _trained(1)[:2]
    optimizer = build_optimizer(model, BOTH)
    load_checkpoint(tmp_path, model, ema, optimizer)
    for network, steps in ((saved[0], saved[2]), (model, optimizer)):
        steps.zero_grad()
        network(torch.ones(5, 3)).square().sum().backward()
        steps.step()
    assert all(
        torch.equal(a, b) for a, b in zip(saved[0].parameters(), model.parameters(), strict=True)
    )


def test_the_average_alone(tmp_path):
    saved = _trained(0)
    save_checkpoint(tmp_path, *saved, PROGRESS)
    network = _trained(1)[0]
    assert load_ema(tmp_path, network) == PROGRESS == read_progress(tmp_path)
    for found, ours in zip(network.parameters(), saved[1].parameters(), strict=True):
        assert torch.equal(found, ours)


def test_the_average_of_a_smaller_model_leaves_the_rest_as_it_is(tmp_path):
    saved = _trained(0)
    save_checkpoint(tmp_path, *saved, PROGRESS)
    network = _trained(1)[0]
    network.add_module("more", torch.nn.Linear(2, 2))
    before = network.more.weight.clone()
    with pytest.raises(TrainingError):
        load_ema(tmp_path, network)
    load_ema(tmp_path, network, partly=True)
    assert torch.equal(network.more.weight, before)
    for name, found in saved[1].named_parameters():
        assert torch.equal(network.get_parameter(name), found)


def test_the_file_is_safetensors_and_alone(tmp_path):
    save_checkpoint(tmp_path, *_trained(), PROGRESS)
    save_checkpoint(tmp_path, *_trained(), PROGRESS)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as file:
        assert json.loads(file.metadata()["progress"]) == {"step": 3, "epoch": 1, "seconds": 2.5}
        parts = {key.split(".")[0] for key in file.keys()}  # noqa: SIM118
    assert parts == {"model", "ema", "optimizer"}


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_not_run(tmp_path, writer):
    path, crater = tmp_path / "checkpoint.safetensors", tmp_path / "crater"
    if writer == "torch":
        torch.save({"bomb": _Bomb(crater)}, path)
    else:
        path.write_bytes(pickle.dumps(_Bomb(crater)))
    with pytest.raises(TrainingError) as error:
        load_checkpoint(tmp_path, *_trained())
    assert str(error.value).startswith(f"{path}: not a usable checkpoint (")
    assert "\n" not in str(error.value)
    assert not crater.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_file_cut_short(tmp_path, share):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(tmp_path, *_trained(), PROGRESS)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors: not a usable checkpoint \("):
        load_ema(tmp_path, _trained()[0])


def test_no_checkpoint(tmp_path):
    with pytest.raises(TrainingError) as error:
        load_ema(tmp_path, _trained()[0])
    path = tmp_path / "checkpoint.safetensors"
    assert str(error.value) == f"{path}: no checkpoint there; train first"
    with pytest.raises(TrainingError) as error:
        read_progress(tmp_path)
    assert str(error.value) == f"{path}: no checkpoint there; train first"


def test_another_model(tmp_path):
    save_checkpoint(tmp_path, *_trained(width=4), PROGRESS)
    with pytest.raises(TrainingError) as error:
        load_checkpoint(tmp_path, *_trained(width=5))
    path = tmp_path / "checkpoint.safetensors"
    expected = f"{path}: belongs to another model than the run's config describes"
    assert str(error.value) == expected
