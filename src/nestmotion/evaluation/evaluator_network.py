"""The evaluator's networks: a text and a motion encoder that meet in one space, and their loss.

In the manner of the evaluators of Guo et al. (CVPR 2022) and of TMR (Petrovich et al., ICCV 2023):
contrastive, texts that say the same not counted as negatives. It shares with the generators a
frozen text encoder and nothing that was learned, so that a generator cannot please it by construction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from nestmotion.evaluation.motion_inputs import INPUT_SIZE, PATCH_FRAMES
from nestmotion.models.blocks import sinusoids

__all__ = [
    "EvaluatorNetwork",
    "MotionEncoder",
    "MotionMembers",
    "NetworkConfig",
    "TextEmbedder",
    "TextMembers",
    "contrastive_loss",
    "side_loss",
]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes. text_size: of the frozen text encoder's token states; embedding: of the shared space."""

    width: int = 128
    heads: int = 4
    motion_layers: int = 4
    text_layers: int = 2
    embedding: int = 128
    text_size: int = 384
    words: int = 1500
    dropout: float = 0.2


class _Block(nn.Module):
    """Pre-norm self-attention and MLP."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Float[Tensor, "b n d"], valid: Bool[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        parts = self.qkv(self.norm_attention(x)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        # Written out: with a mask, torch's fused attention is several times slower on a CPU.
        score = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        mixed = score.masked_fill(~valid[:, None, None, :], -1e4).softmax(dim=-1).to(v.dtype) @ v
        x = x + self.dropout(self.out(mixed.transpose(1, 2).flatten(-2)))
        return x + self.dropout(self.mlp(self.norm_mlp(x)))


class _Trunk(nn.Module):
    """Blocks over tokens with a summary token before them, whose state becomes the embedding."""

    def __init__(self, config: NetworkConfig, layers: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.dropout)
        self.summary = nn.Parameter(0.02 * torch.randn(config.width))
        blocks = (_Block(config.width, config.heads, config.dropout) for _ in range(layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(2 * config.width)
        self.head = nn.Linear(2 * config.width, config.embedding)

    def forward(self, x: Float[Tensor, "b n d"], valid: Bool[Tensor, "b n"]) -> Float[Tensor, "b e"]:
        place = sinusoids(torch.arange(x.shape[1], dtype=torch.float32, device=x.device), x.shape[2])
        x = torch.cat((self.summary.expand(x.shape[0], 1, -1), self.dropout(x + place)), dim=1)
        valid = torch.cat((torch.ones_like(valid[:, :1]), valid), dim=1)
        for block in self.blocks:
            x = block(x, valid)
        weight = valid[:, 1:, None].to(x.dtype)
        mean = (x[:, 1:] * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        summary = self.head(self.norm(torch.cat((x[:, 0], mean), dim=-1)))
        return functional.normalize(summary.float(), dim=-1)


class MotionEncoder(nn.Module):
    """motion_inputs (B, T, F) and valid (B, T), T a multiple of PATCH_FRAMES, to unit vectors (B, E).

    mean, std: of the inputs' columns over the training clips; standardising is part of the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(INPUT_SIZE))
        self.register_buffer("std", torch.ones(INPUT_SIZE))
        # Patches see two frames of each neighbour.
        self.patches = nn.Conv1d(INPUT_SIZE, config.width, PATCH_FRAMES + 4, PATCH_FRAMES, padding=2)
        self.trunk = _Trunk(config, config.motion_layers)

    def forward(
        self, inputs: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b e"]:
        x = (inputs - self.mean) / self.std * valid[..., None]
        x = self.patches(x.transpose(1, 2)).transpose(1, 2)
        return self.trunk(x, valid.unflatten(1, (-1, PATCH_FRAMES)).any(dim=-1))


class TextEmbedder(nn.Module):
    """Texts as in `padded_texts`: states (B, L, D), words (B, L), valid (B, L), to unit vectors (B, E).

    Every word piece that is frequent in captions has a learned vector beside its frozen state: a
    sentence encoder's states of "left" and "right", or of two numbers, lie close together.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.states = nn.Sequential(
            nn.LayerNorm(config.text_size), nn.Linear(config.text_size, config.width)
        )
        self.words = nn.Embedding(config.words + 1, config.width)
        nn.init.normal_(self.words.weight, std=0.1)
        with torch.no_grad():
            self.words.weight[0] = 0
        self.trunk = _Trunk(config, config.text_layers)

    def forward(
        self, states: Float[Tensor, "b l d"], words: Int[Tensor, "b l"], valid: Bool[Tensor, "b l"]
    ) -> Float[Tensor, "b e"]:
        return self.trunk(self.states(states) + self.words(words), valid)


class EvaluatorNetwork(nn.Module):
    """Both encoders and the learned scale (inverse temperature) of their cosines."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.motion = MotionEncoder(config)
        self.text = TextEmbedder(config)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def scale(self) -> Float[Tensor, ""]:
        return self.log_scale.clamp(max=math.log(50.0)).exp()


class _Members(nn.Module):
    """Encoders trained apart, as one: their vectors side by side, of unit length together, so that a
    cosine is the mean of the members' cosines."""

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def _joined(self, *inputs: Tensor) -> Float[Tensor, "b e"]:
        vectors = [encoder(*inputs) for encoder in self.encoders]
        return torch.cat(vectors, dim=-1) / math.sqrt(len(vectors))


class MotionMembers(_Members):
    """The motion encoders of several networks."""

    def forward(self, values: Tensor, valid: Tensor) -> Float[Tensor, "b e"]:
        return self._joined(values, valid)


class TextMembers(_Members):
    """The text encoders of several networks."""

    def forward(self, values: Tensor, words: Tensor, valid: Tensor) -> Float[Tensor, "b e"]:
        return self._joined(values, words, valid)


def contrastive_loss(
    texts: Float[Tensor, "n e"],
    motions: Float[Tensor, "m e"],
    owner: Int[Tensor, "n"],
    same: Bool[Tensor, "n m"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE (van den Oord et al. 2018) with several texts a motion.

    owner: motion of each text. same: pairs that are no negatives, because the text would do for that
    motion too.
    """
    logits = scale * texts @ motions.T
    rows = torch.arange(len(texts), device=texts.device)
    positive = logits[rows, owner]
    negatives = logits.masked_fill(same | functional.one_hot(owner, len(motions)).bool(), -torch.inf)
    per_text = torch.logaddexp(positive, negatives.logsumexp(dim=1)) - positive
    of_motion = negatives.logsumexp(dim=0)[owner]
    return (per_text.mean() + (torch.logaddexp(positive, of_motion) - positive).mean()) / 2


def side_loss(
    texts: Float[Tensor, "n e"],
    motions: Float[Tensor, "m e"],
    owner: Int[Tensor, "n"],
    twin: Int[Tensor, "n"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """softplus(score of the wrong pair - score of the right one) over texts that have a twin: the text
    with its sides swapped, whose motion is the mirror image. Wrong pairs are the twin's text with the
    text's own motion. twin: index of that text, -1 for none. Zero where no text has one."""
    sided = torch.nonzero(twin >= 0)[:, 0]
    if not len(sided):
        return texts.sum() * 0
    motion = motions[owner[sided]]
    gain = ((texts[sided] - texts[twin[sided]]) * motion).sum(dim=-1)
    return functional.softplus(-scale * gain).mean()
