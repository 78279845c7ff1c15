"""Parts that the models share: embeddings of time and place, and the modulated Transformer block."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FrameRefiner", "ModulatedBlock", "sinusoids"]


def sinusoids(value: Float[Tensor, "*b"], size: int, slowest: float = 1e4) -> Float[Tensor, "*b d"]:
    """Sine and cosine of `value` at `size`/2 frequencies from 1 down to 1/slowest (Vaswani 2017)."""
    half = size // 2
    exponent = torch.arange(half, dtype=torch.float32, device=value.device) / half
    angle = value[..., None] * torch.exp(-math.log(slowest) * exponent)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


class ModulatedBlock(nn.Module):
    """Pre-norm attention and MLP whose norms are shifted, scaled and gated by a condition vector.

    AdaLN-Zero (Peebles and Xie, ICCV 2023): the modulation starts at zero, the block as the identity.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_mlp = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(
        self, x: Float[Tensor, "b n d"], condition: Float[Tensor, "b d"], valid: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b n d"]:
        """Tokens after one block; tokens that are not `valid` are not attended to."""
        parts = self.modulation(functional.silu(condition))[:, None].chunk(6, dim=-1)
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = parts
        x = x + gate_a * self._attend(self.norm_attention(x) * (1 + scale_a) + shift_a, valid)
        return x + gate_m * self.mlp(self.norm_mlp(x) * (1 + scale_m) + shift_m)

    def _attend(self, x: Float[Tensor, "b n d"], valid: Bool[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=valid[:, None, None, :], dropout_p=self.dropout * self.training
        )
        return self.out(mixed.transpose(1, 2).flatten(-2))


class FrameRefiner(nn.Module):
    """Frame-by-frame correction of features by their neighbours in time, across patch borders.

    Patches are predicted side by side and their small errors differ, which shows as a jolt at every
    border. Two convolutions over 9 frames let both sides agree. Starts as the identity.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(features, width, kernel_size=5, padding=2)
        self.second = nn.Conv1d(width, features, kernel_size=5, padding=2)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b t f"]:
        """Corrected features; frames that are not `valid` count as zero and come out as zero."""
        mask = valid[:, None]
        x = x.transpose(1, 2) * mask
        hidden = functional.gelu(self.first(x), approximate="tanh") * mask
        return ((x + self.second(hidden)) * mask).transpose(1, 2)
