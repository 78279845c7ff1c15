"""Parts that the models share: embeddings of time and place, Transformer blocks, the refiner."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "HIDDEN",
    "CrossAttention",
    "FrameRefiner",
    "ModulatedBlock",
    "NoiseTime",
    "Place",
    "SquaredReLU",
    "attend",
    "sinusoids",
    "zero_linear",
    "zeroed",
]

_Layer = TypeVar("_Layer", bound=nn.Module)

# The noise time in [0, 1] is stretched to this range before its sinusoids, as if it counted steps.
_TIME_STEPS = 1000.0

# Modulation passes through this many numbers: shifts and scales of a block are few things, and a full
# matrix for each block would hold a third of the parameters.
_MODULATION_RANK = 64

# Added to the logit of what must not be looked at.
HIDDEN = -1e4


def sinusoids(value: Float[Tensor, "*b"], size: int, slowest: float = 1e4) -> Float[Tensor, "*b d"]:
    """Sine and cosine of `value` at `size`/2 frequencies from 1 down to 1/slowest (Vaswani 2017)."""
    half = size // 2
    exponent = torch.arange(half, dtype=torch.float32, device=value.device) / half
    angle = value[..., None] * torch.exp(-math.log(slowest) * exponent)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that starts at zero, for what is added to something."""
    return zeroed(nn.Linear(inputs, outputs))


def zeroed(layer: _Layer) -> _Layer:
    """The layer, with all its weights set to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def attend(
    q: Float[Tensor, "b n d"],
    k: Float[Tensor, "b m d"],
    v: Float[Tensor, "b m d"],
    heads: int,
    mask: Tensor,
) -> Float[Tensor, "b n d"]:
    """Attention of several heads. mask, broadcast to (b, heads, n, m): True where k may be looked at,
    or a number added to the logit.

    Written out: for some dozens of tokens torch's fused kernel takes five times as long on a CPU.
    """
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    if mask.dtype == torch.bool:
        mask = torch.where(mask, 0.0, HIDDEN)
    logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + mask
    return (logits.softmax(dim=-1).to(v.dtype) @ v).transpose(1, 2).flatten(-2)


class SquaredReLU(nn.Module):
    """relu(x)^2 (So et al., "Primer", NeurIPS 2021): as good as GELU here and four times as fast."""

    def forward(self, x: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        return functional.relu(x).square()


class NoiseTime(nn.Sequential):
    """The noise time (B,) as a vector (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.width = width

    def forward(self, time: Float[Tensor, "b"]) -> Float[Tensor, "b d"]:
        return super().forward(sinusoids(time * _TIME_STEPS, self.width))


class Place(nn.Module):
    """Where tokens stand, counted from the start and from the end of their clip, so that the network
    can pace an action to the length asked for."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.mix = nn.Linear(2 * width, width)

    def forward(self, valid: Bool[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        """A vector for each token."""
        count = valid.sum(dim=1, keepdim=True).float()
        index = torch.arange(valid.shape[1], dtype=torch.float32, device=valid.device)[None]
        from_end = (count - 1 - index).clamp(min=0.0)
        both = (sinusoids(index.expand_as(from_end), self.width), sinusoids(from_end, self.width))
        return self.mix(torch.cat(both, dim=-1))


class ModulatedBlock(nn.Module):
    """Pre-norm attention and MLP whose norms are shifted, scaled and gated by a condition vector.

    AdaLN-Zero (Peebles and Xie, ICCV 2023): the modulation starts at zero, the block as the identity.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, condition: int, mlp_ratio: int = 4
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_mlp = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            SquaredReLU(),
            nn.Linear(mlp_ratio * width, width),
            nn.Dropout(dropout),
        )
        self.modulation = nn.Sequential(
            nn.SiLU(), nn.Linear(condition, _MODULATION_RANK), zero_linear(_MODULATION_RANK, 6 * width)
        )

    def forward(
        self, x: Float[Tensor, "b n d"], condition: Float[Tensor, "b c"], valid: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b n d"]:
        """Tokens after one block; tokens that are not `valid` are not attended to."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(condition)[:, None].chunk(
            6, dim=-1
        )
        q, k, v = self.qkv(self.norm_attention(x) * (1 + scale_a) + shift_a).chunk(3, dim=-1)
        mixed = attend(q, k, v, self.heads, valid[:, None, None, :])
        x = x + gate_a * self.drop(self.out(mixed))
        return x + gate_m * self.mlp(self.norm_mlp(x) * (1 + scale_m) + shift_m)


class CrossAttention(nn.Module):
    """Tokens look at the nodes of a tree; starts as the identity."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.drop = nn.Dropout(dropout)
        self.out = zero_linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "b p d"],
        nodes: Float[Tensor, "b n d"],
        bias: Float[Tensor, "b p n"],
    ) -> Float[Tensor, "b p d"]:
        """x with what it takes from the nodes; `bias` is added to the attention's logits."""
        k, v = self.kv(nodes).chunk(2, dim=-1)
        mixed = attend(self.q(self.norm(x)), k, v, self.heads, bias[:, None])
        return x + self.out(self.drop(mixed))


class FrameRefiner(nn.Module):
    """Frame-by-frame correction of features by their neighbours in time, across patch borders.

    Patches are predicted side by side and their small errors differ, which shows as a jolt at every
    border. Two convolutions over 9 frames let both sides agree. Starts as the identity.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(features, width, kernel_size=5, padding=2)
        self.second = zeroed(nn.Conv1d(width, features, kernel_size=5, padding=2))

    def forward(self, x: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b t f"]:
        """Corrected features; frames that are not `valid` count as zero and come out as zero."""
        mask = valid[:, None]
        x = x.transpose(1, 2) * mask
        hidden = functional.relu(self.first(x)) * mask
        return ((x + self.second(hidden)) * mask).transpose(1, 2)
