"""AdamW, and Muon for inner weight matrices where it is asked for, as one optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nestmotion.training.config import OptimizerConfig
from nestmotion.training.muon import Muon
from nestmotion.training.parallel import Crew

__all__ = ["Optimizer", "build_optimizer"]

# Newton-Schulz iterations that make an update orthogonal; the usual five take half of a training step
# of a network of this size on a CPU.
_ITERATIONS = 3


class Optimizer:
    """Several optimizers that step together, each with a learning rate of its own."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        self._rates = [[float(group["lr"]) for group in part.param_groups] for part in parts]

    def scale_rates(self, share: float) -> None:
        """Set every learning rate to this share of its configured value."""
        for part, rates in zip(self.parts, self._rates, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * share

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_tensors(self) -> dict[str, Tensor]:
        """State by "part.parameter.name", for saving."""
        return {
            f"{k}.{index}.{name}": torch.as_tensor(value)
            for k, part in enumerate(self.parts)
            for index, state in part.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Inverse of `state_tensors`."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.parts]
        for key, value in tensors.items():
            number, index, name = key.split(".")
            states[int(number)].setdefault(int(index), {})[name] = value
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict({**part.state_dict(), "state": state})


def build_optimizer(
    model: nn.Module,
    config: OptimizerConfig,
    crew: Crew = Crew(),  # noqa: B008 (frozen)
) -> Optimizer:
    """AdamW over all parameters that learn, or Muon over the matrices inside Transformer blocks and
    AdamW over the rest (embeddings, heads, norms, biases)."""
    learning = [p for p in model.parameters() if p.requires_grad]
    inner: list[nn.Parameter] = []
    if config.muon_rate:
        blocks = [m for m in model.modules() if isinstance(m, nn.ModuleList)]
        inside = {id(p) for block in blocks for p in block.parameters()}
        inner = [p for p in learning if p.ndim == 2 and id(p) in inside]
    held = {id(p) for p in inner}
    rest = [p for p in learning if id(p) not in held]
    adam = torch.optim.AdamW(
        rest, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.99)
    )
    if not inner:
        return Optimizer([adam])
    muon = Muon(inner, config.muon_rate, config.weight_decay, _ITERATIONS, crew)
    return Optimizer([adam, muon])
