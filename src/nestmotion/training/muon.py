"""Muon: momentum whose steps are made orthogonal (Jordan 2024), in the parameters' own precision.

torch.optim.Muon multiplies in bfloat16, which takes a processor without instructions for it eighty
times as long as float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nestmotion.training.parallel import Crew

__all__ = ["Muon", "orthogonal"]

# Coefficients of Jordan's quintic iteration, which brings singular values to between 0.7 and 1.2.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_MOMENTUM = 0.95

# Updates have the size that AdamW's have, so that one weight decay suits both (Liu et al. 2025).
_ADAM_SIZE = 0.2


def orthogonal(matrix: Float[Tensor, "m n"], iterations: int) -> Float[Tensor, "m n"]:
    """The matrix with its singular values brought near one, by Newton-Schulz iterations."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T, iterations).T
    x = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return x


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum over matrices; the crew's processes share the iterations out."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        iterations: int,
        crew: Crew = Crew(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self._iterations, self._crew = iterations, crew

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step. Parameters without a gradient stay."""
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            for p, update in zip(moved, self._updates(moved), strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * _ADAM_SIZE * max(p.shape) ** 0.5)

    def _updates(self, parameters: Sequence[nn.Parameter]) -> Sequence[Tensor]:
        found = []
        for k, p in enumerate(parameters):
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(p)
            momentum = state["momentum_buffer"].lerp_(p.grad, 1 - _MOMENTUM)
            if k % self._crew.size == self._crew.rank:
                found.append(orthogonal(p.grad.lerp(momentum, _MOMENTUM), self._iterations))
            else:
                found.append(torch.zeros_like(p))
        return self._crew.sums(found)
