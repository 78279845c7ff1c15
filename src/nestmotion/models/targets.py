"""What a model is trained on: clips, their texts, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from nestmotion.models.inputs import Condition

__all__ = ["Targets"]


@dataclass(frozen=True)
class Targets:
    """A batch of B clips of T frames.

    features: normalised. valid: True for real frames, which come first.
    known: values the model is given; False everywhere for clips made from text alone.
    turns (B, P, G): where the turn of an action is known for a fine token, the turns it
        may belong to; False everywhere for tokens of which nothing is known.
    """

    features: Float[Tensor, "b t f"]
    valid: Bool[Tensor, "b t"]
    known: Bool[Tensor, "b t f"]
    condition: Condition
    turns: Bool[Tensor, "b p g"]

    def to(self, device: str) -> Targets:
        return Targets(
            self.features.to(device),
            self.valid.to(device),
            self.known.to(device),
            self.condition.to(device),
            self.turns.to(device),
        )

    def rows(self, which: Int[Tensor, "r"]) -> Targets:
        """The batch of these rows."""
        return Targets(
            self.features[which],
            self.valid[which],
            self.known[which],
            self.condition.rows(which),
            self.turns[which],
        )

    def __len__(self) -> int:
        return len(self.valid)
