"""Contrast of pairs: what belongs together is to be nearer than what does not."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

__all__ = ["TEMPERATURE", "contrast", "same_text"]

TEMPERATURE = 0.07

# Sentence vectors of captions that say the same are nearer than this cosine.
_SAME = 0.9


def same_text(vectors: Float[Tensor, "n d"], limit: float = _SAME) -> Bool[Tensor, "n n"]:
    """Pairs of texts so near to one another that neither is a wrong match for the other's motion."""
    with torch.autocast(vectors.device.type, enabled=False):
        unit = functional.normalize(vectors.float(), dim=-1)
        return unit @ unit.T > limit


def contrast(
    a: Float[Tensor, "n d"],
    b: Float[Tensor, "n d"],
    alike: Bool[Tensor, "n n"],
    weight: Float[Tensor, "n"],
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE (van den Oord 2018; Radford 2021) of n pairs, at a fixed temperature.

    alike: pairs that are no wrong match of one another, beside the diagonal; they are left out.
    weight: of each pair; pairs of weight 0 are neither right nor wrong matches of others.
    """
    # Cosines in bfloat16 would be off by more than what tells near texts apart.
    with torch.autocast(a.device.type, enabled=False):
        return _contrast(a.float(), b.float(), alike, weight)


def _contrast(a: Tensor, b: Tensor, alike: Tensor, weight: Tensor) -> Tensor:
    n = len(a)
    logits = functional.normalize(a, dim=-1) @ functional.normalize(b, dim=-1).T
    logits = logits / TEMPERATURE
    own = torch.eye(n, dtype=torch.bool, device=a.device)
    left_out = (alike | (weight == 0)[None, :] | (weight == 0)[:, None]) & ~own
    logits = logits.masked_fill(left_out, -1e4)
    target = torch.arange(n, device=a.device)
    both = functional.cross_entropy(logits, target, reduction="none")
    both = both + functional.cross_entropy(logits.T, target, reduction="none")
    return (both / 2 * weight).sum() / weight.sum().clamp(min=1e-6)
