"""AdamW, alone and with Muon: who has which parameter, rates, and state that returns."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nestmotion.models import MODELS
from nestmotion.training.config import OptimizerConfig
from nestmotion.training.muon import Muon, orthogonal
from nestmotion.training.optimizer import Optimizer, build_optimizer
from synthetic_batches import changed_model

ADAM = OptimizerConfig(learning_rate=0.01)
BOTH = OptimizerConfig(learning_rate=0.01, muon_rate=0.02)

kinds = pytest.mark.parametrize("config", [ADAM, BOTH], ids=["adamw", "muon"])


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))])
        self.last = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = x + layer(x).relu()
        return self.last(x)


def _net(seed: int = 0) -> _Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _Net()


def _steps(net: nn.Module, optimizer: Optimizer, count: int, share: float = 1.0) -> None:
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    for _ in range(count):
        optimizer.scale_rates(share)
        optimizer.zero_grad()
        (net(x) - 1).square().mean().backward()
        optimizer.step()


def _held(optimizer: Optimizer) -> list[list[int]]:
    return [[id(p) for g in part.param_groups for p in g["params"]] for part in optimizer.parts]


@kinds
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_in_exactly_one_part(name, config):
    model = changed_model(name)
    optimizer = build_optimizer(model, config)
    held = [key for part in _held(optimizer) for key in part]
    assert len(held) == len(set(held))
    assert set(held) == {id(p) for p in model.parameters()}
    kinds = [type(part) for part in optimizer.parts]
    assert kinds == [torch.optim.AdamW, Muon][: 1 + bool(config.muon_rate)]


@pytest.mark.parametrize("name", MODELS)
def test_muon_has_the_matrices_inside_the_layers(name):
    model = changed_model(name)
    inner = set(_held(build_optimizer(model, BOTH))[1])
    named = {key: p for key, p in model.named_parameters() if id(p) in inner}
    assert named
    assert all(p.ndim == 2 for p in named.values())
    lists = ("layers.", "blocks.", "encoder.", "decoder.", "tree.layers.")
    assert all(key.startswith(lists) for key in named)
    assert not [
        key
        for key, p in model.named_parameters()
        if key.startswith(lists) and p.ndim == 2 and key not in named
    ]


@kinds
def test_it_learns(config):
    net = _net()
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    before = (net(x) - 1).square().mean()
    _steps(net, build_optimizer(net, config), 40)
    assert (net(x) - 1).square().mean() < 0.3 * before


@kinds
def test_state_returns(config):
    """Five steps and three more, against five, saved, loaded into a fresh optimizer, and three."""
    net = _net()
    optimizer = build_optimizer(net, config)
    _steps(net, optimizer, 5)
    other = copy.deepcopy(net)
    kept = {key: value.clone() for key, value in optimizer.state_tensors().items()}
    _steps(net, optimizer, 3, share=0.5)
    fresh = build_optimizer(other, config)
    fresh.load_state_tensors(kept)
    _steps(other, fresh, 3, share=0.5)
    for ours, theirs in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    ends = [optimizer.state_tensors(), fresh.state_tensors()]
    assert set(ends[0]) == set(ends[1])
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


@kinds
def test_state_of_no_step_returns(config):
    net = _net()
    optimizer = build_optimizer(net, config)
    assert optimizer.state_tensors() == {}
    fresh = build_optimizer(net, config)
    fresh.load_state_tensors({})
    _steps(net, fresh, 1)
    assert fresh.state_tensors()


def test_the_state_names_part_parameter_and_moment():
    net = _net()
    optimizer = build_optimizer(net, BOTH)
    _steps(net, optimizer, 1)
    keys = {tuple(key.split(".")) for key in optimizer.state_tensors()}
    assert {key[0] for key in keys} == {"0", "1"}
    assert {key[2] for key in keys if key[0] == "0"} == {"step", "exp_avg", "exp_avg_sq"}
    assert {key[2] for key in keys if key[0] == "1"} == {"momentum_buffer"}
    assert len({key[:2] for key in keys}) == len(list(net.parameters()))


@kinds
def test_rates_are_shares_of_the_configured_ones_however_often_they_are_set(config):
    optimizer = build_optimizer(_net(), config)
    expected = [config.learning_rate, config.muon_rate][: len(optimizer.parts)]
    for share in (0.5, 0.1, 0.0, 1.0):
        optimizer.scale_rates(share)
        found = [group["lr"] for part in optimizer.parts for group in part.param_groups]
        assert found == pytest.approx([share * rate for rate in expected])


@kinds
def test_a_rate_of_zero_moves_nothing(config):
    net = _net()
    before = copy.deepcopy(net.state_dict())
    _steps(net, build_optimizer(net, config), 2, share=0.0)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_weight_decay_and_betas_are_those_of_the_settings():
    config = OptimizerConfig(weight_decay=0.03, muon_rate=0.01)
    parts = build_optimizer(_net(), config).parts
    assert [part.param_groups[0]["weight_decay"] for part in parts] == [0.03, 0.03]
    assert parts[0].param_groups[0]["betas"] == (0.9, 0.99)


def test_muon_does_what_that_of_torch_does():
    """Which multiplies in bfloat16: two or three digits agree."""
    ours, theirs = ([nn.Parameter(torch.eye(5, 3)), nn.Parameter(torch.ones(4, 6))] for _ in range(2))
    own = Muon(ours, 0.05, 0.1, 3)
    oracle = torch.optim.Muon(
        theirs, lr=0.05, weight_decay=0.1, ns_steps=3, adjust_lr_fn="match_rms_adamw"
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        own.step()
        oracle.step()
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() < 2e-3


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6)])
def test_an_orthogonal_update_keeps_directions_and_evens_sizes(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = orthogonal(matrix, 8)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.linalg.svdvals(found).max() < 1.3
    assert torch.linalg.svdvals(found).min() > 0.6
    turned = left.T @ found @ right.T
    assert (turned - turned.diagonal().diag()).abs().max() < 1e-3
