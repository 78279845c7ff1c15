"""What every model is told: the noisy motion, what of it is known, and the text."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Condition", "Conditioned"]


@dataclass(frozen=True)
class Condition:
    """Texts of B clips; nodes as in nestmotion.text.nodes.TextNodes.

    sentence (B, S): sentence vectors. has_text (B,): False for a clip without text, whose sentence and
    nodes are not looked at.
    """

    sentence: Float[Tensor, "b s"]
    has_text: Bool[Tensor, "b"]
    node_vectors: Float[Tensor, "b n s"]
    node_kind: Int[Tensor, "b n"]
    node_level: Int[Tensor, "b n"]
    node_parent: Int[Tensor, "b n"]
    node_order: Int[Tensor, "b n"]
    node_cues: Float[Tensor, "b n c"]
    node_valid: Bool[Tensor, "b n"]

    def to(self, device: str) -> Condition:
        return Condition(*(getattr(self, f.name).to(device) for f in fields(self)))

    def rows(self, which: Int[Tensor, "r"]) -> Condition:
        """The texts of these rows."""
        return Condition(*(getattr(self, f.name)[which] for f in fields(self)))

    def tensors(self) -> dict[str, Tensor]:
        """By name, in order."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


class Conditioned(torch.nn.Module):
    """A model with its condition as separate tensors, as an ONNX graph wants its inputs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        known: Tensor,
        valid: Tensor,
        sentence: Tensor,
        has_text: Tensor,
        node_vectors: Tensor,
        node_kind: Tensor,
        node_level: Tensor,
        node_parent: Tensor,
        node_order: Tensor,
        node_cues: Tensor,
        node_valid: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """(clean, alignment), as the model's `denoise` gives them."""
        condition = Condition(
            sentence,
            has_text,
            node_vectors,
            node_kind,
            node_level,
            node_parent,
            node_order,
            node_cues,
            node_valid,
        )
        found = self.model.denoise(noisy, time, known, valid, condition)
        return found.clean, found.alignment
